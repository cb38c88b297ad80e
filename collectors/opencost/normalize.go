package opencost

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Types of event. The subject is an origin.
const (
	// typeAllocation holds an allocation of one day, verbatim.
	typeAllocation = Name + ".rest.allocation"
	// typeGone holds the name and window of one that is in the day's answer no more.
	typeGone = Name + ".rest.gone"
)

// Parts of a name that are nobody's.
const (
	idle        = "__idle__"
	unallocated = "__unallocated__"
	unmounted   = "__unmounted__"
)

// allocation has the shape of https://opencost.io/docs/integrations/api-examples.
type allocation struct {
	// Name is made of what the allocations were asked for by, with slashes between.
	Name   string `json:"name"`
	Window struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
	} `json:"window"`
	CPUCost                    float64  `json:"cpuCost"`
	CPUCostAdjustment          float64  `json:"cpuCostAdjustment"`
	GPUCost                    float64  `json:"gpuCost"`
	GPUCostAdjustment          float64  `json:"gpuCostAdjustment"`
	RAMCost                    float64  `json:"ramCost"`
	RAMCostAdjustment          float64  `json:"ramCostAdjustment"`
	PVCost                     float64  `json:"pvCost"`
	PVCostAdjustment           float64  `json:"pvCostAdjustment"`
	NetworkCost                float64  `json:"networkCost"`
	NetworkCostAdjustment      float64  `json:"networkCostAdjustment"`
	LoadBalancerCost           float64  `json:"loadBalancerCost"`
	LoadBalancerCostAdjustment float64  `json:"loadBalancerCostAdjustment"`
	TotalCost                  *float64 `json:"totalCost"`
}

// Normalize turns an allocation into the costs of its day by category.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != typeAllocation && ev.Type != typeGone {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	var a allocation
	if err := json.Unmarshal(ev.Data, &a); err != nil {
		return nil, fmt.Errorf("reading an allocation: %w", err)
	}
	o, err := readOrigin(ev.Subject)
	if err != nil {
		return nil, err
	}
	start := a.Window.Start.UTC()
	switch {
	case a.Name == "":
		return nil, errors.New("an allocation without name")
	case !start.After(schema.MinTime) || !start.Equal(start.Truncate(day)) || a.Window.End.Sub(start) != day:
		return nil, fmt.Errorf("the window from %s to %s is not one day of UTC", start.Format(time.RFC3339), a.Window.End.UTC().Format(time.RFC3339))
	case ev.Type == typeAllocation && a.TotalCost == nil:
		return nil, errors.New("totalCost is null: OpenCost could not compute it")
	}
	like := o.like(a.Name)
	// OpenCost does not say when it computed: the later answer counts.
	like.Meta = schema.Meta{Source: Name, Version: schema.NewVersion(ev.Time, 0)}
	like.Day, like.Currency, like.Cluster = start, s.cfg.Currency, o.cluster
	var out []schema.Fact
	for _, c := range a.categories() {
		f := like
		f.CostID = strings.Join([]string{Name + ":" + o.cluster, a.Name, c.name}, "|")
		f.Category, f.Amount = c.name, round(c.amount)
		if ev.Type == typeGone || f.Amount == 0 {
			// Withdraws what an earlier answer may have said.
			f.Deleted, f.Amount = 1, 0
		}
		out = append(out, &f)
	}
	return out, nil
}

type category struct {
	name   string
	amount float64
}

// categories are always the same ones, so that one which has become nothing is
// told; their amounts add up to the total.
func (a allocation) categories() []category {
	total := 0.0
	if a.TotalCost != nil {
		total = *a.TotalCost
	}
	if slices.Contains(strings.Split(a.Name, "/"), idle) {
		return []category{{"idle", total}}
	}
	compute := a.CPUCost + a.CPUCostAdjustment + a.GPUCost + a.GPUCostAdjustment + a.RAMCost + a.RAMCostAdjustment
	storage := a.PVCost + a.PVCostAdjustment
	network := a.NetworkCost + a.NetworkCostAdjustment + a.LoadBalancerCost + a.LoadBalancerCostAdjustment
	other := total - compute - storage - network
	if math.Abs(other) < rounding {
		other = 0
	}
	return []category{{"compute", compute}, {"storage", storage}, {"network", network}, {"other", other}}
}

// rounding is below what the rounded parts of a total may differ from it.
const rounding = 1e-4

// round is to the five decimals that OpenCost gives.
func round(x float64) float64 {
	const decimals = 1e5
	return math.Round(x*decimals) / decimals
}

// origin is what an allocation does not say: the cluster, and what names service and
// team. An event keeps it, so that history is read as it was asked for.
type origin struct{ cluster, service, team string }

func (o origin) String() string {
	return url.Values{"cluster": {o.cluster}, "service": {o.service}, "team": {o.team}}.Encode()
}

func readOrigin(subject string) (origin, error) {
	q, err := url.ParseQuery(subject)
	if err != nil {
		return origin{}, fmt.Errorf("reading where the allocation is from: %w", err)
	}
	o := origin{q.Get("cluster"), q.Get("service"), q.Get("team")}
	if o.cluster == "" {
		return origin{}, errors.New("an allocation of no cluster")
	}
	return o, nil
}

// by is what allocations are asked for by, in the order of their names' parts.
func (o origin) by() []string {
	out := []string{"namespace", "controller"}
	for _, k := range []string{o.service, o.team} {
		if strings.HasPrefix(k, "label:") {
			out = append(out, k)
		}
	}
	return out
}

// like reads whose cost it is from an allocation's name.
func (o origin) like(name string) schema.Cost {
	by := o.by()
	parts := strings.Split(name, "/")
	if len(parts) != len(by) || slices.Contains(parts, idle) {
		return schema.Cost{}
	}
	value := map[string]string{}
	for i, k := range by {
		if parts[i] != unallocated && parts[i] != unmounted {
			value[k] = parts[i]
		}
	}
	c := schema.Cost{ServiceRef: value[o.service], TeamRef: value[o.team]}
	// A controller is written with its kind: "deployment:checkout".
	_, controller, ok := strings.Cut(value["controller"], ":")
	if !ok {
		controller = value["controller"]
	}
	if controller != "" && value["namespace"] != "" {
		c.Workload = value["namespace"] + "/" + controller
	}
	return c
}

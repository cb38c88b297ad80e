// Package policyreport reads PolicyReport and ClusterPolicyReport objects
// (wgpolicyk8s.io) and Report and ClusterReport (openreports.io), in which Kyverno,
// Gatekeeper and others say which resource keeps which policy. Objects are posted as
// JSON, one or a list as "kubectl get -o json" prints it. Asking the Kubernetes API
// may not enter.
//
// The traps, each with a test of its name:
//   - the resource is the report's scope when a result names none
//     (TestTheResourceIsTheScopeWhenNoneIsNamed);
//   - a result without a time is of when the report came
//     (TestAResultWithoutATimeIsOfTheReport);
//   - one report may say two things of one check, of which the worse counts
//     (TestTheWorseOfTwoResultsCounts).
package policyreport

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/generic"
	"github.com/headway-metrics/headway/schema"
)

// Name of the source.
const Name = "policyreport"

const reportType = Name + ".report"

// ClusterHeader names the cluster that a report is of.
const ClusterHeader = "X-Headway-Cluster"

// Config is sources.policyreport.
type Config struct {
	generic.Auth `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name: Name, Title: "Kyverno and Gatekeeper", Group: collectors.GroupSecurity, AlwaysOn: true,
		Facts:     []string{"policy_results"},
		Signature: generic.SignatureInWords,
		Config:    func() any { return &Config{} },
		New: func(cfg any, deps collectors.Deps) (collectors.Source, error) {
			v, err := cfg.(*Config).Verifier(Name, deps.APIToken)
			if err != nil {
				return nil, err
			}
			return &Source{v}, nil
		},
	}
}

// Source takes reports at /hooks/policyreport.
type Source struct{ generic.Verifier }

// Name implements collectors.Source.
func (*Source) Name() string { return Name }

// Events implements collectors.Receiver: one event, whose subject is the cluster.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	cluster := header.Get(ClusterHeader)
	return []schema.Event{{
		ID: schema.EventID(Name, cluster, string(body)), Source: Name, Type: reportType, Subject: cluster, Key: cluster, Time: received.UTC(), Data: body,
	}}, nil
}

// object is a report, or a list of them.
type object struct {
	Kind    string   `json:"kind"`
	Items   []object `json:"items"`
	Scope   *target  `json:"scope"`
	Results []result `json:"results"`
}

type target struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

type result struct {
	Source    string   `json:"source"`
	Policy    string   `json:"policy"`
	Rule      string   `json:"rule"`
	Category  string   `json:"category"`
	Severity  string   `json:"severity"`
	Result    string   `json:"result"`
	Message   string   `json:"message"`
	Resources []target `json:"resources"`
	Timestamp struct {
		Seconds int64 `json:"seconds"`
	} `json:"timestamp"`
}

// Normalize implements collectors.Source.
func (*Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != reportType {
		return nil, fmt.Errorf("unknown event type %s", ev.Type)
	}
	return Facts(Name, ev.Subject, ev.Data, ev.Time)
}

// Facts are the results in a report, or in a list of them, that a source got from a
// cluster at a time. A result has the same id whichever source brings it.
func Facts(source, cluster string, data []byte, received time.Time) ([]schema.Fact, error) {
	from := origin{source, cluster, received}
	var o object
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	reports := []object{o}
	if strings.HasSuffix(o.Kind, "List") {
		reports = o.Items
	}
	worst := map[string]int{}
	var out []schema.Fact
	for _, r := range reports {
		if !slices.Contains([]string{"PolicyReport", "ClusterPolicyReport", "Report", "ClusterReport"}, r.Kind) {
			return nil, fmt.Errorf("kind %q is no report of policies", r.Kind)
		}
		for _, res := range r.Results {
			facts, err := r.facts(res, from)
			if err != nil {
				return nil, err
			}
			for _, f := range facts {
				i, known := worst[f.FactID()]
				if !known {
					worst[f.FactID()] = len(out)
					out = append(out, f)
				} else if have, ok := out[i].(*schema.PolicyResult); ok && rank(f.Outcome) < rank(have.Outcome) {
					out[i] = f
				}
			}
		}
	}
	if len(out) == 0 {
		return nil, schema.Ignore("policy report without results")
	}
	return out, nil
}

// outcomes in the order in which they count.
func outcomes() []string {
	return []string{schema.PolicyFail, schema.PolicyError, schema.PolicyWarn, schema.PolicyPass, schema.PolicySkip}
}

func rank(outcome string) int { return slices.Index(outcomes(), outcome) }

// origin is what a report does not say of itself.
type origin struct {
	source, cluster string
	received        time.Time
}

func (r object) facts(res result, from origin) ([]*schema.PolicyResult, error) {
	if res.Policy == "" {
		return nil, errors.New("a result names no policy")
	}
	if rank(res.Result) < 0 {
		return nil, fmt.Errorf("result %q of policy %s is none of %s", res.Result, res.Policy, strings.Join(outcomes(), ", "))
	}
	resources := res.Resources
	if len(resources) == 0 && r.Scope != nil {
		resources = []target{*r.Scope}
	}
	if len(resources) == 0 {
		return nil, fmt.Errorf("neither the result of policy %s nor the report's scope names a resource", res.Policy)
	}
	at := from.received
	if res.Timestamp.Seconds > 0 {
		at = time.Unix(res.Timestamp.Seconds, 0).UTC()
	}
	var out []*schema.PolicyResult
	for _, t := range resources {
		f := &schema.PolicyResult{
			Meta: schema.Meta{Source: from.source, Version: schema.NewVersion(at, 0)}, Day: at.UTC().Truncate(24 * time.Hour), At: at,
			Tool: strings.ToLower(cmp.Or(res.Source, "unknown")), Policy: res.Policy, Rule: res.Rule, Category: res.Category,
			Severity: schema.Severity(res.Severity), Outcome: res.Result, Message: res.Message, Cluster: from.cluster,
			Resource: strings.Join([]string{t.Kind, t.Namespace, t.Name}, "/"),
		}
		if t.Namespace != "" {
			f.Workload = t.Namespace + "/" + t.Name
		}
		f.ResultID = strings.Join([]string{Name, f.Cluster, f.Tool, f.Policy, f.Rule, f.Resource}, "|")
		out = append(out, f)
	}
	return out, nil
}

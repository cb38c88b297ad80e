package metrics

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/headway-metrics/headway/schema"
)

// split writes the points of a metric, each as "dimensions: numerator of denominator".
func (w warehouse) split(t *testing.T, r Request) []string {
	t.Helper()
	number := func(x *float64) string {
		if x == nil {
			return "NULL"
		}
		return fmt.Sprint(*x)
	}
	var out []string
	for _, p := range w.get(t, r) {
		var dims []string
		for _, d := range r.By {
			dims = append(dims, p.Dims[string(d)])
		}
		line := strings.Join(dims, " ") + ": " + number(p.Numerator) + " of " + number(p.Denominator)
		if p.Numerator == nil {
			line = fmt.Sprintf("%s: %s of %d", strings.Join(dims, " "), number(p.Value), p.N)
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

func wantLines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestRequestsByService: a request is of the service that it names under any of its
// names, and of none when it names none.
func TestRequestsByService(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	request := func(id, service, channel, status string) *schema.Request {
		return &schema.Request{
			Meta: meta(), RequestID: id, CapabilityID: "db", Channel: channel, Status: status, ServiceRef: service, TeamRef: "a", MinutesSaved: 2,
			CreatedAt: at("2026-06-01T10:00:00Z"), CompletedAt: new(at("2026-06-01T10:01:00Z")),
		}
	}
	w.facts(
		t,
		&schema.Service{Meta: meta(), ServiceID: "shop", Aliases: []string{"k8s:shop"}},
		request("1", "shop", "self_service", "completed"), request("2", "k8s:shop", "manual", "completed"),
		request("3", "cart", "self_service", "completed"), request("4", "", "self_service", "completed"),
		request("5", "k8s:shop", "self_service", "failed"), request("6", "", "self_service", "failed"),
		&schema.Ticket{
			Meta: meta(), TicketID: "T-1", Type: schema.TicketRequest, ServiceRef: "k8s:shop", TeamRef: "a",
			CreatedAt: at("2026-06-01T10:30:00Z"), ResolvedAt: new(at("2026-06-01T10:33:00Z")),
		},
	)
	wantLines(t, "ratio", w.split(t, june("self_service_ratio", Service)), "(none): 1 of 1", "cart: 1 of 1", "shop: 1 of 3")
	wantLines(t, "wait", w.split(t, june("request_wait", Service)), "(none): 60 of 1", "cart: 60 of 1", "shop: 60 of 3")
	// The ticket of the team may be about the other run as well.
	wantLines(t, "fallback", w.split(t, june("self_service_fallback", Service)), "(none): 1 of 1", "shop: 1 of 1")
	wantLines(t, "saved", w.split(t, june("time_saved", Service)), "(none): 120 of NULL", "cart: 120 of NULL", "shop: 120 of NULL")
	r := june("self_service_ratio")
	r.Filters = map[Dimension][]string{Service: {"shop", None}}
	wantLines(t, "two services", w.split(t, r), ": 2 of 4")
}

// TestSupportBySplit: workloads stand beside every category and capability, and each
// service's tickets beside its own workloads.
func TestSupportBySplit(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	ticket := func(id, kind, service, category, capability string) *schema.Ticket {
		return &schema.Ticket{
			Meta: meta(), TicketID: id, Type: kind, TeamRef: "a", ServiceRef: service, Category: category, CapabilityID: capability, Theme: category,
			CreatedAt: at("2026-06-02T10:00:00Z"), FirstResponseAt: new(at("2026-06-02T10:01:00Z")), ResolvedAt: new(at("2026-06-02T10:02:00Z")),
		}
	}
	workload := func(cluster, name, service, environment string) *schema.Workload {
		return &schema.Workload{
			Meta: meta(), WorkloadID: cluster + "/" + name, Day: at("2026-06-03T00:00:00Z"), Cluster: cluster, Name: name, ServiceRef: service, TeamRef: "a",
			Environment: environment, Tier: schema.TierProduction, OnPlatform: schema.OnPlatformYes,
		}
	}
	w.facts(
		t,
		ticket("1", "support", "shop", "ci", "deploy"), ticket("2", "support", "shop", "ci", "db"), ticket("3", "support", "cart", "", "db"),
		ticket("4", "support", "", "access", ""), ticket("5", "feature", "shop", "speed", "db"), ticket("6", "feature", "", "speed", ""),
		workload("eu", "one", "shop", "prod-eu"), workload("eu", "two", "shop", "prod-eu"), workload("us", "one", "shop", "prod-us"),
		workload("us", "idle", "idle", ""),
	)
	volume := func(by ...Dimension) []string { return w.split(t, june("support_ticket_volume", by...)) }
	wantLines(t, "all", volume(), ": 4 of 4")
	wantLines(t, "by capability", volume(Capability), "(none): 1 of 4", "db: 2 of 4", "deploy: 1 of 4")
	wantLines(t, "by category", volume(Category), "(none): 1 of 4", "access: 1 of 4", "ci: 2 of 4")
	wantLines(t, "by service", volume(Service), "(none): 1 of 0", "cart: 1 of 0", "idle: 0 of 1", "shop: 2 of 3")
	if both := volume(Category, Capability); len(both) != 9 || both[8] != "ci deploy: 1 of 4" || both[2] != "(none) deploy: 0 of 4" {
		t.Errorf("by category and capability: %q", both)
	}
	only := func(f map[Dimension][]string, by ...Dimension) []string {
		r := june("support_ticket_volume", by...)
		r.Filters = f
		return w.split(t, r)
	}
	wantLines(t, "of a capability", only(map[Dimension][]string{Capability: {"db"}}), ": 2 of 4")
	wantLines(t, "of two categories", only(map[Dimension][]string{Category: {"ci", "access"}}), ": 3 of 4")
	wantLines(t, "of a capability, by service", only(map[Dimension][]string{Capability: {"db"}}, Service), "cart: 1 of 0", "idle: 0 of 1", "shop: 1 of 3")
	wantLines(t, "of a capability, by capability", only(map[Dimension][]string{Capability: {"db"}}, Capability), "db: 2 of 4")
	wantLines(t, "of a service, by category", only(map[Dimension][]string{Service: {"shop"}}, Category), "(none): 0 of 3", "access: 0 of 3", "ci: 2 of 3")
	beside := 0
	for _, row := range w.explain(t, june("support_ticket_volume")).Counted {
		if row.Dims["capability"] == All && row.Dims["category"] == All {
			beside++
		}
	}
	if beside != 3 { // Of shop in two clusters, and of idle.
		t.Errorf("%d rows of workloads stand beside everything, want 3", beside)
	}

	for _, id := range []string{"support_first_response_time", "support_resolution_time"} {
		if got := w.split(t, june(id, Service)); len(got) != 3 || !strings.HasPrefix(got[2], "shop: ") || !strings.HasSuffix(got[2], " of 2") {
			t.Errorf("%s by service: %q", id, got)
		}
	}
	wantLines(t, "reopened", w.split(t, june("support_reopen_rate", Service)), "(none): 0 of 1", "cart: 0 of 1", "shop: 0 of 2")
	wantLines(t, "wishes", w.split(t, june("feature_requests", Service, Capability)), "(none) (none): 1 of NULL", "shop db: 1 of NULL")
	wantLines(t, "untagged wishes", w.split(t, june("feature_requests_untagged", Capability)), "(none): 0 of 1", "db: 0 of 1")
	wantLines(t, "environments", w.split(t, june("workloads_on_platform", Environment)), "(none): 1 of 1", "prod-eu: 2 of 2", "prod-us: 1 of 1")
	r := june("workloads_unknown")
	r.Filters = map[Dimension][]string{Environment: {"prod-eu"}}
	wantLines(t, "of an environment", w.split(t, r), ": 0 of 2")
}

// TestWishesByCapability: a team counts once for each capability of which it asks
// for something, and once in all.
func TestWishesByCapability(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	facts := append(activeTeam("a", "2026-06-01T00:00:00Z"), activeTeam("b", "2026-06-01T00:00:00Z")...)
	for i, x := range []struct{ team, capability, theme string }{{"a", "db", "speed"}, {"a", "db", "cost"}, {"a", "", "speed"}, {"b", "queue", "speed"}} {
		facts = append(facts, &schema.Ticket{
			Meta: meta(), TicketID: strconv.Itoa(i), Type: schema.TicketFeature, TeamRef: x.team, CapabilityID: x.capability, Theme: x.theme, CreatedAt: at("2026-06-02T00:00:00Z"),
		})
	}
	w.facts(t, facts...)
	patterns := func(by ...Dimension) []string { return w.split(t, june("feature_request_patterns", by...)) }
	wantLines(t, "all", patterns(), ": 2 of 2")
	wantLines(t, "by capability", patterns(Capability), "(none): 1 of 2", "db: 1 of 2", "queue: 1 of 2")
	wantLines(t, "by theme", patterns(Theme), "cost: 1 of 2", "speed: 2 of 2")
	wantLines(t, "by both", patterns(Capability, Theme), "(none) speed: 1 of 2", "db cost: 1 of 2", "db speed: 1 of 2", "queue speed: 1 of 2")
}

// TestSupportAgainstOracle: by any dimensions, under any filters, the tickets and
// workloads of each group are those that a count one by one finds.
func TestSupportAgainstOracle(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	dimensions := []Dimension{Team, Service, Category, Capability}
	value := map[Dimension][]string{
		Team: {"a", "b", ""}, Service: {"shop", "cart", ""}, Category: {"ci", "access", ""}, Capability: {"db", "deploy", ""},
	}
	rapid.Check(t, func(rt *rapid.T) {
		for _, table := range []string{"tickets", "workloads", "resolved_tickets", "resolved_workloads", "resolved_snapshots"} {
			if err := w.Exec(t.Context(), "TRUNCATE TABLE "+table, nil); err != nil {
				rt.Fatal(err)
			}
		}
		draw := func(d Dimension) string { return rapid.SampledFrom(value[d]).Draw(rt, string(d)) }
		label := func(x string) string {
			if x == "" {
				return None
			}
			return x
		}
		var facts []schema.Fact
		var tickets, workloads []map[Dimension]string
		every := map[Dimension]map[string]bool{Category: {None: true}, Capability: {None: true}}
		for i := range rapid.IntRange(0, 12).Draw(rt, "tickets") {
			x := &schema.Ticket{
				Meta: meta(), TicketID: strconv.Itoa(i), Type: schema.TicketSupport, CreatedAt: at("2026-06-02T00:00:00Z"),
				TeamRef: draw(Team), ServiceRef: draw(Service), Category: draw(Category), CapabilityID: draw(Capability),
			}
			facts = append(facts, x)
			line := map[Dimension]string{Team: label(x.TeamRef), Service: label(x.ServiceRef), Category: label(x.Category), Capability: label(x.CapabilityID)}
			every[Category][line[Category]], every[Capability][line[Capability]] = true, true
			tickets = append(tickets, line)
		}
		for i := range rapid.IntRange(0, 8).Draw(rt, "workloads") {
			x := &schema.Workload{
				Meta: meta(), WorkloadID: strconv.Itoa(i), Day: at("2026-06-03T00:00:00Z"), Cluster: rapid.SampledFrom([]string{"eu", "us"}).Draw(rt, "cluster"),
				TeamRef: draw(Team), ServiceRef: draw(Service), OnPlatform: schema.OnPlatformYes,
			}
			facts = append(facts, x)
			workloads = append(workloads, map[Dimension]string{Team: label(x.TeamRef), Service: label(x.ServiceRef)})
		}
		w.facts(t, facts...)
		r := june("support_ticket_volume", rapid.Permutation(dimensions).Draw(rt, "by")[:rapid.IntRange(0, 4).Draw(rt, "split by")]...)
		r.Filters = map[Dimension][]string{}
		for _, d := range rapid.Permutation(dimensions).Draw(rt, "filtered")[:rapid.IntRange(0, 2).Draw(rt, "filters")] {
			r.Filters[d] = []string{label(draw(d)), label(draw(d))}
		}
		found := map[string][2]int{}
		if len(r.By) == 0 {
			found[""] = [2]int{}
		}
		// A workload is of the group of every combination of the values that it lacks.
		place := func(line map[Dimension]string, n [2]int) {
			for d, values := range r.Filters {
				if x, has := line[d]; has && !slices.Contains(values, x) {
					return
				}
			}
			groups := []string{""}
			for _, d := range r.By {
				mine := []string{line[d]}
				if _, has := line[d]; !has {
					mine = slices.DeleteFunc(slices.Collect(maps.Keys(every[d])), func(x string) bool {
						return r.Filters[d] != nil && !slices.Contains(r.Filters[d], x)
					})
				}
				var longer []string
				for _, g := range groups {
					for _, x := range mine {
						longer = append(longer, strings.TrimSpace(g+" "+x))
					}
				}
				groups = longer
			}
			for _, g := range groups {
				found[g] = [2]int{found[g][0] + n[0], found[g][1] + n[1]}
			}
		}
		for _, x := range tickets {
			place(x, [2]int{1, 0})
		}
		for _, x := range workloads {
			place(x, [2]int{0, 1})
		}
		var want []string
		for g, n := range found {
			want = append(want, fmt.Sprintf("%s: %d of %d", g, n[0], n[1]))
		}
		slices.Sort(want)
		if got := w.split(t, r); !slices.Equal(got, want) {
			rt.Fatalf("by %v, of %v: %q, want %q", r.By, r.Filters, got, want)
		}
	})
}

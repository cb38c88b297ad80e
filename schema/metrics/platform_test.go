package metrics

import (
	"fmt"
	"testing"

	"github.com/headway-metrics/headway/schema"
)

// facts stores facts in one batch.
func (w warehouse) facts(t *testing.T, facts ...schema.Fact) {
	t.Helper()
	for _, f := range facts {
		if err := schema.Seal(f, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Insert(t.Context(), facts); err != nil {
		t.Fatal(err)
	}
	var dirty []schema.DirtyKey
	for _, f := range facts {
		dirty = append(dirty, f.DirtyKeys()...)
	}
	w.resolve(t, dirty...)
}

func meta() schema.Meta {
	return schema.Meta{Version: schema.NewVersion(at("2026-01-01T00:00:00Z"), 0)}
}

// activeTeam makes a team active: it owns a service and merged a change.
func activeTeam(team, merged string) []schema.Fact {
	repo := "github.com/acme/" + team
	return []schema.Fact{
		&schema.Team{Meta: meta(), TeamID: team, Name: team},
		&schema.Service{Meta: meta(), ServiceID: team + "-svc", Name: team, Repo: repo, Aliases: []string{"k8s:" + team}},
		&schema.Ownership{Meta: meta(), ServiceID: team + "-svc", ValidFrom: at("2026-01-01T00:00:00Z"), TeamID: team},
		&schema.Change{
			Meta: meta(), Repo: repo, ChangeID: repo + "#1", State: schema.ChangeMerged,
			OpenedAt: at(merged), MergedAt: new(at(merged)), ClosedAt: new(at(merged)),
		},
	}
}

func use(id, capability, when string, edit ...func(*schema.CapabilityUse)) *schema.CapabilityUse {
	u := &schema.CapabilityUse{Meta: meta(), UseID: id, CapabilityID: capability, At: at(when), Qualifying: 1}
	for _, f := range edit {
		f(u)
	}
	return u
}

func byTeam(team string) func(*schema.CapabilityUse) {
	return func(u *schema.CapabilityUse) { u.TeamRef = team }
}

func TestTeamsUsingCapabilities(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	facts := []schema.Fact{
		&schema.Capability{Meta: meta(), CapabilityID: "deploy", Name: "Deploy", ReleasedAt: new(at("2026-01-01T00:00:00Z"))},
		&schema.Capability{Meta: meta(), CapabilityID: "db", Name: "Database"},
		&schema.Capability{Meta: meta(), CapabilityID: "later", Name: "Later", ReleasedAt: new(at("2026-08-01T00:00:00Z"))},
		use("1", "deploy", "2026-06-01T10:00:00Z", byTeam("a")),
		use("2", "db", "2026-06-01T10:00:00Z", byTeam("a")),
		use("3", "deploy", "2026-05-01T10:00:00Z", byTeam("b")), // 41 days before.
		use("4", "deploy", "2026-06-02T10:00:00Z", func(u *schema.CapabilityUse) { u.ServiceRef = "k8s:c" }),
		use("5", "db", "2026-06-02T10:00:00Z", func(u *schema.CapabilityUse) { u.TeamRef, u.Qualifying = "b", 0 }),
		use("6", "db", "2026-06-02T10:00:00Z", byTeam("idle")), // Used, not active.
		use("7", "db", "2026-06-11T00:00:00Z", byTeam("c")),    // After the window.
	}
	facts = append(facts, activeTeam("a", "2026-06-01T00:00:00Z")...)
	facts = append(facts, activeTeam("b", "2026-04-01T00:00:00Z")...)
	facts = append(facts, activeTeam("c", "2026-03-14T00:00:00Z")...)
	facts = append(facts, activeTeam("idle", "2026-03-12T00:00:00Z")...) // 91 days before.
	w.facts(t, facts...)

	p := w.total(t, june("teams_using_capabilities"))
	wantNumber(t, "teams using anything", p.Value, 2./3)
	r := june("teams_using_capabilities", Capability)
	points := w.get(t, r)
	if len(points) != 2 || points[0].Dims["capability"] != "db" || points[1].Dims["capability"] != "deploy" {
		t.Fatalf("capabilities: %+v", points)
	}
	wantNumber(t, "teams using the database", points[0].Value, 1./3)
	wantNumber(t, "teams using deploy", points[1].Value, 2./3)
	x := w.explain(t, r)
	if len(x.Counted) != 6 || len(x.Excluded) != 1 || x.Excluded[0].Dims["team"] != "idle" {
		t.Errorf("explanation: %d counted, excluded %+v", len(x.Counted), x.Excluded)
	}
	// b used deploy in the 28 days to 13 May and not in those to 10 June; a and c
	// began later.
	points = w.get(t, june("capability_retention", Capability))
	if len(points) != 1 {
		t.Fatalf("retention: %+v", points)
	}
	wantNumber(t, "retention", points[0].Value, 0)
	wantNumber(t, "of", points[0].Denominator, 1)

	r = june("teams_using_capabilities")
	r.From, r.To = at("2025-06-01T00:00:00Z"), at("2025-06-08T00:00:00Z")
	wantNull(t, "without active teams", w.total(t, r).Value)
	wantNull(t, "retention without uses", w.total(t, Request{Metric: "capability_retention", From: r.From, To: r.To}).Value)
}

// TestTeamAsOfEvent: a reorganisation on day 15 leaves days 1–14 with the old
// team (DEFINITIONS, "Worked examples"), whoever names the use.
func TestTeamAsOfEvent(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.facts(
		t,
		&schema.Team{Meta: meta(), TeamID: "group:default/old", Name: "Old"},
		&schema.Team{Meta: meta(), TeamID: "group:default/new", Name: "New"},
		&schema.Service{Meta: meta(), ServiceID: "shop", Name: "shop", Aliases: []string{"argocd:shop"}},
		&schema.Ownership{Meta: meta(), ServiceID: "shop", ValidFrom: at("2026-03-01T00:00:00Z"), TeamID: "group:default/old"},
		&schema.Ownership{Meta: meta(), ServiceID: "shop", ValidFrom: at("2026-05-15T00:00:00Z"), TeamID: "group:default/new"},
		&schema.Identity{Meta: meta(), Ref: "backstage:ada", PersonID: "p1"},
		&schema.Membership{Meta: meta(), PersonID: "p1", TeamID: "group:default/old", ValidFrom: at("2026-03-01T00:00:00Z"), ValidTo: new(at("2026-05-15T00:00:00Z"))},
		&schema.Membership{Meta: meta(), PersonID: "p1", TeamID: "group:default/new", ValidFrom: at("2026-05-15T00:00:00Z")},
		use("s0", "c", "2026-02-01T00:00:00Z", func(u *schema.CapabilityUse) { u.ServiceRef = "shop" }),
		use("s1", "c", "2026-05-14T23:59:59Z", func(u *schema.CapabilityUse) { u.ServiceRef = "argocd:shop" }),
		use("s2", "c", "2026-05-15T00:00:00Z", func(u *schema.CapabilityUse) { u.ServiceRef = "argocd:shop" }),
		use("a0", "c", "2026-02-01T00:00:00Z", func(u *schema.CapabilityUse) { u.Actor = "backstage:ada" }),
		use("a1", "c", "2026-05-14T23:59:59Z", func(u *schema.CapabilityUse) { u.Actor = "backstage:ada" }),
		use("a2", "c", "2026-05-15T00:00:00Z", func(u *schema.CapabilityUse) { u.Actor = "backstage:ada" }),
		use("t1", "c", "2026-05-15T00:00:00Z", func(u *schema.CapabilityUse) { u.TeamRef, u.ServiceRef = "old", "argocd:shop" }),
		use("t2", "c", "2026-05-15T00:00:00Z", byTeam("somebody")),
		use("n", "c", "2026-05-15T00:00:00Z"),
	)
	_, rows, err := w.Reader.Query(t.Context(), "SELECT use_id, team_id FROM resolved_uses FINAL ORDER BY use_id", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"s0": "group:default/old", "s1": "group:default/old", "s2": "group:default/new",
		"a0": "group:default/old", "a1": "group:default/old", "a2": "group:default/new",
		"t1": "group:default/old", "t2": "somebody", "n": "",
	}
	for _, row := range rows {
		if got := row[1]; got != want[row[0].(string)] {
			t.Errorf("use %s is of team %q, want %q", row[0], got, want[row[0].(string)])
		}
	}
	if len(rows) != len(want) {
		t.Errorf("%d uses, want %d: a join multiplied or lost rows", len(rows), len(want))
	}
}

// TestOwnerOfTheCatalog: the view knows the order that derivation knows.
func TestOwnerOfTheCatalog(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	row := func(source, from, team string) *schema.Ownership {
		m := meta()
		m.Source = source
		return &schema.Ownership{Meta: m, ServiceID: "shop", ValidFrom: at(from), TeamID: team}
	}
	w.facts(
		t,
		&schema.Service{Meta: meta(), ServiceID: "shop", Name: "shop"},
		row("config", "1970-01-01T00:00:00Z", "founders"), row("csv", "2026-05-05T00:00:00Z", "movers"), row("config", "2026-05-20T00:00:00Z", "by hand"),
		row("backstage", "2026-05-10T00:00:00Z", "catalog"),
		use("1", "c", "2026-05-04T00:00:00Z", func(u *schema.CapabilityUse) { u.ServiceRef = "shop" }),
		use("2", "c", "2026-05-09T00:00:00Z", func(u *schema.CapabilityUse) { u.ServiceRef = "shop" }),
		use("3", "c", "2026-05-10T00:00:00Z", func(u *schema.CapabilityUse) { u.ServiceRef = "shop" }),
		use("4", "c", "2026-05-21T00:00:00Z", func(u *schema.CapabilityUse) { u.ServiceRef = "shop" }),
	)
	_, rows, err := w.Reader.Query(t.Context(), "SELECT team_id FROM resolved_uses FINAL ORDER BY use_id", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"founders", "movers", "catalog", "catalog"}
	if len(rows) != len(want) {
		t.Fatalf("%d uses, want %d", len(rows), len(want))
	}
	for i, r := range rows {
		if r[0] != want[i] {
			t.Errorf("use %d is of %q, want %q", i+1, r[0], want[i])
		}
	}
}

func TestNewCapabilityAdoption(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	facts := []schema.Fact{
		&schema.Capability{Meta: meta(), CapabilityID: "db", Name: "Database", ReleasedAt: new(at("2026-03-01T00:00:00Z"))},
		&schema.Capability{Meta: meta(), CapabilityID: "cdn", Name: "CDN", ReleasedAt: new(at("2026-06-01T00:00:00Z")), Mandated: 1},
		use("1", "db", "2026-03-11T00:00:00Z", byTeam("a")),
		use("2", "db", "2026-04-01T00:00:00Z", byTeam("a")),
		use("3", "db", "2026-05-30T00:00:00Z", byTeam("b")), // On day 90: too late.
		use("4", "db", "2026-03-02T00:00:00Z", byTeam("new")),
	}
	facts = append(facts, activeTeam("a", "2026-02-20T00:00:00Z")...)
	facts = append(facts, activeTeam("b", "2026-01-20T00:00:00Z")...)
	facts = append(facts, activeTeam("new", "2026-03-02T00:00:00Z")...) // Not active at the release.
	w.facts(t, facts...)
	r := Request{Metric: "new_capability_adoption", From: at("2026-02-01T00:00:00Z"), To: at("2026-03-15T00:00:00Z"), Zone: "UTC"}
	p := w.total(t, r)
	wantNumber(t, "adoption", p.Value, 1./2)
	if p.Provisional {
		t.Error("15 March is more than 90 days before 15 June: final")
	}
	x := w.explain(t, r)
	if len(x.Counted) != 2 {
		t.Fatalf("explanation: %+v", x.Counted)
	}
	for _, row := range x.Counted {
		if row.Dims["team"] == "a" {
			wantNumber(t, "time to first use", row.Value, 10*86400)
		} else {
			wantNull(t, "time to first use", row.Value)
		}
	}
	r.From, r.To = at("2026-05-20T00:00:00Z"), at("2026-06-10T00:00:00Z")
	if p := w.total(t, r); !p.Provisional {
		t.Error("a release of June is provisional")
	}
	r.From, r.To = at("2026-04-01T00:00:00Z"), at("2026-05-01T00:00:00Z")
	wantNull(t, "without releases", w.total(t, r).Value)
}

func TestSelfService(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	request := func(id, channel, status, created, completed string, edit ...func(*schema.Request)) *schema.Request {
		r := &schema.Request{
			Meta: meta(), RequestID: id, CapabilityID: "db", Channel: channel, Status: status, TeamRef: "a", CreatedAt: at(created),
		}
		if completed != "" {
			r.CompletedAt = new(at(completed))
		}
		for _, f := range edit {
			f(r)
		}
		return r
	}
	w.facts(
		t,
		request("1", "self_service", "completed", "2026-06-01T10:00:00Z", "2026-06-01T10:01:00Z"),
		request("2", "self_service", "completed", "2026-06-01T10:00:00Z", "2026-06-01T10:03:00Z"),
		request("3", "self_service", "completed", "2026-06-01T10:00:00Z", "2026-06-02T10:00:00Z", func(r *schema.Request) { r.HumanSteps = 1 }),
		request("4", "self_service", "failed", "2026-06-01T10:00:00Z", "2026-06-01T10:01:00Z"),
		request("5", "self_service", "completed", "2026-06-01T10:00:00Z", "2026-06-01T10:01:00Z", func(r *schema.Request) { r.DryRun = 1 }),
		request("6", "manual", "completed", "2026-06-01T10:00:00Z", "2026-06-03T10:00:00Z"),
		request("7", "manual", "open", "2026-06-01T10:00:00Z", ""),
		&schema.Ticket{Meta: meta(), TicketID: "T-1", Type: schema.TicketRequest, CreatedAt: at("2026-06-01T10:00:00Z"), ResolvedAt: new(at("2026-06-05T10:00:00Z"))},
		// The ticket of request 6 is not a second request.
		&schema.Ticket{Meta: meta(), TicketID: "6", Type: schema.TicketRequest, CreatedAt: at("2026-06-01T10:00:00Z"), ResolvedAt: new(at("2026-06-05T10:00:00Z"))},
		&schema.Ticket{Meta: meta(), TicketID: "T-2", Type: schema.TicketSupport, CreatedAt: at("2026-06-01T10:00:00Z"), ResolvedAt: new(at("2026-06-05T10:00:00Z"))},
	)
	p := w.total(t, june("self_service_ratio"))
	wantNumber(t, "self-service", p.Value, 2./5)
	wantNumber(t, "numerator", p.Numerator, 2)
	x := w.explain(t, june("self_service_ratio"))
	if len(x.Counted) != 5 || len(x.Excluded) != 3 {
		t.Errorf("explanation: %d counted, %d excluded", len(x.Counted), len(x.Excluded))
	}
	waits := w.get(t, june("request_wait", Channel))
	if len(waits) != 2 {
		t.Fatalf("waits: %+v", waits)
	}
	wantNumber(t, "manual wait", waits[0].Value, 3*86400)
	wantNumber(t, "self-service wait", waits[1].Value, 180)
	r := june("self_service_ratio")
	r.To = at("2026-06-01T09:00:00Z")
	wantNull(t, "without requests", w.total(t, r).Value)
}

func TestTimeToProduction(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	service := func(id, created string) *schema.Service {
		return &schema.Service{Meta: meta(), ServiceID: id, Name: id, CreatedAt: new(at(created)), Template: "go"}
	}
	w.facts(
		t,
		service("quick", "2026-06-01T00:00:00Z"), service("slow", "2026-06-02T00:00:00Z"), service("waiting", "2026-06-03T00:00:00Z"),
		service("skewed", "2026-06-04T00:00:00Z"), service("ancient", "2025-01-01T00:00:00Z"),
		&schema.Ownership{Meta: meta(), ServiceID: "quick", ValidFrom: at("2026-06-01T12:00:00Z"), TeamID: "a"},
		&schema.Ownership{Meta: meta(), ServiceID: "quick", ValidFrom: at("2026-06-02T12:00:00Z"), TeamID: "b"},
	)
	w.insert(t, schema.ReleaseTable, []schema.Release{
		release("quick", "b", "q0", "2026-06-01T12:00:00Z", unsuccessful),
		release("quick", "b", "q1", "2026-06-03T00:00:00Z"),
		release("quick", "b", "q2", "2026-06-08T00:00:00Z"),
		release("slow", "", "s1", "2026-06-08T00:00:00Z"),
		release("skewed", "", "k1", "2026-06-03T00:00:00Z"),
		release("ancient", "", "x1", "2026-05-01T00:00:00Z", func(r *schema.Release) { r.Baseline = 1 }),
	})
	p := w.total(t, june("time_to_production"))
	wantNumber(t, "median of 2 and 6 days", p.Value, 4*86400)
	if p.N != 2 || p.Censored != 1 {
		t.Errorf("n = %d, censored = %d, want 2 and 1", p.N, p.Censored)
	}
	x := w.explain(t, june("time_to_production"))
	if len(x.Excluded) != 1 || x.Excluded[0].Subject != "skewed" {
		t.Errorf("excluded: %+v", x.Excluded)
	}
	teams := w.get(t, june("time_to_production", Team))
	if len(teams) != 2 || teams[1].Dims["team"] != "a" {
		t.Errorf("the team is the owner at creation: %+v", teams)
	}
	r := june("time_to_production")
	r.From, r.To = at("2024-12-01T00:00:00Z"), at("2025-02-01T00:00:00Z")
	wantNull(t, "a service older than the records", w.total(t, r).Value)
}

func TestWorkloads(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	var facts []schema.Fact
	workload := func(day, cluster, name, on string, edit ...func(*schema.Workload)) {
		x := &schema.Workload{
			Meta: meta(), WorkloadID: cluster + "/" + name, Day: at(day + "T00:00:00Z"), Cluster: cluster, Name: name,
			Tier: schema.TierProduction, TeamRef: "a", OnPlatform: on,
		}
		for _, f := range edit {
			f(x)
		}
		facts = append(facts, x)
	}
	workload("2026-06-01", "eu", "gone", "no")
	workload("2026-06-03", "eu", "one", "yes")
	workload("2026-06-03", "eu", "two", "no")
	workload("2026-06-03", "eu", "three", "unknown")
	workload("2026-06-03", "eu", "ingress", "yes", func(x *schema.Workload) { x.PlatformOwned = 1 })
	workload("2026-06-03", "eu", "trial", "yes", func(x *schema.Workload) { x.Tier = schema.TierStaging })
	workload("2026-06-02", "us", "four", "yes") // The other cluster was inventoried a day before.
	workload("2026-06-11", "eu", "after", "no")
	facts = append(
		facts,
		&schema.Ticket{Meta: meta(), TicketID: "T-1", Type: schema.TicketSupport, Category: "ci", TeamRef: "a", CreatedAt: at("2026-06-04T10:00:00Z"), FirstResponseAt: new(at("2026-06-04T11:00:00Z"))},
		&schema.Ticket{Meta: meta(), TicketID: "T-2", Type: schema.TicketSupport, Category: "db", TeamRef: "a", CreatedAt: at("2026-06-04T10:00:00Z"), ResolvedAt: new(at("2026-06-05T10:00:00Z"))},
		&schema.Ticket{Meta: meta(), TicketID: "T-3", Type: schema.TicketSupport, Category: "db", TeamRef: "b", CreatedAt: at("2026-05-25T10:00:00Z")},
		&schema.Ticket{Meta: meta(), TicketID: "T-4", Type: schema.TicketBug, CreatedAt: at("2026-06-04T10:00:00Z")},
	)
	w.facts(t, facts...)
	wantNumber(t, "on platform", w.total(t, june("workloads_on_platform")).Value, 2./4)
	wantNumber(t, "unknown", w.total(t, june("workloads_unknown")).Value, 1./4)
	if x := w.explain(t, june("workloads_on_platform")); len(x.Counted) != 4 || len(x.Excluded) != 2 {
		t.Errorf("explanation: %d counted, %d excluded", len(x.Counted), len(x.Excluded))
	}
	r := june("workloads_on_platform")
	r.Every = Day
	days := w.get(t, r)
	wantNumber(t, "1 June", days[0].Value, 0)
	wantNumber(t, "2 June", days[1].Value, 1)
	wantNumber(t, "3 June", days[2].Value, 1./3)
	wantNull(t, "4 June has no inventory", days[3].Value)

	p := w.total(t, june("support_ticket_volume"))
	wantNumber(t, "tickets per 100 workloads", p.Value, 100*2./3) // The workload in staging is active too.
	categories := w.get(t, june("support_ticket_volume", Category))
	got := map[string]string{}
	for _, c := range categories {
		got[c.Dims["category"]] = fmt.Sprintf("%v of %v", *c.Numerator, *c.Denominator)
	}
	if want := map[string]string{"ci": "1 of 3", "db": "1 of 3", None: "0 of 3"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("by category %v, want %v", got, want)
	}
	r = june("support_ticket_volume")
	r.From, r.To = at("2026-05-20T00:00:00Z"), at("2026-05-30T00:00:00Z")
	p = w.total(t, r)
	wantNull(t, "without an inventory", p.Value)
	wantNumber(t, "tickets without an inventory", p.Numerator, 1)

	wantNumber(t, "first response", w.total(t, june("support_first_response_time")).Value, 3600)
	p = w.total(t, june("support_resolution_time"))
	wantNumber(t, "resolution", p.Value, 86400)
	if p.Censored != 1 {
		t.Errorf("censored = %d, want 1", p.Censored)
	}
}

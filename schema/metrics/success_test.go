package metrics

import (
	"fmt"
	"testing"
	"time"

	"github.com/headway-metrics/headway/schema"
)

func TestReliability(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.facts(
		t,
		&schema.Service{Meta: meta(), ServiceID: "old", Name: "old"},
		&schema.Service{Meta: meta(), ServiceID: "new", Name: "new", CreatedAt: new(at("2026-06-05T00:00:00Z"))},
		&schema.Ownership{Meta: meta(), ServiceID: "old", ValidFrom: at("2026-01-01T00:00:00Z"), TeamID: "a"},
		&schema.Ownership{Meta: meta(), ServiceID: "old", ValidFrom: at("2026-06-03T00:00:00Z"), TeamID: "b"},
	)
	incident := func(service, id, severity, started, resolved string) schema.Incident {
		i := schema.Incident{
			DerivedMeta: schema.DerivedMeta{ServiceID: service, Version: 1}, IncidentID: id, Severity: severity, StartedAt: at(started),
		}
		if resolved != "" {
			i.ResolvedAt = new(at(resolved))
		}
		return i
	}
	wantNull(t, "without incidents", w.total(t, june("reliability")).Value)
	w.insert(t, schema.IncidentTable, []schema.Incident{
		incident("", "first", "low", "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"), // The records begin.
		incident("old", "low", "low", "2026-06-01T00:00:00Z", "2026-06-09T00:00:00Z"),
		incident("old", "a", "SEV1", "2026-05-31T12:00:00Z", "2026-06-01T06:00:00Z"),
		incident("old", "b", "P2", "2026-06-01T03:00:00Z", "2026-06-01T12:00:00Z"),   // Overlaps a.
		incident("old", "c", "high", "2026-06-01T07:00:00Z", "2026-06-01T08:00:00Z"), // Inside b.
		incident("old", "d", "critical", "2026-06-02T21:00:00Z", "2026-06-03T03:00:00Z"),
		incident("new", "e", "2 - High", "2026-06-10T18:00:00Z", ""),
		incident("old", "f", "P3", "2026-06-01T00:00:00Z", ""),
	})
	hour := 3600.
	p := w.total(t, june("reliability"))
	wantNumber(t, "service time", p.Denominator, (10+6)*24*hour)
	wantNumber(t, "without trouble", p.Numerator, ((10+6)*24-12-6-6)*hour)
	got := map[string]float64{}
	for _, p := range w.get(t, june("reliability", Team)) {
		got[p.Dims["team"]] = (*p.Denominator - *p.Numerator) / hour
	}
	if want := (map[string]float64{"a": 15, "b": 3, None: 6}); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("hours of trouble %v, want %v", got, want)
	}
	r := june("reliability")
	r.From, r.To = at("2026-04-20T00:00:00Z"), at("2026-04-30T00:00:00Z")
	wantNull(t, "before the records", w.total(t, r).Value)
}

func TestSevereSeverities(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	for severity, want := range map[string]uint64{
		"SEV1": 1, "sev-2": 1, "P0": 1, "p2": 1, "2 - High": 1, "1": 1, "severity/1": 1, "critical": 1, "severity:high": 1, "Major": 1, "Highest": 1,
		"SEV3": 0, "P10": 0, "3 - Moderate": 0, "low": 0, "": 0, "minor": 0, "none": 0, "sev21": 0, "4": 0,
	} {
		_, rows, err := w.Reader.Query(t.Context(), "SELECT toUInt64("+severe+") FROM (SELECT {s:String} AS severity)", map[string]any{"s": severity})
		if err != nil {
			t.Fatal(err)
		}
		if rows[0][0] != want {
			t.Errorf("severity %q is high: %v, want %v", severity, rows[0][0], want)
		}
	}
}

func TestNewCapabilities(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	facts := []schema.Fact{
		&schema.Capability{Meta: meta(), CapabilityID: "new", Name: "New", ReleasedAt: new(at("2026-02-01T00:00:00Z"))},
		&schema.Capability{Meta: meta(), CapabilityID: "fresh", Name: "Fresh", ReleasedAt: new(at("2026-06-01T00:00:00Z")), Mandated: 1},
		&schema.Capability{Meta: meta(), CapabilityID: "old", Name: "Old"},
		use("1", "new", "2026-02-05T00:00:00Z", byTeam("a")),
		use("2", "new", "2026-04-20T00:00:00Z", byTeam("a")), // 74 days after the first.
		use("3", "new", "2026-02-20T00:00:00Z", byTeam("b")),
		use("4", "new", "2026-04-01T00:00:00Z", byTeam("b")), // 40 days after the first: too early.
		use("5", "old", "2026-02-05T00:00:00Z", byTeam("a")),
		use("6", "fresh", "2026-06-04T00:00:00Z", byTeam("a")),
	}
	for _, team := range []string{"a", "b", "c"} {
		facts = append(facts, activeTeam(team, "2026-01-20T00:00:00Z")...)
		facts = append(facts, &schema.Change{
			Meta: meta(), Repo: "github.com/acme/" + team, ChangeID: "github.com/acme/" + team + "#2", State: schema.ChangeMerged, MergedAt: new(at("2026-05-20T00:00:00Z")),
		})
	}
	w.facts(t, facts...)
	spring := func(metric string, by ...Dimension) Request {
		return Request{Metric: metric, By: by, From: at("2026-02-01T00:00:00Z"), To: at("2026-03-01T00:00:00Z"), Zone: "UTC"}
	}
	p := w.total(t, spring("capability_stickiness"))
	wantNumber(t, "stickiness", p.Value, 1./2)
	if x := w.explain(t, june("capability_stickiness")); len(x.Counted) != 0 || len(x.Excluded) != 1 || x.Excluded[0].Dims["mandated"] != "mandated" {
		t.Errorf("a first use 14 days ago counts: %+v", x)
	}
	curve := map[string]string{}
	for _, p := range w.get(t, spring("adoption_curve")) {
		curve[p.Dims["since_release"]] = fmt.Sprintf("%v of %v", *p.Numerator, *p.Denominator)
	}
	if len(curve) != 13 || curve["007"] != "1 of 3" || curve["014"] != "1 of 3" || curve["021"] != "2 of 3" || curve["090"] != "2 of 3" {
		t.Errorf("curve %v", curve)
	}
	points := w.get(t, june("adoption_curve"))
	if len(points) != 2 { // 14 days after the release of fresh: only two ages are reached.
		t.Errorf("ages of a capability of 14 days: %+v", points)
	}
}

func TestCapabilityChurn(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.facts(
		t, use("1", "c", "2026-05-01T00:00:00Z", byTeam("a")), use("2", "c", "2026-05-01T00:00:00Z", byTeam("b")),
		use("3", "c", "2026-06-01T00:00:00Z", byTeam("b")), use("4", "c", "2026-05-02T00:00:00Z", byTeam("d")),
	)
	wantNumber(t, "churn", w.total(t, june("capability_churn")).Value, 2./3)
	wantNumber(t, "retention", w.total(t, june("capability_retention")).Value, 1./3)
}

func TestSelfServiceFallback(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	run := func(id, team, capability, status, done string, dry uint8) *schema.Request {
		return &schema.Request{
			Meta: meta(), RequestID: id, CapabilityID: capability, Channel: schema.ChannelSelfService, Status: status, TeamRef: team, DryRun: dry,
			CreatedAt: at(done).Add(-time.Minute), CompletedAt: new(at(done)),
		}
	}
	ticket := func(id, team, capability, kind, opened string) *schema.Ticket {
		return &schema.Ticket{Meta: meta(), TicketID: id, Type: kind, TeamRef: team, CapabilityID: capability, CreatedAt: at(opened)}
	}
	w.facts(
		t,
		run("named", "a", "db", schema.RequestFailed, "2026-06-01T10:00:00Z", 0),
		run("late", "a", "db", schema.RequestFailed, "2026-06-06T10:00:00Z", 0),
		run("unnamed", "b", "db", schema.RequestFailed, "2026-06-01T10:00:00Z", 0),
		run("other", "c", "db", schema.RequestFailed, "2026-06-01T10:00:00Z", 0),
		run("dry", "b", "db", schema.RequestFailed, "2026-06-01T10:00:00Z", 1),
		run("nobody", "", "db", schema.RequestFailed, "2026-06-01T10:00:00Z", 0),
		run("fine", "b", "db", schema.RequestCompleted, "2026-06-01T10:00:00Z", 0),
		ticket("T-1", "a", "db", schema.TicketSupport, "2026-06-03T10:00:00Z"),
		ticket("T-2", "a", "", schema.TicketSupport, "2026-06-09T10:00:00Z"), // Exactly three days after "late".
		ticket("T-3", "a", "", schema.TicketSupport, "2026-06-01T09:59:00Z"),
		ticket("T-4", "b", "", schema.TicketBug, "2026-06-02T10:00:00Z"),
		ticket("T-5", "c", "queue", schema.TicketSupport, "2026-06-02T10:00:00Z"),
		ticket("T-6", "c", "db", schema.TicketFeature, "2026-06-02T10:00:00Z"),
		ticket("T-7", "", "", schema.TicketSupport, "2026-06-02T10:00:00Z"),
	)
	wantNumber(t, "fallback", w.total(t, june("self_service_fallback")).Value, 2./4)
	rules := map[string]string{}
	x := w.explain(t, june("self_service_fallback"))
	for _, r := range append(x.Counted, x.Excluded...) {
		rules[r.Subject] = r.Rule + "/" + r.Excluded
	}
	want := map[string]string{
		"named": "ticket about the capability/", "late": "no ticket/", "unnamed": "ticket of the team/", "other": "no ticket/",
		"dry": "ticket of the team/dry run", "nobody": "no ticket/of no known team",
	}
	if fmt.Sprint(rules) != fmt.Sprint(want) {
		t.Errorf("rules %v, want %v", rules, want)
	}
}

func TestTimeSaved(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	run := func(id, status string, minutes float64, dry uint8) *schema.Request {
		return &schema.Request{
			Meta: meta(), RequestID: id, Template: "go", Channel: schema.ChannelSelfService, Status: status, TeamRef: "a", DryRun: dry, MinutesSaved: minutes,
			CreatedAt: at("2026-06-01T10:00:00Z"), CompletedAt: new(at("2026-06-01T10:05:00Z")),
		}
	}
	wantNull(t, "without runs", w.total(t, june("time_saved")).Value)
	w.facts(t, run("1", schema.RequestCompleted, 90, 0), run("2", schema.RequestCompleted, 30, 0), run("3", schema.RequestFailed, 90, 0),
		run("4", schema.RequestCompleted, 90, 1), run("5", schema.RequestCompleted, 0, 0))
	p := w.total(t, june("time_saved", Template))
	wantNumber(t, "saved", p.Value, 7200)
	if p.N != 2 || len(w.explain(t, june("time_saved")).Excluded) != 3 {
		t.Errorf("n = %d", p.N)
	}
}

func TestTemplateAdoption(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	for i, template := range []string{"go", "", "go"} {
		w.facts(t, &schema.Service{Meta: meta(), ServiceID: fmt.Sprint("s", i), CreatedAt: new(at("2026-06-02T00:00:00Z")), Template: template})
	}
	w.facts(t, &schema.Service{Meta: meta(), ServiceID: "unknown"})
	wantNumber(t, "from a template", w.total(t, june("template_adoption")).Value, 2./3)
}

func TestTickets(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	facts := append(activeTeam("a", "2026-06-01T00:00:00Z"), activeTeam("b", "2026-06-01T00:00:00Z")...)
	facts = append(facts, activeTeam("c", "2026-06-01T00:00:00Z")...)
	add := func(kind, team, theme, status, opened string, reopened uint32, resolved bool) {
		x := &schema.Ticket{
			Meta: meta(), TicketID: fmt.Sprint("T-", len(facts)), Type: kind, TeamRef: team, Theme: theme, Status: status, CreatedAt: at(opened), Reopened: reopened,
		}
		if resolved {
			x.ResolvedAt = new(at(opened).Add(time.Hour))
		}
		facts = append(facts, x)
	}
	add(schema.TicketSupport, "a", "", "Done", "2026-06-02T00:00:00Z", 1, true)
	add(schema.TicketSupport, "a", "", "Open", "2026-06-02T00:00:00Z", 2, false)
	add(schema.TicketSupport, "a", "", "Done", "2026-06-02T00:00:00Z", 0, true)
	add(schema.TicketSupport, "a", "", "Open", "2026-06-02T00:00:00Z", 0, false)
	add(schema.TicketFeature, "a", "cost", "To Do", "2026-06-02T00:00:00Z", 0, false)
	add(schema.TicketFeature, "a", "cost", "To Do", "2026-06-03T00:00:00Z", 0, false)
	add(schema.TicketFeature, "b", "cost", "Done", "2026-06-04T00:00:00Z", 0, true)
	add(schema.TicketFeature, "b", "", "To Do", "2026-06-04T00:00:00Z", 0, false)
	add(schema.TicketFeature, "guests", "speed", "To Do", "2026-06-04T00:00:00Z", 0, false)
	add(schema.TicketFeature, "c", "speed", "To Do", "2026-05-04T00:00:00Z", 0, false)
	w.facts(t, facts...)
	wantNumber(t, "reopened", w.total(t, june("support_reopen_rate")).Value, 2./3)
	wantNumber(t, "feature requests", w.total(t, june("feature_requests")).Value, 5)
	wantNumber(t, "untagged", w.total(t, june("feature_requests_untagged")).Value, 1./5)
	wantNumber(t, "teams that ask", w.total(t, june("feature_request_patterns")).Value, 2./3)
	patterns := func(every Every, from string) map[string]string {
		out := map[string]string{}
		r := june("feature_request_patterns", Theme)
		r.Every, r.From = every, at(from)
		for _, p := range w.get(t, r) {
			out[p.From.Format("Jan ")+p.Dims["theme"]] = fmt.Sprintf("%v of %v", *p.Numerator, *p.Denominator)
		}
		return out
	}
	if got, want := patterns(Quarter, "2026-06-01T00:00:00Z"), (map[string]string{"Jun cost": "2 of 3", "Jun speed": "0 of 3", "Jun (none)": "1 of 3"}); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("by theme %v, want %v", got, want)
	}
	if got := patterns(Quarter, "2026-02-10T00:00:00Z"); got["Apr speed"] != "1 of 3" || got["Feb speed"] != "0 of 0" {
		t.Errorf("by quarter %v", got)
	}
	funnel := map[string]uint64{}
	for _, p := range w.get(t, june("feature_requests", Status)) {
		funnel[p.Dims["status"]] = p.N
	}
	if funnel["To Do"] != 4 || funnel["Done"] != 1 {
		t.Errorf("funnel %v", funnel)
	}
}

func TestPortalUsage(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	var facts []schema.Fact
	visit := func(id, team, source, when string) {
		u := use(id, "c", when, byTeam(team))
		u.Source, u.Qualifying = source, 0
		facts = append(facts, u)
	}
	for _, team := range []string{"a", "b", "c"} {
		facts = append(facts, activeTeam(team, "2026-06-01T00:00:00Z")...)
	}
	visit("1", "a", "backstage", "2026-06-02T00:00:00Z")
	visit("2", "a", "backstage", "2026-06-03T00:00:00Z")
	visit("3", "b", "api", "2026-06-02T00:00:00Z")       // Not in the portal.
	visit("4", "c", "backstage", "2026-05-31T23:59:59Z") // Before the window.
	visit("5", "guests", "backstage", "2026-06-02T00:00:00Z")
	w.facts(t, facts...)
	wantNumber(t, "teams in the portal", w.total(t, june("portal_usage")).Value, 1./3)
	if x := w.explain(t, june("portal_usage")); len(x.Counted) != 3 || len(x.Excluded) != 1 || x.Excluded[0].Subject != "guests" {
		t.Errorf("explanation: %+v", x)
	}
}

func TestDevelopersPerPlatformEngineer(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	facts := []schema.Fact{
		&schema.Team{Meta: meta(), TeamID: "core", Kind: schema.TeamPlatform},
		&schema.Team{Meta: meta(), TeamID: "a", Kind: schema.TeamStream},
		&schema.Team{Meta: meta(), TeamID: "b"},
		&schema.Person{Meta: meta(), PersonID: "bot", IsBot: 1},
	}
	member := func(person, team, from, to string) {
		m := &schema.Membership{Meta: meta(), PersonID: person, TeamID: team, ValidFrom: at(from)}
		if to != "" {
			m.ValidTo = new(at(to))
		}
		facts = append(facts, m)
	}
	for _, p := range []string{"1", "2", "3"} {
		member(p, "a", "2026-01-01T00:00:00Z", "")
	}
	member("3", "b", "2026-01-01T00:00:00Z", "")
	member("4", "a", "2026-01-01T00:00:00Z", "")
	member("4", "core", "2026-01-01T00:00:00Z", "") // In both: an engineer.
	member("5", "core", "2026-06-05T00:00:00Z", "")
	member("6", "b", "2026-01-01T00:00:00Z", "2026-06-05T00:00:00Z")
	member("bot", "core", "2026-01-01T00:00:00Z", "")
	w.facts(t, facts...)
	p := w.total(t, june("developers_per_platform_engineer"))
	wantNumber(t, "at the end", p.Value, 3./2)
	r := june("developers_per_platform_engineer")
	r.Every = Day
	wantNumber(t, "on the first day", w.get(t, r)[0].Value, 4./1)
}

func TestInfrastructureTime(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	var facts []schema.Fact
	for _, share := range []float64{0.1, 0.2, 0.3, 0.4, 0.5} {
		facts = answers(facts, "a", "share", 1, share, 1)
	}
	facts = answers(facts, "b", "share", 1, 1, 2)
	facts = answers(facts, "c", "share", 1, 0.1, 9)
	w.facts(t, facts...)
	points := w.get(t, wave("infrastructure_time", Team))
	if len(points) != 2 || points[0].Dims["team"] != Hidden || points[0].N != 7 {
		t.Fatalf("points: %+v", points)
	}
	wantNumber(t, "mean of a and b", points[0].Value, 3.5/7)
	p := points[1]
	wantNumber(t, "mean of c", p.Value, 0.1)
	wantNumber(t, "no spread", &p.Interval.Low, 0.1)
	// Five numbers of 0.1…0.5: 0.3 ± 2.776·0.1581/√5 (Student, 4 degrees of freedom).
	w = newWarehouse(t)
	w.facts(t, facts[:5]...)
	p = w.get(t, wave("infrastructure_time"))[0]
	wantNumber(t, "mean", p.Value, 0.3)
	wantNumber(t, "low", new(round(p.Interval.Low, 2)), 0.10)
	wantNumber(t, "high", new(round(p.Interval.High, 2)), 0.50)
}

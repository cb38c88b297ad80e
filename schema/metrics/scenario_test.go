package metrics

import (
	"fmt"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/schema"
)

// Whose a number is, and of which day: what reorganisations, people and calendars
// do to it.

// told is the points as "group: value" by bucket, in one line.
func told(points []Point, dim Dimension) string {
	var out []string
	for _, p := range points {
		s := p.From.Format("2 Jan") + " "
		if dim != "" {
			s = p.Dims[string(dim)] + " "
		}
		if p.Value == nil {
			out = append(out, s+"none")
		} else {
			out = append(out, fmt.Sprintf("%s%d/%v", s, p.N, *p.Denominator))
		}
	}
	return strings.Join(out, ", ")
}

func wantTold(t *testing.T, got []Point, dim Dimension, want string) {
	t.Helper()
	if s := told(got, dim); s != want {
		t.Errorf("%s\nwant %s", s, want)
	}
}

func releasesOn(team string, finished ...string) []schema.Release {
	var out []schema.Release
	for _, f := range finished {
		out = append(out, release("shop", team, f, f))
	}
	return out
}

// The derivation gives each release the team of its day (see the derive room);
// here the numbers of days 1–14 stay with the old team, and nobody has both.
func TestScenario_ReorganisationMovesAServiceOnDay15(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.insert(t, schema.ReleaseTable, releasesOn("old", "2026-05-01T12:00:00Z", "2026-05-14T23:59:59Z"))
	w.insert(t, schema.ReleaseTable, releasesOn("new", "2026-05-15T00:00:00Z", "2026-05-20T12:00:00Z", "2026-05-31T12:00:00Z"))
	r := Request{Metric: "deployment_frequency", By: []Dimension{Team}, From: at("2026-05-01T00:00:00Z"), To: at("2026-06-01T00:00:00Z"), Zone: "UTC"}
	wantTold(t, w.get(t, r), Team, "new 3/31, old 2/31")
	r.To = at("2026-05-15T00:00:00Z")
	wantTold(t, w.get(t, r), Team, "old 2/14")
}

// A team is its id; a new name of it moves no number, and both names find it.
func TestScenario_RenamedTeam(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	team := func(name string, version uint64) *schema.Team {
		m := meta()
		m.Version += version << 40
		return &schema.Team{Meta: m, TeamID: "group:default/payments", Name: name}
	}
	w.facts(t, team("Payments", 0), use("before", "db", "2026-05-01T00:00:00Z", byTeam("Payments")))
	w.facts(t, team("Money", 1), use("after", "db", "2026-05-02T00:00:00Z", byTeam("Money")), use("late", "db", "2026-05-03T00:00:00Z", byTeam("payments")))
	wantTeams(t, w, "after: group:default/payments, before: group:default/payments, late: group:default/payments")
}

// wantTeams compares whose each use of a capability was.
func wantTeams(t *testing.T, w warehouse, want string) {
	t.Helper()
	_, rows, err := w.Reader.Query(t.Context(), "SELECT use_id, team_id FROM resolved_uses FINAL ORDER BY use_id", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%s: %s", r...))
	}
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("%s\nwant %s", s, want)
	}
}

func byActor(actor string) func(*schema.CapabilityUse) {
	return func(u *schema.CapabilityUse) { u.Actor = actor }
}

// ada is a person with an identity and memberships: "team from to", to "" for good.
func ada(memberships ...string) []schema.Fact {
	out := []schema.Fact{&schema.Identity{Meta: meta(), Ref: "github:ada", PersonID: "ada"}}
	for _, m := range memberships {
		part := strings.Split(m, " ")
		row := &schema.Membership{Meta: meta(), PersonID: "ada", TeamID: part[0], ValidFrom: at(part[1] + "T00:00:00Z")}
		if len(part) > 2 {
			row.ValidTo = new(at(part[2] + "T00:00:00Z"))
		}
		out = append(out, row)
	}
	return out
}

// Her use counts once, for the team she joined last; where the sender names the
// team, for that.
func TestScenario_PersonInTwoTeams(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.facts(t, append(
		ada("first 2026-01-01", "second 2026-03-01"),
		use("1 before", "db", "2026-02-01T00:00:00Z", byActor("github:ada")),
		use("2 both", "db", "2026-05-01T00:00:00Z", byActor("github:ada")),
		use("3 named", "db", "2026-05-01T00:00:00Z", byActor("github:ada"), byTeam("first")),
	)...)
	wantTeams(t, w, "1 before: first, 2 both: second, 3 named: first")
}

// What she did stays with the team that she was in at the time. Before the first
// one that is known, the first counts; between two teams, and when she has left the
// last, none does.
func TestScenario_PersonWhoLeft(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.facts(t, append(
		ada("first 2026-01-01 2026-03-01", "second 2026-04-01 2026-06-01"),
		&schema.Service{Meta: meta(), ServiceID: "shop"},
		&schema.Ownership{Meta: meta(), ServiceID: "shop", ValidFrom: at("2026-01-01T00:00:00Z"), TeamID: "owner"},
		use("1 before", "db", "2025-12-01T00:00:00Z", byActor("github:ada")),
		use("2 first", "db", "2026-02-28T23:59:59Z", byActor("github:ada")),
		use("3 between", "db", "2026-03-01T00:00:00Z", byActor("github:ada")),
		use("4 second", "db", "2026-05-01T00:00:00Z", byActor("github:ada")),
		use("5 after", "db", "2026-06-01T00:00:00Z", byActor("github:ada")),
		use("6 after, for a service", "db", "2026-06-01T00:00:00Z", byActor("github:ada"), func(u *schema.CapabilityUse) { u.ServiceRef = "shop" }),
		&schema.Identity{Meta: meta(), Ref: "github:bob", PersonID: "bob"},
		&schema.Membership{Meta: meta(), PersonID: "bob", TeamID: "only", ValidFrom: at("2026-01-01T00:00:00Z"), ValidTo: new(at("2026-02-01T00:00:00Z"))},
		use("9 of nobody known", "db", "2026-04-30T23:59:59Z", byActor("github:grace")),
		use("7 only", "db", "2026-01-15T00:00:00Z", byActor("github:bob")),
		use("8 after only", "db", "2026-02-15T00:00:00Z", byActor("github:bob")),
	)...)
	wantTeams(t, w, "1 before: first, 2 first: first, 3 between: , 4 second: second, 5 after: , 6 after, for a service: owner, 7 only: only, 8 after only: , 9 of nobody known: ")
}

// Berlin's 29 March 2026 has 23 hours, its 25 October 2026 has 25: each is a day.
func TestScenario_DaylightSavingDaysAreDays(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.insert(t, schema.ReleaseTable, releasesOn(
		"t", "2025-03-29T23:00:00Z", "2025-03-30T21:59:59Z", "2025-03-30T22:00:00Z",
		"2025-10-25T22:00:00Z", "2025-10-26T22:59:59Z", "2025-10-26T23:00:00Z",
	))
	r := Request{Metric: "deployment_frequency", Every: Day, From: at("2025-03-29T23:00:00Z"), To: at("2025-03-31T22:00:00Z"), Zone: "Europe/Berlin"}
	wantTold(t, w.get(t, r), "", "30 Mar 2/1, 31 Mar 1/1")
	r.From, r.To = at("2025-10-25T22:00:00Z"), at("2025-10-27T23:00:00Z")
	wantTold(t, w.get(t, r), "", "26 Oct 2/1, 27 Oct 1/1")
}

func TestScenario_WeekOverNewYear(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.insert(t, schema.ReleaseTable, releasesOn("t", "2025-12-29T12:00:00Z", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z"))
	r := Request{Metric: "deployment_frequency", Every: Week, From: at("2025-12-29T00:00:00Z"), To: at("2026-01-12T00:00:00Z"), Zone: "UTC"}
	wantTold(t, w.get(t, r), "", "29 Dec 3/7, 5 Jan 1/7")
}

func TestScenario_LeapDay(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.insert(t, schema.ReleaseTable, releasesOn("t", "2024-02-28T12:00:00Z", "2024-02-29T12:00:00Z", "2024-03-01T12:00:00Z"))
	r := Request{Metric: "deployment_frequency", Every: Day, From: at("2024-02-28T00:00:00Z"), To: at("2024-03-02T00:00:00Z"), Zone: "UTC"}
	wantTold(t, w.get(t, r), "", "28 Feb 1/1, 29 Feb 1/1, 1 Mar 1/1")
	r.Every, r.From, r.To = Month, at("2024-02-01T00:00:00Z"), at("2024-03-01T00:00:00Z")
	wantTold(t, w.get(t, r), "", "1 Feb 2/29")
}

// Nothing is stored by day: with another reporting zone the same rows are cut
// anew, also those of the past.
func TestScenario_ReportingZoneChanged(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.insert(t, schema.ReleaseTable, releasesOn("t", "2026-06-01T22:30:00Z", "2026-06-02T12:00:00Z"))
	setting := func(zone string, version uint64) {
		w.insert(t, "settings", []struct {
			Key     string `ch:"key"`
			Value   string `ch:"value"`
			Version uint64 `ch:"version"`
		}{{"timezone", zone, version}})
	}
	r := Request{Metric: "deployment_frequency", Every: Day, From: at("2026-06-01T12:00:00Z"), To: at("2026-06-02T22:00:00Z")}
	setting("UTC", 1)
	wantTold(t, w.get(t, r), "", "1 Jun 1/1, 2 Jun 1/1")
	setting("Europe/Berlin", 2)
	wantTold(t, w.get(t, r), "", "1 Jun 0/1, 2 Jun 2/1")
}

// Releases 9, failures on 3 of them: the seven incidents behind those are in no
// row that the rate counts.
func TestScenario_ChangeFailureRateIsOfReleases(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	var rows []schema.Release
	for i := range 9 {
		r := release("shop", "t", fmt.Sprint("r", i), fmt.Sprintf("2026-06-0%dT12:00:00Z", i+1))
		if i%3 == 0 {
			failed(schema.FailureExplicit, "several incidents", "")(&r)
		}
		rows = append(rows, r)
	}
	w.insert(t, schema.ReleaseTable, rows)
	wantTold(t, w.get(t, june("change_failure_rate")), "", "1 Jun 9/9")
	wantNumber(t, "rate", w.total(t, june("change_failure_rate")).Value, 3./9)
}

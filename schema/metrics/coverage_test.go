package metrics

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/schema"
)

// TestCoverageCountsTheRows: Data quality counts records without asking for the rows
// of every metric, and still says of each metric what its rows say.
func TestCoverageCountsTheRows(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	recordsOfAllKinds(t, w)
	s := Slice{From: "'2026-05-01 00:00:00'", To: "'2026-06-15 00:00:00'", Now: "'2026-06-15 12:00:00'", Zone: "'Europe/Berlin'"}
	left, covered := map[string][]string{}, map[string]string{}
	for _, row := range query(t, w, mustQuality(t, "excluded_rows").SQL(s)) {
		id := row[0].(string)
		left[id] = append(left[id], fmt.Sprint(row[1], " ", row[2]))
	}
	for _, row := range query(t, w, mustQuality(t, "coverage").SQL(s)) {
		covered[row[0].(string)] = fmt.Sprint(row[2:]...)
	}
	for _, tally := range tallies() {
		for _, id := range tally.metrics {
			if id == "teams_using_capabilities" {
				continue // Its records are uses, and its rows pairs of a team and a capability.
			}
			m, _ := ByID(id)
			nameless := func(d Dimension) string {
				if !m.Has(d) {
					return "NULL"
				}
				return fmt.Sprintf("countIf(excluded = '' AND %s = '%s') / nullIf(counted, 0)", d, None)
			}
			from := fmt.Sprintf("FROM (%s) WHERE at >= %s AND at < %s", m.rowsIn(s.window()), s.window().from, s.window().to)
			rows := query(t, w, fmt.Sprintf("SELECT count() AS found, countIf(excluded = '') AS counted, counted / found AS share, 1 - share, %s, %s, %s %s",
				nameless(Team), nameless(Service), nameless(Capability), s.window().expand(from)))
			want := fmt.Sprint(slices.Concat(rows[0][:1], rows[0][2:])...)
			if rows[0][0].(uint64) == 0 {
				t.Errorf("%s: the test has no rows of it", id)
			}
			if covered[id] != want {
				t.Errorf("%s is covered %s, want %s", id, covered[id], want)
			}
			var reasons []string
			for _, row := range query(t, w, fmt.Sprintf("SELECT toString(excluded) AS reason, count() AS n %s AND excluded != '' GROUP BY reason ORDER BY n DESC, reason", s.window().expand(from))) {
				reasons = append(reasons, fmt.Sprint(row[0], " ", row[1]))
			}
			if diff := cmp.Diff(reasons, left[id]); diff != "" {
				t.Errorf("%s leaves out (-rows +data quality):\n%s", id, diff)
			}
		}
	}
	// Of five uses in the window one is of nobody's team and one is a visit.
	if want := "5 0.6 0.4 0 <nil> 0.3333333333333333"; covered["teams_using_capabilities"] != want {
		t.Errorf("uses are covered %s, want %s", covered["teams_using_capabilities"], want)
	}
	if diff := cmp.Diff([]string{"does not qualify 1", "of no known team 1"}, left["teams_using_capabilities"]); diff != "" {
		t.Error(diff)
	}
}

func mustQuality(t *testing.T, id string) Query {
	t.Helper()
	q, ok := QualityByID(id)
	if !ok {
		t.Fatalf("there is no data quality query %s", id)
	}
	return q
}

func query(t *testing.T, w warehouse, sql string) [][]any {
	t.Helper()
	_, rows, err := w.Reader.Query(t.Context(), sql, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return rows
}

// recordsOfAllKinds writes records of every kind that is tallied: of each some that
// count, some that do not, some twice, some outside the window.
func recordsOfAllKinds(t *testing.T, w warehouse) {
	t.Helper()
	day := func(n int) time.Time { return at("2026-05-02T09:00:00Z").AddDate(0, 0, n) }
	var changes []schema.ChangeDeployed
	for i := range 64 {
		c := schema.ChangeDeployed{ChangeID: fmt.Sprint("c", i), DeployedAt: day(i)} // The last lie behind the window.
		c.ServiceID, c.Version, c.TeamID = "shop", 1, []string{"a", ""}[i%2]
		known := func(bit int) *float64 {
			if i>>bit&1 == 0 {
				return nil
			}
			return new(float64(i))
		}
		when := func(bit int) *time.Time {
			if i>>bit&1 == 0 {
				return nil
			}
			return new(day(i).Add(-time.Hour))
		}
		c.LeadSeconds, c.CodingSeconds, c.PickupSeconds = known(0), known(1), known(2)
		c.ReviewSeconds, c.DeploySeconds, c.MergeToProductionSecs = known(3), known(4), known(5)
		c.FirstCommitAt, c.OpenedAt, c.FirstReviewAt, c.MergedAt = when(2), when(1), when(3), when(0)
		c.Excluded = []string{"", "", "negative"}[i%3]
		changes = append(changes, c)
	}
	w.insert(t, schema.ChangeDeployedTable, changes)
	w.insert(t, schema.ChangeDeployedTable, changes[:20])
	var releases []schema.Release
	for i := range 40 {
		releases = append(releases, release("shop", []string{"a", ""}[i%2], fmt.Sprint("r", i), day(i).Format(time.RFC3339), func(r *schema.Release) {
			r.Succeeded, r.Failed = uint8(i%3/2), uint8(i%4/3)
			if i%8 == 3 {
				r.RecoveredAt = new(r.FinishedAt.Add(time.Duration(i-20) * time.Hour))
			}
			r.Excluded = []string{"", "absurd"}[i%5/4]
		}))
	}
	w.insert(t, schema.ReleaseTable, releases)
	w.insert(t, schema.ReleaseTable, releases[:20])
	w.insert(t, schema.IncidentTable, []schema.Incident{
		{DerivedMeta: schema.DerivedMeta{ServiceID: "shop", TeamID: "a", Version: 1}, IncidentID: "i1", StartedAt: day(1)},
		{DerivedMeta: schema.DerivedMeta{Version: 1}, IncidentID: "i2", StartedAt: day(2)},
		{DerivedMeta: schema.DerivedMeta{ServiceID: "shop", Version: 1}, IncidentID: "i3", StartedAt: day(3), ResolvedAt: new(day(2))},
	})
	var facts []schema.Fact
	facts = append(
		facts,
		&schema.Team{Meta: meta(), TeamID: "a", Name: "A"},
		&schema.Service{Meta: meta(), ServiceID: "shop", Name: "shop", CreatedAt: new(day(1)), Template: "go"},
		&schema.Service{Meta: meta(), ServiceID: "cart", Name: "cart", CreatedAt: new(day(3))},
		&schema.Ownership{Meta: meta(), ServiceID: "shop", ValidFrom: at("2026-01-01T00:00:00Z"), TeamID: "a"},
	)
	for i := range 5 {
		facts = append(facts, &schema.CapabilityUse{
			Meta: meta(), UseID: fmt.Sprint("u", i), CapabilityID: []string{"ci", "", "ci", "ci", "ci"}[i], At: day(i), Qualifying: uint8(min(i, 1)),
			TeamRef: []string{"a", "a", "", "a", "a"}[i],
		})
	}
	for i := range 24 {
		facts = append(
			facts,
			&schema.Request{
				Meta: meta(), RequestID: fmt.Sprint("q", i), CapabilityID: []string{"ci", ""}[i%2], Channel: []string{"self_service", "manual"}[i%5/4],
				Status: []string{"completed", "completed", "failed"}[i%3], TeamRef: []string{"a", ""}[i%2], DryRun: uint8(i % 7 / 6),
				CreatedAt: day(i), CompletedAt: new(day(i).Add(time.Duration(i-3) * time.Minute)), MinutesSaved: float64(i % 4),
			},
			&schema.Ticket{
				Meta: meta(), TicketID: fmt.Sprint("t", i), Type: []string{"support", "feature", "request", "support"}[i%4], Theme: []string{"", "speed"}[i%3/2],
				CapabilityID: []string{"ci", ""}[i%3/2], TeamRef: []string{"a", ""}[i%5/4], CreatedAt: day(i),
				FirstResponseAt: new(day(i).Add(time.Duration(i-9) * time.Hour)), Reopened: uint32(i % 2),
			},
			&schema.Workload{
				Meta: meta(), WorkloadID: fmt.Sprint("w", i), Day: at("2026-06-01T00:00:00Z"), Cluster: "eu", Tier: []string{"production", "staging"}[i%3/2],
				TeamRef: []string{"a", ""}[i%2], OnPlatform: "yes", PlatformOwned: uint8(i % 5 / 4),
			},
			&schema.PolicyResult{
				Meta: meta(), ResultID: fmt.Sprint("p", i), Day: at("2026-06-12T00:00:00Z"), At: at("2026-06-12T08:00:00Z"), Policy: "root", Severity: "high",
				Outcome: []string{"pass", "fail", "skip", "error", "denied"}[i%5], TeamRef: []string{"a", ""}[i%2],
			},
		)
		f := &schema.Finding{
			Meta: meta(), FindingID: fmt.Sprint("f", i), ServiceRef: []string{"shop", ""}[i%2], Severity: "high", Kind: "code", Rule: fmt.Sprint("rule", i),
			Fingerprint: fmt.Sprint("finger", i),
			State:       []string{schema.FindingOpen, schema.FindingFixed, schema.FindingDismissed}[i%3], OpenedAt: new(day(i)), SeenAt: day(i),
		}
		if i%3 > 0 {
			f.ClosedAt = new(day(i).Add(time.Duration(5-i) * time.Hour))
		}
		facts = append(facts, f)
	}
	w.facts(t, facts...)
	w.facts(t, facts[:10]...)
}

// TestStagesAreTheMetrics: the panel of all stages in one pass shows what each stage's
// own metric says.
func TestStagesAreTheMetrics(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	recordsOfAllKinds(t, w)
	for _, every := range []Every{Total, Week} {
		s := Slice{
			From: "'2026-05-01 00:00:00'", To: "'2026-06-15 00:00:00'", Zone: "'Europe/Berlin'", Every: every,
			Where: []string{"team = 'a' OR service = 'cart'"},
		}
		got := query(t, w, StagesSQL(s))
		for i, id := range LeadTimeStages() {
			m, _ := ByID(id)
			want := query(t, w, "SELECT bucket_from, bucket_to, value, n FROM ("+m.PointsSQL(s)+") ORDER BY bucket_from")
			if len(got) != len(want) || len(want) == 0 {
				t.Fatalf("%s by %s: %d points, want %d", id, every, len(got), len(want))
			}
			for k := range want {
				if diff := cmp.Diff(want[k], append(slices.Clone(got[k][:2]), got[k][2+2*i], got[k][3+2*i])); diff != "" {
					t.Errorf("%s by %s, point %d (-metric +stages):\n%s", id, every, k, strings.TrimSpace(diff))
				}
			}
		}
	}
}

package metrics

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headway-metrics/headway/schema"
)

// world is what the derived tables hold in the end: the highest version of every
// key, without tombstones.
type world struct {
	releases []schema.Release
	changes  []schema.ChangeDeployed
}

// drawWorld draws rows in several versions each. deliveries are all of them,
// shuffled and with duplicates: late rows come before and after the newer ones.
func drawWorld(rt *rapid.T, service string) (final world, releases []schema.Release, changes []schema.ChangeDeployed) {
	start := at("2026-03-20T00:00:00Z") // Berlin's clocks change on the 29th.
	moment := func(label string) time.Time {
		return start.Add(time.Duration(rapid.IntRange(0, 30*24*60).Draw(rt, label)) * time.Minute)
	}
	teams := rapid.SampledFrom([]string{"a", "b", ""})
	for i := range rapid.IntRange(0, 25).Draw(rt, "releases") {
		var last schema.Release
		for v := range rapid.IntRange(1, 3).Draw(rt, "versions") {
			finished := moment("finished")
			last = schema.Release{
				DerivedMeta: schema.DerivedMeta{ServiceID: service, TeamID: teams.Draw(rt, "team"), Version: uint64(v + 1)},
				ReleaseID:   fmt.Sprint("r", i), StartedAt: finished, FinishedAt: finished,
				Succeeded: uint8(min(1, rapid.IntRange(0, 4).Draw(rt, "succeeded"))),
			}
			if rapid.IntRange(0, 3).Draw(rt, "failed") == 0 {
				last.Failed, last.FailureRule = 1, schema.FailureExplicit
				if rapid.Bool().Draw(rt, "recovered") {
					last.RecoveredAt = new(finished.Add(time.Duration(rapid.IntRange(-60, 6000).Draw(rt, "after")) * time.Second))
				}
			}
			last.Rework = uint8(rapid.IntRange(0, 1).Draw(rt, "rework"))
			last.Deleted = uint8(max(0, rapid.IntRange(-5, 1).Draw(rt, "deleted")))
			releases = append(releases, last)
		}
		if last.Deleted == 0 {
			final.releases = append(final.releases, last)
		}
	}
	for i := range rapid.IntRange(0, 25).Draw(rt, "changes") {
		var last schema.ChangeDeployed
		for v := range rapid.IntRange(1, 3).Draw(rt, "versions") {
			last = schema.ChangeDeployed{
				DerivedMeta: schema.DerivedMeta{ServiceID: service, TeamID: teams.Draw(rt, "team"), Version: uint64(v + 1)},
				ChangeID:    fmt.Sprint("c", i), DeployedAt: moment("deployed"),
			}
			if rapid.IntRange(0, 5).Draw(rt, "known") > 0 {
				last.LeadSeconds = new(float64(rapid.IntRange(0, 1_000_000).Draw(rt, "lead")))
			}
			last.Deleted = uint8(max(0, rapid.IntRange(-5, 1).Draw(rt, "deleted")))
			changes = append(changes, last)
		}
		if last.Deleted == 0 {
			final.changes = append(final.changes, last)
		}
	}
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
	return final, shuffled(random, releases), shuffled(random, changes)
}

// shuffled returns the rows in another order, about a third of them twice.
func shuffled[T any](random *rand.Rand, rows []T) []T {
	out := slices.Clone(rows)
	for _, r := range rows {
		if random.IntN(3) == 0 {
			out = append(out, r)
		}
	}
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// entry is a row as the oracle sees it. value is nil when it only counts.
type entry struct {
	at       time.Time
	team     string
	value    *float64
	hit      float64
	censored bool
}

// entries are the rows of a metric that count, by the words of DEFINITIONS.
func (w world) entries(metric string) []entry {
	var out []entry
	team := func(t string) string { return cmp.Or(t, None) }
	if metric == "lead_time" {
		for _, c := range w.changes {
			if c.LeadSeconds != nil {
				out = append(out, entry{at: c.DeployedAt, team: team(c.TeamID), value: c.LeadSeconds})
			}
		}
		return out
	}
	for _, r := range w.releases {
		e := entry{at: r.FinishedAt, team: team(r.TeamID)}
		reached := r.Succeeded == 1 || r.Failed == 1
		switch metric {
		case "deployment_frequency", "deployment_days":
			if r.Succeeded == 0 {
				continue
			}
		case "change_failure_rate":
			if e.hit = float64(r.Failed); !reached {
				continue
			}
		case "deployment_rework_rate":
			if e.hit = float64(r.Rework); !reached {
				continue
			}
		case "failed_deployment_recovery_time":
			switch {
			case r.Failed == 0, r.RecoveredAt != nil && r.RecoveredAt.Before(r.FinishedAt):
				continue
			case r.RecoveredAt == nil:
				e.censored = true
			default:
				e.value = new(r.RecoveredAt.Sub(r.FinishedAt).Seconds())
			}
		}
		out = append(out, e)
	}
	return out
}

// buckets cuts [from, to) at midnights of the zone, one bucket a time.
func buckets(from, to time.Time, every Every, zone *time.Location) [][2]time.Time {
	if every == Total {
		return [][2]time.Time{{from, to}}
	}
	y, m, d := from.In(zone).Date()
	switch every {
	case Week:
		d -= (int(from.In(zone).Weekday()) + 6) % 7
	case Month:
		d = 1
	default:
	}
	var out [][2]time.Time
	for {
		a := time.Date(y, m, d, 0, 0, 0, 0, zone)
		switch every {
		case Week:
			d += 7
		case Month:
			m++
		default:
			d++
		}
		b := time.Date(y, m, d, 0, 0, 0, 0, zone)
		if !a.Before(to) {
			return out
		}
		if a.Before(from) {
			a = from
		}
		if b.After(to) {
			b = to
		}
		out = append(out, [2]time.Time{a, b})
	}
}

// dates lists the local dates that [a, b) touches.
func dates(a, b time.Time, zone *time.Location) int {
	n := 0
	for _, s := range buckets(a, b, Day, zone) {
		if s[0].Before(s[1]) {
			n++
		}
	}
	return n
}

// quantile interpolates between the order statistics, both ends included.
func quantile(values []float64, q float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	h := q * float64(len(values)-1)
	i := int(h)
	if i+1 >= len(values) {
		return &values[len(values)-1]
	}
	return new(values[i] + (h-float64(i))*(values[i+1]-values[i]))
}

// wilson is the score interval in the form of Wilson (1927): the roots of a
// quadratic, not the formula that the query uses.
func wilson(k, n float64) Interval {
	const z = 1.959963984540054
	a, b, c := n+z*z, -(2*k + z*z), k*k/n
	root := math.Sqrt(b*b - 4*a*c)
	return Interval{(-b - root) / (2 * a), (-b + root) / (2 * a)}
}

// expect computes the point of one bucket and group by brute force.
func expect(m Metric, entries []entry, span [2]time.Time, zone *time.Location) Point {
	p := Point{From: span[0], To: span[1]}
	var values []float64
	hits, touched := 0., map[string]bool{}
	for _, e := range entries {
		if e.at.Before(span[0]) || !e.at.Before(span[1]) {
			continue
		}
		switch {
		case e.censored:
			p.Censored++
			continue
		case m.Aggregation == Median:
			values = append(values, *e.value)
		}
		p.N++
		hits += e.hit
		touched[e.at.In(zone).Format(time.DateOnly)] = true
	}
	days := float64(dates(span[0], span[1], zone))
	switch m.Aggregation {
	case Median:
		p.Value, p.P90 = quantile(slices.Clone(values), 0.5), quantile(slices.Clone(values), 0.9)
	case Rate:
		p.Value, p.Numerator, p.Denominator = new(float64(p.N)/days), new(float64(p.N)), &days
	case DayShare:
		p.Value, p.Numerator, p.Denominator = new(float64(len(touched))/days), new(float64(len(touched))), &days
	default:
		p.Numerator, p.Denominator = &hits, new(float64(p.N))
		if p.N > 0 {
			i := wilson(hits, float64(p.N))
			p.Value, p.Interval = new(hits/float64(p.N)), &i
		}
	}
	return p
}

func same(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return math.Abs(*a-*b) <= 1e-9*math.Max(1, math.Abs(*b))
}

func samePoint(got, want Point) bool {
	if (got.Interval == nil) != (want.Interval == nil) {
		return false
	}
	if got.Interval != nil && (!same(&got.Interval.Low, &want.Interval.Low) || !same(&got.Interval.High, &want.Interval.High)) {
		return false
	}
	return got.From.Equal(want.From) && got.To.Equal(want.To) && got.N == want.N && got.Censored == want.Censored &&
		same(got.Value, want.Value) && same(got.P90, want.P90) && same(got.Numerator, want.Numerator) && same(got.Denominator, want.Denominator)
}

// TestDORAAgainstOracle: whatever the order, duplication and lateness of rows, and
// before any merge collapses them, the points are those of a brute-force
// computation over the final rows (invariants 3 and 6).
func TestDORAAgainstOracle(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	for _, table := range []string{schema.ReleaseTable, schema.ChangeDeployedTable} {
		if err := w.Exec(t.Context(), "SYSTEM STOP MERGES "+table, nil); err != nil {
			t.Fatal(err)
		}
	}
	trial := 0
	rapid.Check(t, func(rt *rapid.T) {
		trial++
		service := fmt.Sprint("service", trial) // Each trial has a service of its own.
		final, releases, changes := drawWorld(rt, service)
		for batch := range slices.Chunk(releases, max(1, (len(releases)+1)/2)) {
			if err := w.InsertRows(t.Context(), schema.ReleaseTable, batch); err != nil {
				rt.Fatal(err)
			}
		}
		for batch := range slices.Chunk(changes, max(1, (len(changes)+1)/2)) {
			if err := w.InsertRows(t.Context(), schema.ChangeDeployedTable, batch); err != nil {
				rt.Fatal(err)
			}
		}
		zone, err := time.LoadLocation(rapid.SampledFrom([]string{"Europe/Berlin", "UTC", "America/St_Johns", "Pacific/Apia"}).Draw(rt, "zone"))
		if err != nil {
			rt.Fatal(err)
		}
		from := at("2026-03-22T00:00:00Z").Add(time.Duration(rapid.IntRange(0, 72).Draw(rt, "from")) * time.Hour)
		r := Request{
			Every: rapid.SampledFrom([]Every{Day, Week, Month, Total}).Draw(rt, "every"), From: from,
			To: from.Add(time.Duration(rapid.IntRange(1, 24*24).Draw(rt, "hours")) * time.Hour), Zone: zone.String(),
			Filters: map[Dimension][]string{Service: {service}},
		}
		split := rapid.Bool().Draw(rt, "by team")
		if split {
			r.By = []Dimension{Team}
		}
		metrics := rapid.Permutation([]string{
			"lead_time", "deployment_frequency", "deployment_days", "change_failure_rate", "failed_deployment_recovery_time", "deployment_rework_rate",
		}).Draw(rt, "metrics")
		for _, r.Metric = range metrics[:2] {
			m, _ := ByID(r.Metric)
			res, err := w.engine.Get(t.Context(), r)
			if err != nil {
				rt.Fatal(err)
			}
			compare(rt, m, r, res.Points, final.entries(r.Metric), zone, split)
		}
	})
}

// TestAnyRangeAnyGroup: every range, to the minute, and every group of services gives
// the median, numerator and denominator of the group's own rows; nothing is put
// together from parts that were aggregated before (issue "The metric engine").
func TestAnyRangeAnyGroup(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	trial := 0
	rapid.Check(t, func(rt *rapid.T) {
		trial++
		var group []string
		var rows world
		for i := range rapid.IntRange(2, 5).Draw(rt, "services") {
			service := fmt.Sprint("group", trial, ".", i)
			final, releases, changes := drawWorld(rt, service)
			if err := w.InsertRows(t.Context(), schema.ReleaseTable, releases); err != nil {
				rt.Fatal(err)
			}
			if err := w.InsertRows(t.Context(), schema.ChangeDeployedTable, changes); err != nil {
				rt.Fatal(err)
			}
			if i == 0 || rapid.Bool().Draw(rt, "in the group") {
				group = append(group, service)
				rows.releases, rows.changes = append(rows.releases, final.releases...), append(rows.changes, final.changes...)
			}
		}
		zone, err := time.LoadLocation(rapid.SampledFrom([]string{"Europe/Berlin", "UTC", "America/St_Johns", "Asia/Kathmandu"}).Draw(rt, "zone"))
		if err != nil {
			rt.Fatal(err)
		}
		from := at("2026-03-15T00:00:00Z").Add(time.Duration(rapid.IntRange(0, 35*24*60).Draw(rt, "from")) * time.Minute)
		r := Request{
			Every: rapid.SampledFrom([]Every{Day, Week, Month, Total}).Draw(rt, "every"), From: from,
			To: from.Add(time.Duration(rapid.IntRange(1, 40*24*60).Draw(rt, "minutes")) * time.Minute), Zone: zone.String(),
			Filters: map[Dimension][]string{Service: group},
		}
		split := rapid.Bool().Draw(rt, "by team")
		if split {
			r.By = []Dimension{Team}
		}
		r.Metric = rapid.SampledFrom([]string{
			"lead_time", "failed_deployment_recovery_time", "deployment_frequency", "deployment_days", "change_failure_rate", "deployment_rework_rate",
		}).Draw(rt, "metric")
		m, _ := ByID(r.Metric)
		res, err := w.engine.Get(t.Context(), r)
		if err != nil {
			rt.Fatal(err)
		}
		compare(rt, m, r, res.Points, rows.entries(r.Metric), zone, split)
	})
}

func compare(rt *rapid.T, m Metric, r Request, got []Point, entries []entry, zone *time.Location, split bool) {
	groups := map[string][]entry{}
	if !split {
		groups[""] = entries
	}
	for _, e := range entries {
		// A group is there when it has a row in the window; when zero days count,
		// also when it had one before.
		inside := e.at.Before(r.To) && (!e.at.Before(r.From) || m.Aggregation == Rate || m.Aggregation == DayShare)
		if split && inside {
			groups[e.team] = append(groups[e.team], e)
		}
	}
	var want []Point
	var teams []string
	for team := range groups {
		teams = append(teams, team)
	}
	slices.Sort(teams)
	for _, team := range teams {
		for _, span := range buckets(r.From, r.To, r.Every, zone) {
			p := expect(m, groups[team], span, zone)
			p.Dims = map[string]string{"team": team}
			want = append(want, p)
		}
	}
	if len(got) != len(want) {
		rt.Fatalf("%s: %d points, want %d", m.ID, len(got), len(want))
	}
	for i := range want {
		if !samePoint(got[i], want[i]) || got[i].Dims["team"] != want[i].Dims["team"] {
			rt.Fatalf("%s: point %d is %s, want %s", m.ID, i, dump(got[i]), dump(want[i]))
		}
	}
}

func dump(p Point) string {
	show := func(x *float64) string {
		if x == nil {
			return "NULL"
		}
		return fmt.Sprint(*x)
	}
	return fmt.Sprintf("%v [%s, %s) value %s p90 %s n %d of %s/%s censored %d interval %v", p.Dims, p.From, p.To, show(p.Value), show(p.P90), p.N,
		show(p.Numerator), show(p.Denominator), p.Censored, p.Interval)
}

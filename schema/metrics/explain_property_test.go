package metrics

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// TestExplanationsAddUpToPoints: for every metric of the catalogue, whole, by team
// and by all its dimensions, the rows that an explanation counts give exactly the
// points, aggregated here in Go. A metric that is added is included by itself; one
// for which no row is generated fails, until randomRows knows what its facts look
// like.
func TestExplanationsAddUpToPoints(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.randomRows(t)
	// Cohorts are there once everybody in them has been looked at.
	w.engine = NewEngine(w.Reader, func() time.Time { return at("2027-01-01T00:00:00Z") })
	for _, m := range Catalogue() {
		t.Run(m.ID, func(t *testing.T) {
			t.Parallel()
			weekly := []Dimension{Team}
			if !m.Has(Team) {
				weekly = nil
			}
			counted := 0
			for every, by := range map[Every][]Dimension{Total: nil, Week: weekly, Month: m.Dimensions} {
				counted += w.addUp(t, m, Request{
					Metric: m.ID, By: by, Every: every, Zone: "Europe/Berlin",
					From: at("2026-03-20T10:00:00Z"), To: at("2026-06-10T22:00:00Z"), // Berlin's clocks change on 29 March.
				})
			}
			if counted == 0 {
				t.Error("the metric has no rows in the generated facts: teach randomRows what they look like")
			}
		})
	}
}

// addUp compares the points of a request with its explanation and returns how many
// rows were counted.
func (w warehouse) addUp(t *testing.T, m Metric, r Request) int {
	t.Helper()
	x := w.explain(t, r)
	if x.Truncated {
		t.Fatalf("by %v: more than %d rows", r.By, MaxExplainRows)
	}
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		t.Fatal(err)
	}
	used := 0
	for _, p := range w.get(t, r) {
		var rows []Row
		for _, row := range x.Counted {
			if inPoint(row, p) {
				rows = append(rows, row)
			}
		}
		used += len(rows)
		want := fromRows(m, rows, p, zone)
		for _, c := range []struct {
			what      string
			got, want *float64
		}{
			{"value", p.Value, want.Value},
			{"p90", p.P90, want.P90},
			{"mean", p.Mean, want.Mean},
			{"numerator", p.Numerator, want.Numerator},
			{"denominator", p.Denominator, want.Denominator},
		} {
			if !same(c.got, c.want) {
				t.Errorf("by %v: %s: the %d rows give %s %s", r.By, dump(p), len(rows), c.what, dump(want))
			}
		}
		if p.Censored != want.Censored || (m.Aggregation == Median && p.N != want.N) {
			t.Errorf("by %v: %s: the rows give n %d, censored %d", r.By, dump(p), want.N, want.Censored)
		}
	}
	if used != len(x.Counted) {
		t.Errorf("by %v, every %s: %d rows are counted and %d are in a point", r.By, r.Every, len(x.Counted), used)
	}
	return used
}

func inPoint(row Row, p Point) bool {
	for d, v := range p.Dims {
		if row.Dims[d] != v {
			return false
		}
	}
	return !row.At.Before(p.From) && row.At.Before(p.To)
}

// fromRows aggregates rows by the words of Metric.Aggregation.
func fromRows(m Metric, rows []Row, p Point, zone *time.Location) Point {
	var out Point
	var values []float64
	num, den, days := 0., 0., map[string]bool{}
	for _, r := range rows {
		if r.Censored {
			out.Censored++
		}
		if r.Value != nil {
			values = append(values, *r.Value)
		}
		num, den = num+number(r.Numerator), den+number(r.Denominator)
		days[r.At.In(zone).Format(time.DateOnly)] = true
	}
	length := float64(dates(p.From, p.To, zone))
	out.N = uint64(len(values))
	switch m.Aggregation {
	case Median:
		out.Value, out.P90 = quantile(slices.Clone(values), 0.5), quantile(slices.Clone(values), 0.9)
		if len(values) > 0 {
			total := 0.
			for _, v := range values {
				total += v
			}
			out.Mean = new(total / float64(len(values)))
		}
		return out
	case Rate:
		num, den = float64(len(rows)), length
	case DayShare:
		num, den = float64(len(days)), length
	case PerWeek:
		den = float64(len(days))
	case Sum:
		out.Numerator = &num
		if len(rows) > 0 {
			out.Value = &num
		}
		return out
	case PerMonth:
		// How much of the month a cost is known for is not in its rows.
		den = number(p.Denominator)
	default:
	}
	out.Numerator, out.Denominator = &num, &den
	if den == 0 || (m.Aggregation == PerMonth && len(rows) == 0) {
		return out
	}
	out.Value = new(num / den)
	if m.Aggregation == PerHundred || m.Aggregation == NPS {
		*out.Value *= 100
	}
	return out
}

func number(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// randomRows fills every table of the warehouse, but those that are resolved from them, with rows made from the names and
// types of its columns: what refers to a service, a team or a capability refers to
// one of a few; what has names of its own has the names in words; the rest is
// numbers and times.
func (w warehouse) randomRows(t *testing.T) {
	t.Helper()
	var columns []struct {
		Table string `ch:"table"`
		Name  string `ch:"name"`
		Type  string `ch:"type"`
	}
	if err := w.Select(t.Context(), &columns, `SELECT table, name, type FROM system.columns
	WHERE database = currentDatabase() AND table != 'settings' AND NOT startsWith(table, 'resolved_') AND table != 'applied_meanings' AND table IN (
		SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'version' AND table IN (
			SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'))`, nil); err != nil {
		t.Fatal(err)
	}
	names, values := map[string][]string{}, map[string][]string{}
	for _, c := range columns {
		names[c.Table] = append(names[c.Table], c.Name)
		values[c.Table] = append(values[c.Table], random(c.Table, c.Name, c.Type)+" AS "+c.Name)
	}
	if len(names) < 25 {
		t.Fatalf("only %d tables are found", len(names))
	}
	for table := range names {
		if err := w.Exec(t.Context(), fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM numbers(150)", table, strings.Join(names[table], ", "),
			strings.Join(values[table], ", ")), nil); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
	}
	w.resolve(t, schema.DirtyAll)
}

// words are the values of columns that refer to something or say what kind a row
// is.
func words() map[string][]string {
	teams, services, people := []string{"a", "b", "c", "d"}, make([]string, 40), make([]string, 100)
	for i := range services {
		services[i] = fmt.Sprint("s", i)
	}
	for i := range people {
		people[i] = fmt.Sprint("p", i)
	}
	return map[string][]string{
		"team_id": teams, "team_ref": teams, "service_id": services, "service_ref": services, "repo": {"r1", "r2", "r3"},
		"capability_id": {"db", "queue", "cache"}, "cluster": {"eu", "us"}, "template": {"go", ""}, "category": {"ci", "db"},
		"person_id": people, "author": {"x1", "x2", "x3"}, "ref": {"x1", "x2", "x3"}, "actor": append(people, "x1", "x2", ""), "workload": {"n/w1", "n/w2", "n/w3"},
		"state": {"merged", "open", "fixed"}, "channel": {"self_service", "manual"}, "status": {"completed", "completed", "open", "failed"},
		"step": {"invited", "invited", "responded"}, "kind": {"nps", "csat", "share", "code", "triggered"}, "type": {"support", "request", "incident", "feature"},
		"severity": {"critical", "high", "low"}, "outcome": {"pass", "fail", "skip", "denied"}, "on_platform": {"yes", "no", "unknown"}, "tier": {"production", "production", "staging"},
		"survey_id": {"platform"}, "wave": {"2026-Q2"}, "question_id": {"q"}, "report": {"", "trivy"}, "currency": {"EUR"}, "tool": {"trivy"},
		"excluded": {"", "", "negative"}, "name": {"one", "two"}, "target": {"image1", "image2"}, "theme": {"speed", "docs", ""},
		"url": {""}, "reason": {""}, "aliases": {"alias"}, "paths": {""}, "sha": {"c1", "c2", "c3"}, "merge_sha": {"c1", "c2", "c3"},
	}
}

// random is the expression of a column's value in the row of a number. The times
// of a row mostly follow each other in the order in which their columns are named
// here.
func random(table, name, kind string) string {
	draw := fmt.Sprintf("cityHash64(number, '%s.%s')", table, name)
	nullable := strings.HasPrefix(kind, "Nullable")
	kind = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(kind, "Nullable("), "LowCardinality("), ")")
	list := words()[name]
	var x string
	switch {
	case name == "version":
		x = "1"
	case table == "memberships" && name == "source":
		x = "'catalogue'"
	case table == "capability_uses" && name == "source":
		x = "'backstage'"
	case table == "survey_answers" && name == "kind":
		x = "['nps', 'csat', 'csat', 'share', 'ces', 'enps'][1 + number % 6]"
	case name == "question_id":
		x = "if(number % 6 = 1, 'portal', 'q')"
	case name == "question_version":
		x = "1"
	case name == "is_deleted":
		x = "0"
	case name == "score":
		x = fmt.Sprintf("multiIf(kind IN ('nps', 'enps'), %[1]s %% 11, kind = 'csat', 1 + %[1]s %% 5, kind = 'ces', 1 + %[1]s %% 7, %[1]s %% 100 / 100)", draw)
	case name == "day" || name == "week":
		x = fmt.Sprintf("toDateTime64(toMonday(toDate('2026-03-23') + %s %% 70), 3, 'UTC')", draw)
	case strings.HasPrefix(kind, "DateTime64"):
		later := slices.Index([]string{"first_commit_at", "authored_at", "valid_from", "created_at", "opened_at", "started_at", "at", "first_response_at", "merged_at"}, name)
		if later < 0 {
			later = 12
		}
		x = fmt.Sprintf("toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + toIntervalMinute(cityHash64(number, '%s') %% 129600 + %d + %s %% 600)", table, later*600, draw)
	case kind == "UInt8":
		x = draw + " % 4 = 0"
	case table == "commits" && name == "paths":
		x = fmt.Sprintf("if(%s %% 2 = 0, ['main.go', 'terraform/main.tf'], ['main.go'])", draw)
	case strings.HasPrefix(kind, "Array(") && list == nil:
		x = "[]"
	case strings.HasPrefix(kind, "Array("):
		x = fmt.Sprintf("['%s']", strings.Join(list, "', '"))
	case strings.HasSuffix(kind, "String") && list != nil:
		x = fmt.Sprintf("['%s'][1 + %s %% %d]", strings.Join(list, "', '"), draw, len(list))
	case strings.HasSuffix(kind, "String"):
		x = fmt.Sprintf("concat('%s', toString(number))", name)
	default:
		x = draw + " % 1000"
	}
	if nullable {
		return fmt.Sprintf("if(cityHash64(number, '%s.%s?') %% 4 = 0, NULL, %s)", table, name, x)
	}
	return x
}

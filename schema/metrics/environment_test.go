package metrics

import (
	"fmt"
	"slices"
	"testing"

	"github.com/headway-metrics/headway/schema"
)

// TestReleasesByEnvironment: a release of several production environments counts in
// each of them when split by environment, and once otherwise (DEFINITIONS, "Release").
func TestReleasesByEnvironment(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	in := func(environments ...string) func(*schema.Release) {
		return func(r *schema.Release) { r.Environments, r.Repo = environments, "acme/shop" }
	}
	w.insert(t, schema.ReleaseTable, []schema.Release{
		release("shop", "a", "r1", "2026-06-01T10:00:00Z", in("eu", "us")),
		release("shop", "a", "r2", "2026-06-02T10:00:00Z", in("eu"), failed("explicit", "i1", "2026-06-02T12:00:00Z")),
		release("shop", "a", "r3", "2026-06-02T11:00:00Z", in("us", "eu", "ap"), failed("rollback", "r4", "2026-06-02T15:00:00Z")),
		release("cart", "b", "r4", "2026-06-03T10:00:00Z"),
	})
	window := Request{From: at("2026-06-01T00:00:00Z"), To: at("2026-06-05T00:00:00Z"), Zone: "UTC", Every: Total}
	ask := func(metric string, by []Dimension, only ...string) string {
		r := window
		r.Metric, r.By = metric, by
		if len(only) > 0 {
			r.Filters = map[Dimension][]string{Environment: only}
		}
		var out []string
		for _, p := range w.get(t, r) {
			value := "NULL"
			if p.Value != nil {
				value = fmt.Sprint(*p.Value)
			}
			out = append(out, fmt.Sprintf("%s%s %s of %d", p.Dims["environment"], p.Dims["repo"], value, p.N))
		}
		return fmt.Sprint(out)
	}
	by := []Dimension{Environment}
	for _, c := range []struct {
		name, got, want string
	}{
		{"every release once", ask("deployment_frequency", nil), "[ 1 of 4]"},
		{"split", ask("deployment_frequency", by), "[(none) 0.25 of 1 ap 0.25 of 1 eu 0.75 of 3 us 0.5 of 2]"},
		{"in one of two environments, once", ask("deployment_frequency", nil, "eu", "us"), "[ 0.75 of 3]"},
		{"in none", ask("deployment_frequency", nil, "(none)"), "[ 0.25 of 1]"},
		{"two environments, split", ask("deployment_frequency", by, "eu", "us"), "[eu 0.75 of 3 us 0.5 of 2]"},
		{"days", ask("deployment_days", by, "eu"), "[eu 0.5 of 3]"},
		{"failures of the releases in it", ask("change_failure_rate", by, "eu", "us"), "[eu 0.6666666666666666 of 3 us 0.5 of 2]"},
		{"failures, once", ask("change_failure_rate", nil, "eu", "us"), "[ 0.6666666666666666 of 3]"},
		{"recovery", ask("failed_deployment_recovery_time", by, "us"), "[us 14400 of 1]"},
		{"repository", ask("deployment_frequency", []Dimension{Repo}), "[(none) 0.25 of 1 acme/shop 0.75 of 3]"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.name, c.got, c.want)
		}
	}
	// The explanation has the rows of the points: a release once, with all it was put
	// into, unless it is asked by environment.
	r := window
	r.Metric, r.Filters = "deployment_frequency", map[Dimension][]string{Environment: {"eu"}}
	var rows []string
	for _, row := range w.explain(t, r).Counted {
		rows = append(rows, row.Subject+" "+row.Dims["environment"])
	}
	if want := []string{"r3 us, eu, ap", "r2 eu", "r1 eu, us"}; !slices.Equal(rows, want) {
		t.Errorf("explained %q, want %q", rows, want)
	}
	r.By, rows = by, nil
	for _, row := range w.explain(t, r).Counted {
		rows = append(rows, row.Subject+" "+row.Dims["environment"])
	}
	if want := []string{"r3 eu", "r2 eu", "r1 eu"}; !slices.Equal(rows, want) {
		t.Errorf("explained by environment %q, want %q", rows, want)
	}
}

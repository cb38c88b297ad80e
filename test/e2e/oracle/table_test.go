package oracle_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/demo"
	"github.com/headway-metrics/headway/internal/sample"
	"github.com/headway-metrics/headway/test/e2e/oracle"
)

var update = flag.Bool("update", false, "write the table of answers instead of comparing it")

const table = "../../../docs/reference/sample-answers.md"

// TestTable holds the documented answers against the oracle's. Headway's own are
// compared with these by the test beside this package.
func TestTable(t *testing.T) {
	t.Parallel()
	h := sample.Generate(demo.Seed, time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC))
	got := render(h)
	if *update {
		if err := os.WriteFile(table, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(table)
	if err != nil {
		t.Fatalf("%v; run the test with -update to write it", err)
	}
	if got != string(want) {
		t.Errorf("the answers have changed; run the test with -update to write\n%s", got)
	}
}

func render(h *sample.History) string {
	o := oracle.New(h)
	var b strings.Builder
	fmt.Fprintf(&b, `# The sample organisation's answers

What every metric must be for `+"`headway demo --seed %d --end %s`"+`, computed from the organisation's
records by `+"`test/e2e/oracle`"+`, which shares no code with Headway. Generated; durations are in seconds.

| metric | value | p90 | n | numerator | denominator | open |
|---|---|---|---|---|---|---|
`, h.Seed, h.End.Format(time.DateOnly))
	q := oracle.Question{From: h.Start.AddDate(0, 0, -14), To: h.End.AddDate(0, 0, 1)}
	for _, id := range o.Metrics() {
		q.Metric, q.Every = id, "total"
		points := o.Answer(q)
		for _, p := range points {
			name := "`" + id + "`"
			if len(points) > 1 {
				name += " " + strings.Join(slices.Sorted(maps.Values(p.Dims)), ", ")
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %s | %d |\n",
				name, number(p.Value), number(p.P90), p.N, number(p.Numerator), number(p.Denominator), p.Censored)
		}
	}
	b.WriteString("\nPer month:\n\n| metric |")
	q.Metric, q.Every = "deployment_frequency", "month"
	months := o.Answer(q)
	for _, p := range months {
		b.WriteString(" " + p.From.Format("2006-01") + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(months)) + "\n")
	for _, id := range o.Metrics() {
		q.Metric = id
		var groups []string
		lines := map[string]string{}
		points := o.Answer(q)
		if len(points) > len(months) && points[0].Dims["currency"] == "" {
			continue // It is always split, and has no one value of a month.
		}
		for _, p := range points {
			name := id
			if currency := p.Dims["currency"]; currency != "" {
				name += " " + currency
			}
			if _, known := lines[name]; !known {
				groups = append(groups, name)
			}
			lines[name] += " " + number(p.Value) + " |"
		}
		for _, name := range groups {
			fmt.Fprintf(&b, "| `%s` |%s\n", name, lines[name])
		}
	}
	return b.String()
}

func number(x *float64) string {
	if x == nil {
		return "–"
	}
	return strconv.FormatFloat(*x, 'g', 6, 64)
}

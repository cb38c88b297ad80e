package metrics

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func exampleReport() Report {
	m, _ := ByID("change_failure_rate")
	row := func(num float64, title, url, rule, evidence, excluded string) Row {
		return Row{
			At: at("2026-06-02T10:00:00Z"), Dims: map[string]string{"team": "pay", "service": "shop", "environment": "production"}, Numerator: &num, Denominator: new(1.),
			Subject: "github.com/acme/shop/deployment/1", Title: title, URL: url, Rule: rule, Evidence: evidence, Excluded: excluded,
		}
	}
	sha := strings.Repeat("0123456789", 4)
	return Report{
		Metric: m, From: at("2026-06-01T00:00:00Z"), To: at("2026-06-08T00:00:00Z"), Zone: time.UTC, Filters: map[Dimension][]string{Service: {"shop"}},
		Result: Result{Metric: m.ID, Version: 1, Unit: m.Unit, Points: []Point{{
			Value: new(0.5), N: 2, Numerator: new(1.), Denominator: new(2.), Interval: &Interval{0.1, 0.9}, Provisional: true,
		}}},
		Explanation: Explanation{
			Metric: m.ID, Version: 1, Unit: m.Unit, Truncated: true,
			Counted: []Row{
				row(1, "shop 1.2.0", "https://ci.example.com/runs/1", "rollback", "github.com/acme/shop/deployment/2 of "+sha, ""),
				row(0, "shop "+strings.Repeat("long", 30)+"\x1b[31m", "", "", "", ""),
			},
			Excluded: []Row{
				row(0, "shop 1.1.0", "", "", "", "baseline"),
				row(0, "shop 1.0.1", "", "", "", "never_reached_production"), row(0, "shop 1.0.0", "", "", "", "never_reached_production"),
			},
		},
	}
}

// TestReportText: the number comes first, what does not count has its reason, and no
// line is wider than the terminal.
func TestReportText(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := Write(&b, Table, exampleReport()); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	rest := text
	for _, want := range []string{
		"Change failure rate (change_failure_rate, version 1)", "2026-06-01 00:00 to 2026-06-08 00:00, UTC", "Only service shop",
		"50.0 % (95 % interval 10.0 % to 90.0 %; 1 of 2; provisional)", "COUNTED: 2 rows", "yes", "shop 1.2.0", "rollback:",
		"https://ci.example.com/runs/1", "  no ", "NOT COUNTED, never reached production: 2 rows", "NOT COUNTED, baseline: 1 row", "there are more",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("%q is missing or in the wrong place:\n%s", want, text)
		}
		rest = after
	}
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > terminalWidth {
			t.Errorf("a line of %d characters: %s", n, line)
		}
	}
	for _, never := range []string{"\x1b", strings.Repeat("0123456789", 2)} {
		if strings.Contains(text, never) {
			t.Errorf("the report has %q:\n%s", never, text)
		}
	}
}

func TestWrapped(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                    "",
		"one two three":       "one two|three",
		"a github.com/acme/x": "a|github.c|om/acme/|x",
		"acme/shop":           "acme/|shop",
		"ääääääääää":          "ääääääää|ää",
	} {
		if got := strings.Join(wrapped(in, 8), "|"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestReport: the report's number is that of its rows, over the same window.
func TestReport(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.facts(t, use("1", "c", "2026-05-01T00:00:00Z", byTeam("a")), use("2", "c", "2026-06-01T00:00:00Z", byTeam("a")), use("3", "c", "2026-05-01T00:00:00Z", byTeam("b")))
	r, err := w.engine.Report(t.Context(), Request{Metric: "capability_retention"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Counted()) != 2 || len(r.Numbers()) != 1 || r.Numbers()[0].Value != "50.0 %" || !r.To.Equal(present()) || r.To.Sub(r.From) != DefaultWindow {
		t.Errorf("report %+v", r)
	}
}

package metrics

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func edition(t *testing.T, metric, year string) Benchmark {
	t.Helper()
	m, ok := ByID(metric)
	if !ok {
		t.Fatalf("there is no metric %s", metric)
	}
	b, err := m.Benchmark(year)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLevels: boundaries, overlaps and gaps are those of the edition, and nothing
// between two ranges is given to the nearer.
func TestLevels(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		metric, year string
		value        float64
		want         string
	}{
		{"lead_time", "2024", 0, "elite"},
		{"lead_time", "2024", day - 0.001, "elite"},
		{"lead_time", "2024", day, "high"},
		{"lead_time", "2024", week, "high medium"},
		{"lead_time", "2024", week + 1, "medium"},
		{"lead_time", "2024", month, "medium low"},
		{"lead_time", "2024", 6 * month, "low"},
		{"lead_time", "2024", 6*month + 1, ""},
		{"lead_time", "2023", 10 * day, "medium low"},
		{"lead_time", "2023", month + 1, ""},
		{"deployment_frequency", "2024", 5, ""},
		{"deployment_frequency", "2024", 1, "high"},
		{"deployment_frequency", "2024", 4. / 28, "high medium"},
		{"deployment_frequency", "2024", 1. / 60, "low"},
		{"deployment_frequency", "2023", 1. / 60, ""},
		{"deployment_frequency", "2024", 0, ""},
		{"change_failure_rate", "2024", 1. / 20, "elite"},
		{"change_failure_rate", "2024", 2. / 10, "high"},
		{"change_failure_rate", "2024", 1. / 10, "medium"},
		{"change_failure_rate", "2024", 0.15, ""},
		{"change_failure_rate", "2024", 0, ""},
		{"change_failure_rate", "2023", 0.15, "medium"},
		{"failed_deployment_recovery_time", "2024", hour - 1, "elite high medium"},
		{"failed_deployment_recovery_time", "2024", hour, "high medium"},
		{"failed_deployment_recovery_time", "2024", 3 * day, ""},
		{"failed_deployment_recovery_time", "2024", 2 * week, "low"},
		{"failed_deployment_recovery_time", "2023", 3 * day, "medium"},
		{"failed_deployment_recovery_time", "2023", 2 * week, ""},
	} {
		b := edition(t, tt.metric, tt.year)
		if got := strings.Join(b.Levels(tt.value), " "); got != tt.want {
			t.Errorf("%s of %v in %s lies in %q, want %q", tt.metric, tt.value, tt.year, got, tt.want)
		}
	}
}

// TestPublishedIsNotSmoothed: in 2024 "high" fails twice as often as "medium".
func TestPublishedIsNotSmoothed(t *testing.T) {
	t.Parallel()
	var got []string
	for _, r := range edition(t, "change_failure_rate", "2024").Ranges {
		got = append(got, r.Level+" "+r.Words)
	}
	if want := []string{"elite 5 %", "high 20 %", "medium 10 %", "low 40 %"}; !slices.Equal(got, want) {
		t.Errorf("2024 says %v, want %v", got, want)
	}
	levels := []string{"elite", "high", "medium", "low"}
	for id, of := range published() {
		for year, ranges := range of {
			var have []string
			for _, r := range ranges {
				have = append(have, r.Level)
				if r.Words == "" || (r.From != nil && *r.From > *r.To) {
					t.Errorf("%s %s: %+v", id, year, r)
				}
			}
			if !slices.Equal(have, levels) {
				t.Errorf("%s %s has the levels %v", id, year, have)
			}
		}
		if len(of) != len(editions()) {
			t.Errorf("%s has %d editions, want %d", id, len(of), len(editions()))
		}
	}
}

func TestBenchmarkErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ metric, year, want string }{
		{"lead_time", "2025", "benchmark: the 2025 edition has no levels: it dropped them for seven profiles, which delivery data alone cannot assign; allowed: 2023, 2024, off"},
		{"lead_time", "2019", `benchmark: "2019" is no edition with published ranges; allowed: 2023, 2024, off`},
		{"platform_nps", "2024", "benchmark: the 2024 edition publishes no ranges of platform_nps, but only of lead_time, deployment_frequency, change_failure_rate, failed_deployment_recovery_time; allowed: off"},
	} {
		q := &scripted{}
		_, err := NewEngine(q, present).Get(t.Context(), Request{Metric: tt.metric, Benchmark: tt.year})
		if bad, ok := errors.AsType[*RequestError](err); !ok || bad.Error() != tt.want {
			t.Errorf("%s %s: %v, want %s", tt.metric, tt.year, err, tt.want)
		}
	}
	if _, err := NewEngine(&scripted{}, present).Explain(t.Context(), Request{Metric: "lead_time", Benchmark: "2024"}, 0); err == nil {
		t.Error("an explanation takes a benchmark")
	}
}

// answered is an engine whose every point has a value.
func answered(value any) *Engine {
	from := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	return NewEngine(&scripted{
		columns: []string{"bucket_from", "bucket_to", "value", "p90", "n", "numerator", "denominator", "low", "high", "provisional", "mean", "censored"},
		rows:    [][]any{{from, from.AddDate(0, 0, 7), value, nil, uint64(4), nil, nil, nil, nil, uint64(0), nil, uint64(0)}},
	}, present)
}

// TestBenchmarkIsOff unless it is asked for or configured; a metric without
// ranges is answered as ever where a benchmark is only the default.
func TestBenchmarkIsOff(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		metric, configured, asked, want string
	}{
		{"lead_time", "", "", ""},
		{"lead_time", "off", "", ""},
		{"lead_time", "", "2024", "2024"},
		{"lead_time", "2024", "", "2024"},
		{"lead_time", "2024", "2023", "2023"},
		{"lead_time", "2024", "off", ""},
		{"platform_nps", "2024", "", ""},
	} {
		e := answered(3600.).WithBenchmark(tt.configured)
		// The survey metric's dimensions are not in the scripted answer.
		if tt.metric == "platform_nps" {
			m, _ := ByID(tt.metric)
			if b, err := e.benchmark(m, tt.asked); b != nil || err != nil {
				t.Errorf("%+v: %v, %v", tt, b, err)
			}
			continue
		}
		res, err := e.Get(t.Context(), Request{Metric: tt.metric, Benchmark: tt.asked})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if res.Benchmark != nil {
			got = res.Benchmark.Edition
		}
		if got != tt.want || (res.Points[0].Benchmark != nil) != (tt.want != "") {
			t.Errorf("%+v: edition %q, levels %v", tt, got, res.Points[0].Benchmark)
		}
	}
}

// TestBenchmarkIsPrinted with its edition in every format; no data lies nowhere,
// which is not the same as in no range.
func TestBenchmarkIsPrinted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value  any
		format Format
		want   []string
	}{
		{7200., Table, []string{"dora_2024\n", "  elite\n", "\nDORA 2024 report: elite: less than one day; high: between one day and one week;", "in none.", "no targets", "https://dora.dev/research/2024/dora-report/\n"}},
		{week, Table, []string{"  high, medium\n"}},
		{400 * day, Table, []string{"  none\n"}},
		{nil, Table, []string{"no data", "DORA 2024 report"}},
		{week, CSV, []string{"censored,dora_2024\n", `0,"high, medium"` + "\n"}},
		{400 * day, CSV, []string{"0,none\n"}},
		{nil, CSV, []string{"false,0,\n"}},
	} {
		res, err := answered(tt.value).Get(t.Context(), Request{Metric: "lead_time", Benchmark: "2024"})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := Write(&b, tt.format, res); err != nil {
			t.Fatal(err)
		}
		for _, s := range tt.want {
			if !strings.Contains(b.String(), s) {
				t.Errorf("%v as %s lacks %q:\n%s", tt.value, tt.format, s, &b)
			}
		}
	}
	for value, want := range map[any]string{7200.: `"benchmark":["elite"]}`, 400 * day: `"benchmark":[]}`, nil: `"provisional":false}`} {
		res, err := answered(value).Get(t.Context(), Request{Metric: "lead_time", Benchmark: "2024"})
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(res)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), want) || !strings.Contains(string(b), `"edition":"2024"`) {
			t.Errorf("%v: JSON lacks %s: %s", value, want, b)
		}
	}
}

package metrics

import (
	"fmt"
	"slices"
	"strings"
)

// BenchmarkOff asks for no benchmark where one is the default.
const BenchmarkOff = "off"

// Benchmark is what one edition of DORA's report publishes for one metric:
// DEFINITIONS, "Benchmarks". Its levels are groups of the edition's respondents,
// found over four metrics together: they are in no order that holds for every
// metric, and no level follows from the values of several.
type Benchmark struct {
	// Edition is the year of the report.
	Edition string `json:"edition"`
	Source  Link   `json:"source"`
	// Basis says what the ranges are of.
	Basis  string  `json:"basis"`
	Ranges []Range `json:"ranges"`
}

// Range is what an edition says of one of its levels. Without From and To it is
// words that no measured value can be held against; without From it ends before
// To; else both ends belong to it. A single figure has its value at both ends.
type Range struct {
	Level string `json:"level"`
	// Words are those of the edition, shortened.
	Words string `json:"words"`
	// From and To are in the unit of the metric.
	From *float64 `json:"from"`
	To   *float64 `json:"to"`
}

// holds reports whether a value lies in the range.
func (r Range) holds(x float64) bool {
	switch {
	case r.To == nil:
		return false
	case r.From == nil:
		return x < *r.To
	default:
		return *r.From <= x && x <= *r.To
	}
}

// Levels names the ranges that a value lies in, in the edition's order: one,
// several that overlap, or none.
func (b Benchmark) Levels(value float64) []string {
	out := []string{}
	for _, r := range b.Ranges {
		if r.holds(value) {
			out = append(out, r.Level)
		}
	}
	return out
}

// Benchmark returns what an edition publishes for m. An edition or a metric
// without any is a *RequestError that says why.
func (m Metric) Benchmark(edition string) (Benchmark, error) {
	if err := CheckEdition(edition); err != nil {
		return Benchmark{}, err
	}
	ranges, ok := published()[m.ID]
	if !ok {
		var have []string
		for _, id := range ids() {
			if _, ok := published()[id]; ok {
				have = append(have, id)
			}
		}
		return Benchmark{}, &RequestError{"benchmark", fmt.Sprintf("the %s edition publishes no ranges of %s, but only of %s", edition, m.ID, strings.Join(have, ", ")), []string{BenchmarkOff}}
	}
	basis := "Answers of a survey about the primary application or service that a respondent works on. They describe that year's respondents and are no targets."
	if m.Aggregation == Rate {
		basis += " The value beside them is of all services of a point together: split by service."
	}
	return Benchmark{
		Edition: edition, Basis: basis, Ranges: ranges[edition],
		Source: Link{"DORA " + edition + " report", "https://dora.dev/research/" + edition + "/dora-report/"},
	}, nil
}

// benchmark is the benchmark that a request gets, nil for none: the one that it
// names, else the default where that has the metric.
func (e *Engine) benchmark(m Metric, asked string) (*Benchmark, error) {
	edition := asked
	if edition == "" {
		edition = e.edition
		if _, ok := published()[m.ID]; !ok {
			edition = ""
		}
	}
	if edition == "" || edition == BenchmarkOff {
		return nil, nil //nolint:nilnil // Off is the usual answer.
	}
	b, err := m.Benchmark(edition)
	return &b, err
}

// Editions are the years whose report has levels.
func Editions() []string { return editions() }

// editions are the years whose report has levels.
func editions() []string { return []string{"2023", "2024"} }

// CheckEdition says what is wrong with an edition that has no levels, as a
// *RequestError.
func CheckEdition(edition string) error {
	if slices.Contains(editions(), edition) {
		return nil
	}
	problem := fmt.Sprintf("%q is no edition with published ranges", edition)
	if edition == "2025" {
		problem = "the 2025 edition has no levels: it dropped them for seven profiles, which delivery data alone cannot assign"
	}
	return &RequestError{"benchmark", problem, append(editions(), BenchmarkOff)}
}

// Lengths of the words of the editions, in seconds. They do not say how long a
// month is; here it is a twelfth of 365.25 days.
const (
	hour  = 3600.
	day   = 24 * hour
	week  = 7 * day
	month = 30.4375 * day
)

func below(level, words string, to float64) Range { return Range{level, words, nil, &to} }

func between(level, words string, from, to float64) Range { return Range{level, words, &from, &to} }

// figure is one number that an edition publishes as a percentage.
func figure(level string, percent float64) Range {
	share := percent / 100
	return Range{level, fmt.Sprintf("%.0f %%", percent), &share, &share}
}

// published is the table of the editions as it was printed, by metric and
// edition. Nothing in it is smoothed: in 2024 the failure rate of "high" is
// twice that of "medium", and ranges overlap.
func published() map[string]map[string][]Range {
	onDemand := Range{Level: "elite", Words: "on demand"}
	daily := between("high", "between once per day and once per week", 1./7, 1)
	weekly := between("medium", "between once per week and once per month", day/month, 1./7)
	return map[string]map[string][]Range{
		"lead_time": {
			"2023": {
				below("elite", "less than one day", day),
				between("high", "between one day and one week", day, week),
				between("medium", "between one week and one month", week, month),
				between("low", "between one week and one month", week, month),
			},
			"2024": {
				below("elite", "less than one day", day),
				between("high", "between one day and one week", day, week),
				between("medium", "between one week and one month", week, month),
				between("low", "between one month and six months", month, 6*month),
			},
		},
		"deployment_frequency": {
			"2023": {onDemand, daily, weekly, between("low", weekly.Words, day/month, 1./7)},
			"2024": {onDemand, daily, weekly, between("low", "between once per month and once every six months", day/(6*month), day/month)},
		},
		"change_failure_rate": {
			"2023": {figure("elite", 5), figure("high", 10), figure("medium", 15), figure("low", 64)},
			"2024": {figure("elite", 5), figure("high", 20), figure("medium", 10), figure("low", 40)},
		},
		"failed_deployment_recovery_time": {
			"2023": {
				below("elite", "less than one hour", hour),
				below("high", "less than one day", day),
				between("medium", "between one day and one week", day, week),
				between("low", "between one month and six months", month, 6*month),
			},
			"2024": {
				below("elite", "less than one hour", hour),
				below("high", "less than one day", day),
				below("medium", "less than one day", day),
				between("low", "between one week and one month", week, month),
			},
		},
	}
}

// caption prints a benchmark below a table.
func (b Benchmark) caption() string {
	parts := make([]string, len(b.Ranges))
	for i, r := range b.Ranges {
		parts[i] = r.Level + ": " + r.Words
	}
	return fmt.Sprintf("%s: %s.\nA value may lie in several of these ranges, or in none. %s\n%s", b.Source.Title, strings.Join(parts, "; "), b.Basis, b.Source.URL)
}

// benchmarks is the chapter of Reference about them.
func benchmarks(b *strings.Builder) {
	b.WriteString("\n## Benchmarks\n\nOff unless asked for, with `headway metrics get ID --benchmark 2024`, `GET /v1/metrics/ID?benchmark=2024` or `metrics.benchmark` " +
		"in headway.yaml. They are what each edition of DORA's report publishes about its respondents, never a target. Levels are in no order that holds for every metric, " +
		"a value may lie in several ranges or in none, and no level follows from several metrics. The edition of 2025 has none: it dropped levels for seven profiles, " +
		"which delivery data alone cannot assign.\n\n| metric | edition | elite | high | medium | low |\n|---|---|---|---|---|---|\n")
	for _, m := range Catalogue() {
		for _, edition := range editions() {
			if ranges, ok := published()[m.ID][edition]; ok {
				fmt.Fprintf(b, "| `%s` | %s |", m.ID, edition)
				for _, r := range ranges {
					b.WriteString(" " + r.Words + " |")
				}
				b.WriteString("\n")
			}
		}
	}
}

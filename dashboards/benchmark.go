package dashboards

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"

	"github.com/headway-metrics/headway/dashboards/clickhousequery"
	"github.com/headway-metrics/headway/schema/metrics"
)

// benchmarkQuery is the id of the query that draws a benchmark beside a metric.
const benchmarkQuery = "Benchmark"

// benchmarkVariable chooses the edition of DORA's report whose ranges are drawn. It
// is off until somebody chooses one (DEFINITIONS, "Benchmarks").
func benchmarkVariable() cog.Builder[dashboard.VariableModel] {
	options := []string{fmt.Sprintf("('%[1]s', '%[1]s')", metrics.BenchmarkOff)}
	for _, e := range metrics.Editions() {
		options = append(options, fmt.Sprintf("('%[1]s', 'DORA %[1]s')", e))
	}
	options = append(options, "('2025', 'DORA 2025: nothing to draw, it has profiles instead of levels')")
	return queryVariable("benchmark", "Benchmark", fmt.Sprintf("SELECT option.1 AS __value, option.2 AS __text FROM (SELECT arrayJoin([%s]) AS option)", strings.Join(options, ", "))).
		Multi(false).IncludeAll(false).Current(dashboard.VariableOption{
		Text:  dashboard.StringOrArrayOfString{String: new(metrics.BenchmarkOff)},
		Value: dashboard.StringOrArrayOfString{String: new(metrics.BenchmarkOff)},
	})
}

// benchmarked draws on a trend where the ranges of the chosen edition begin and end.
// reach is the SQL of about how far up the panel goes: what lies far above it is not
// drawn, or it would press the metric flat. when is a further condition, or "".
func benchmarked(p *timeseries.PanelBuilder, m figure, reach, when string) (*timeseries.PanelBuilder, error) {
	var edges []string
	for _, edition := range metrics.Editions() {
		b, err := m.Benchmark(edition)
		if err != nil {
			return nil, err
		}
		for _, e := range edgesOf(b, m.Unit) {
			edges = append(edges, fmt.Sprintf("('%s', '%s', %g)", edition, e.label, e.at))
		}
	}
	if when != "" {
		when = " AND " + when
	}
	sql := fmt.Sprintf(`SELECT arrayJoin([$__fromTime, $__toTime]) AS time, edge.2 AS series, edge.3 AS "Benchmark"
FROM (SELECT arrayJoin([%s]) AS edge)
WHERE edge.1 = '${benchmark}' AND edge.3 <= 2 * (%s)%s
ORDER BY time, edge.3`, strings.Join(edges, ", "), reach, when)
	return p.WithTarget(clickhousequery.TimeSeries(benchmarkQuery, sql)).OverrideByQuery(benchmarkQuery, []dashboard.DynamicConfigValue{
		property("displayName", "${__field.labels.series}"), fixedColor("orange"), property("custom.lineWidth", 1), property("custom.drawStyle", "line"),
		property("custom.fillOpacity", 0), property("custom.showPoints", "never"), property("custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{2, 4}}),
	}), nil
}

// edge is a value at which ranges of an edition begin or end.
type edge struct {
	at    float64
	label string
}

// edgesOf says of each edge which levels lie below it and which above, in the
// edition's own order: nothing is made of a level but its name.
func edgesOf(b metrics.Benchmark, u metrics.Unit) []edge {
	var at []float64
	for _, r := range b.Ranges {
		for _, x := range []*float64{r.From, r.To} {
			if x != nil && !slices.Contains(at, *x) {
				at = append(at, *x)
			}
		}
	}
	slices.Sort(at)
	var out []edge
	for _, x := range at {
		var equal, below, above []string
		for _, r := range b.Ranges {
			switch ends, begins := r.To != nil && *r.To == x, r.From != nil && *r.From == x; {
			case ends && begins:
				equal = append(equal, r.Level)
			case ends:
				below = append(below, r.Level)
			case begins:
				above = append(above, r.Level)
			}
		}
		var parts []string
		for _, p := range []struct {
			levels []string
			where  string
		}{{equal, ""}, {below, " below"}, {above, " above"}} {
			if len(p.levels) > 0 {
				parts = append(parts, strings.Join(p.levels, ", ")+p.where)
			}
		}
		out = append(out, edge{x, fmt.Sprintf("DORA %s, %s: %s", b.Edition, edgeName(x, u), strings.Join(parts, "; "))})
	}
	return out
}

// edgeName is the value of an edge in the words of the editions.
func edgeName(x float64, u metrics.Unit) string {
	const month = 30.4375 * day
	switch {
	case u == metrics.UnitRatio:
		return fmt.Sprintf("%.0f %%", 100*x)
	case u == metrics.UnitPerDay && x >= 1:
		return "once per day"
	case u == metrics.UnitPerDay && x >= 1./7:
		return "once per week"
	case u == metrics.UnitPerDay && x >= day/month:
		return "once per month"
	case u == metrics.UnitPerDay:
		return "once every six months"
	case x < day:
		return "1 hour"
	case x < 7*day:
		return "1 day"
	case x < month:
		return "1 week"
	case x < 6*month:
		return "1 month"
	}
	return "6 months"
}

const chosenOfDerived = `$__conditionalAll(if(team_id = '', '(none)', team_id) IN (${team:singlequote}), $team) AND $__conditionalAll(service_id IN (${service:singlequote}), $service)`

// benchmarkTrend is the trend by week of one of the metrics that the editions publish, with
// the chosen benchmark. It draws from rows that may be double: they only say how far
// up the panel goes.
func benchmarkTrend(m figure, drill string) (*timeseries.PanelBuilder, error) {
	var reach, when string
	switch m.ID {
	case "lead_time":
		reach = "SELECT quantile(0.9)(lead_seconds) FROM changes_deployed WHERE $__timeFilter(deployed_at) AND " + chosenOfDerived
	case "failed_deployment_recovery_time":
		reach = "SELECT quantile(0.9)(dateDiff('second', finished_at, recovered_at)) FROM releases WHERE failed = 1 AND $__timeFilter(finished_at) AND " + chosenOfDerived
	case "change_failure_rate":
		reach = "SELECT 0.05 + avg(failed) FROM releases WHERE $__timeFilter(finished_at) AND " + chosenOfDerived
	case "deployment_frequency":
		// The ranges are of one application or service.
		reach, when = "SELECT 1", "length([${service:singlequote}]) = 1"
	default:
		return nil, fmt.Errorf("no edition has ranges of %s", m.ID)
	}
	return benchmarked(trendOf(m, metrics.Week, drill, trendSQL(m, metrics.Week), benchmarkNote(m)), m, reach, when)
}

func benchmarkNote(m figure) string {
	note := "**Benchmark.** Off unless chosen above. The lines are where the ranges of an edition of DORA's report begin and end; those far above the metric are not drawn. " +
		"They describe respondents of that year about their own application or service, and are no targets."
	if m.Aggregation == metrics.Rate {
		note += " They are drawn for a single service only."
	}
	return note
}

package dashboards

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"

	"github.com/headway-metrics/headway/dashboards/clickhousequery"
	"github.com/headway-metrics/headway/schema/metrics"
)

// leadTimeDetail says where a change's time goes.
func leadTimeDetail() (*board, error) {
	m, err := need(teamAndService, append(metrics.LeadTimeStages(), "lead_time", "merge_to_production")...)
	if err != nil {
		return nil, err
	}
	lead := m["lead_time"]
	b := newBoard(UIDLeadTime, "Lead time detail", "Where does the time of a change go?",
		"From the first commit to production in four stages: coding, pickup, review, deploy. Look for the stage that grew, then for the changes in the table.",
		teamVariable(), serviceVariable(), benchmarkVariable())
	b.row("Over the whole time range")
	place(b, 6, 4, total(lead, ""))
	place(b, 6, 4, total(m["merge_to_production"], ""))
	place(b, 12, 4, stageGauge(m))
	b.row("Over time")
	weekly, err := benchmarkTrend(lead, "")
	if err != nil {
		return nil, err
	}
	place(b, 12, 8, weekly)
	place(b, 12, 8, stageLines(m))
	b.row("Spread")
	place(b, 12, 8, leadHeatmap(lead))
	place(b, 12, 8, columns("Changes by lead time", describe(lead, "Each change counts once, in the band of its own lead time.", explainNote(lead)), changeBandsSQL(lead), "band").
		AxisLabel("changes"))
	b.row("Changes")
	place(b, 16, 10, rows("Slowest changes", describe(lead, "The 100 changes of the choice that took longest. Who made them is not kept here: lead time says something about a process, not about people."), slowestSQL(lead)).
		OverrideByName("Lead time", unitOf("s")).OverrideByName("Change", pageLink("url")).OverrideByName("url", hiddenColumn()).
		OverrideByName("Service", serviceLink(UIDLeadTime, true)))
	place(b, 8, 10, rows("Changes that do not count", describe(lead, "Coverage: deployed changes without a lead time, and why. Where they are many, the median says little."), excludedSQL(lead)).
		OverrideByName("Share", unitOf("percentunit")))
	return b, nil
}

func stageGauge(m map[string]figure) *bargauge.PanelBuilder {
	var parts []string
	for _, id := range metrics.LeadTimeStages() {
		parts = append(parts, fmt.Sprintf("('%s', %s, %s_n)", stageName(m[id]), id, id))
	}
	sql := fmt.Sprintf("SELECT concat(stage.1, ' (n ', toString(stage.3), ')') AS stage_n, stage.2 AS \"Median\"\nFROM (\n%s\n)\nARRAY JOIN [%s] AS stage",
		metrics.StagesSQL(slice(m["lead_time"], metrics.Total)), strings.Join(parts, ", "))
	return bargauge.NewPanelBuilder().Title("Median of each stage").Datasource(clickhousequery.Ref()).
		Description(stageDescription(m)).WithTarget(clickhousequery.Table("A", sql)).Unit("s").Min(0).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Values(true).Calcs([]string{"lastNotNull"}).Fields("")).
		Orientation(common.VizOrientationHorizontal).DisplayMode(common.BarGaugeDisplayModeBasic).ShowUnfilled(true).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdFixed).FixedColor(colorValue))
}

func stageName(m figure) string {
	name := strings.TrimPrefix(m.ID, "lead_time_")
	return strings.ToUpper(name[:1]) + name[1:]
}

func stageDescription(m map[string]figure) string {
	parts := []string{"In which stage do changes wait? Each is a median of its own, over the changes that have the stage; they do not add up to the lead time.", "**Definitions**"}
	var list []string
	for _, id := range metrics.LeadTimeStages() {
		list = append(list, fmt.Sprintf("- %s (`%s`, version %d). %s", stageName(m[id]), id, m[id].Version, m[id].Definition))
	}
	return strings.Join(append(parts, strings.Join(list, "\n"), "**n** counts the changes that have the stage; a stage whose beginning or end is unknown is missing, not zero."), "\n\n")
}

func stageLines(m map[string]figure) *timeseries.PanelBuilder {
	var names, counts []string
	for _, id := range metrics.LeadTimeStages() {
		names, counts = append(names, id+" AS "+quoted(stageName(m[id]))), append(counts, id+"_n")
	}
	// The stage with the fewest changes bounds what the week can say.
	sql := fmt.Sprintf("SELECT bucket_from AS time, %s, least(%s) AS \"n (changes)\"\nFROM (\n%s\n)\nORDER BY time",
		strings.Join(names, ", "), strings.Join(counts, ", "), metrics.StagesSQL(slice(m["lead_time"], metrics.Week)))
	return lines("Median of each stage by week", stageDescription(m), sql).Unit("s").OverrideByName("n (changes)", append(tooltipOnly(), property("unit", "short")))
}

// leadHeatmap: one column per week, one row per band, darker for more changes.
func leadHeatmap(lead figure) *heatmap.PanelBuilder {
	var cols []string
	for _, b := range bands(lead.Unit) {
		cols = append(cols, fmt.Sprintf("countIf(value >= %g AND value < %g) AS %s", b.from, b.to, quoted(b.name)))
	}
	sql := fmt.Sprintf("SELECT toDateTime(toStartOfWeek(at, 1, %[1]s), %[1]s) AS time,\n  %[2]s\nFROM (\n%[3]s\n)\nWHERE excluded = ''\nGROUP BY time\nORDER BY time",
		zone, strings.Join(cols, ",\n  "), lead.RowsSQL(slice(lead, metrics.Total)))
	return heatmap.NewPanelBuilder().Title("Changes by week and lead time").Datasource(clickhousequery.Ref()).
		Description(describe(lead, "Each cell counts the changes of a week whose lead time lies in the band. A second dark row says that there are two kinds of changes, which a median hides.")).
		WithTarget(clickhousequery.TimeSeries("A", sql)).Calculate(false).Unit("short").
		Color(heatmap.NewHeatmapColorOptionsBuilder().Mode(heatmap.HeatmapColorModeScheme).Scheme("Blues").Fill("dark-blue").
			Scale(heatmap.HeatmapColorScaleExponential).Exponent(.5).Steps(64).Reverse(true))
}

func changeBandsSQL(lead figure) string {
	var out []string
	for i, b := range bands(lead.Unit) {
		out = append(out, fmt.Sprintf("(%d, '%s', countIf(value >= %g AND value < %g))", i, b.name, b.from, b.to))
	}
	return fmt.Sprintf("SELECT slot.2 AS band, slot.3 AS \"n (changes)\"\nFROM (SELECT count(value) AS n, [%s] AS slots FROM (\n%s\n) WHERE excluded = '')\nARRAY JOIN slots AS slot\nWHERE n > 0\nORDER BY slot.1",
		strings.Join(out, ", "), lead.RowsSQL(slice(lead, metrics.Total)))
}

func slowestSQL(lead figure) string {
	return fmt.Sprintf("SELECT at AS \"Released\", service AS \"Service\", team AS \"Team\", if(title = '', subject, title) AS \"Change\", value AS \"Lead time\", rule AS \"Link\", url\nFROM (\n%s\n)\nWHERE excluded = ''\nORDER BY value DESC, subject\nLIMIT 100",
		lead.RowsSQL(slice(lead, metrics.Total)))
}

// excludedSQL always has a line of those that count, so that coverage is seen.
func excludedSQL(lead figure) string {
	return fmt.Sprintf("SELECT if(excluded = '', 'counts', excluded) AS \"Reason\", count() AS \"n (changes)\", count() / sum(count()) OVER () AS \"Share\"\nFROM (\n%s\n)\nGROUP BY excluded\nORDER BY excluded = '' DESC, count() DESC\nLIMIT 50",
		lead.RowsSQL(slice(lead, metrics.Total)))
}

package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/barchart"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"

	"github.com/headway-metrics/headway/dashboards/clickhousequery"
	"github.com/headway-metrics/headway/schema/metrics"
)

// Colours that mean the same on every dashboard.
const (
	colorValue  = "blue"
	colorSpread = "purple"
	colorGood   = "green"
	colorBad    = "red"
	colorCount  = "text"
)

// property is one property of an override.
func property(id string, value any) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: id, Value: value}
}

func fixedColor(name string) dashboard.DynamicConfigValue {
	return property("color", map[string]any{"mode": "fixed", "fixedColor": name})
}

// behind draws a count as faint bars behind the lines, on an axis of its own.
func behind() []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{
		fixedColor(colorCount), property("unit", "short"), property("custom.drawStyle", "bars"), property("custom.fillOpacity", 14),
		property("custom.lineWidth", 0), property("custom.axisPlacement", "hidden"),
	}
}

// unit is Grafana's id of a metric's unit.
func unit(m figure) string {
	switch m.Unit {
	case metrics.UnitSeconds:
		return "s"
	case metrics.UnitRatio:
		return "percentunit"
	case metrics.UnitPerDay:
		return "suffix: / day"
	case metrics.UnitPerHundred:
		return "suffix: per 100"
	case metrics.UnitNPS, metrics.UnitPeople:
		return "none"
	case metrics.UnitOfSeven:
		return "suffix: of 7"
	case metrics.UnitCount, metrics.UnitPerMonth:
		// A currency is a dimension, so it stands in the name of the series.
	}
	return "short"
}

func legendBelow() cog.Builder[common.VizLegendOptions] {
	return common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).
		Placement(common.LegendPlacementBottom).Calcs([]string{})
}

func tooltipAll() cog.Builder[common.VizTooltipOptions] {
	return common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderNone)
}

// lines is a time series panel in the house style: thin lines, gaps kept.
func lines(title, description, sql string) *timeseries.PanelBuilder {
	return timeseries.NewPanelBuilder().Title(title).Description(description).Datasource(clickhousequery.Ref()).
		WithTarget(clickhousequery.TimeSeries("A", sql)).
		DrawStyle(common.GraphDrawStyleLine).LineWidth(1.5).FillOpacity(0).ShowPoints(common.VisibilityModeAuto).PointSize(4).
		SpanNulls(common.BoolOrFloat64{Bool: new(false)}).Min(0).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdPaletteClassic)).
		Legend(legendBelow()).Tooltip(tooltipAll())
}

// byLabel names each series by its label, the string column of the query, and
// not by the label and the column together.
func byLabel(label string, p *timeseries.PanelBuilder) *timeseries.PanelBuilder {
	return p.DisplayName("${__field.labels." + label + "}")
}

// stackedBars is a time series panel of counts on top of each other.
func stackedBars(title, description, sql string) *timeseries.PanelBuilder {
	return lines(title, description, sql).DrawStyle(common.GraphDrawStyleBars).FillOpacity(80).LineWidth(0).Unit("short").
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A"))
}

// trend is a metric over time with its spread or interval, and n behind it.
func trend(m figure, every metrics.Every) *timeseries.PanelBuilder {
	return trendOf(m, every, "", trendSQL(m, every))
}

// wholeWeeks is a trend by week without the weeks that the time range cuts, for what
// nobody can say of a week that has only begun.
func wholeWeeks(m figure) *timeseries.PanelBuilder {
	// A week in which the clocks change may be an hour shorter.
	return trendOf(m, metrics.Week, "", trendWhere(m, metrics.Week, "\nWHERE dateDiff('hour', bucket_from, bucket_to) >= 167"),
		"Weeks that the time range cuts, such as the current one, are not shown.")
}

// trendOf is a trend of a query of its own, with more notes in its description.
func trendOf(m figure, every metrics.Every, drill, sql string, notes ...string) *timeseries.PanelBuilder {
	value := []dashboard.DynamicConfigValue{fixedColor(colorValue), property("custom.lineWidth", 2)}
	counts := m.Aggregation == metrics.Rate || m.Aggregation == metrics.DayShare || m.Aggregation == metrics.PerWeek
	if counts {
		value = []dashboard.DynamicConfigValue{fixedColor(colorValue), property("custom.drawStyle", "bars"), property("custom.fillOpacity", 75), property("custom.lineWidth", 0)}
	}
	p := lines(m.Title+" by "+string(every), describe(m, append(notes, explainNote(m))...), sql).Unit(unit(m)).
		OverrideByName(valueName(m), value)
	switch m.Aggregation {
	case metrics.Median:
		p.OverrideByName(p90Name, []dashboard.DynamicConfigValue{
			fixedColor(colorSpread), property("custom.lineWidth", 1), property("custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{5, 4}}),
		})
	case metrics.Ratio, metrics.Mean, metrics.NPS:
		p.OverrideByName(highName, []dashboard.DynamicConfigValue{
			fixedColor(colorValue), property("custom.lineWidth", 0), property("custom.fillOpacity", 16), property("custom.fillBelowTo", lowName),
		}).OverrideByName(lowName, []dashboard.DynamicConfigValue{
			fixedColor(colorValue), property("custom.lineWidth", 0), property("custom.hideFrom", map[string]any{"legend": true, "tooltip": false, "viz": false}),
		})
		if m.Aggregation == metrics.NPS {
			p.Min(-100).Max(100)
		}
	default:
		// Rates, shares of time and sums have neither.
	}
	if counts {
		// The count is the value times the days: in the tooltip, not drawn twice.
		p.OverrideByName(nName(m), append(tooltipOnly(), property("unit", "short")))
	} else {
		p.OverrideByName(nName(m), behind())
	}
	switch m.Unit {
	case metrics.UnitPerDay:
		p.AxisLabel("per day")
	case metrics.UnitPerHundred:
		p.AxisLabel("per 100 workloads")
	default:
		// The ticks carry the unit.
	}
	return linked(p, drill)
}

// total is a metric over the whole window, with n and the period before.
func total(m figure, drill string) *stat.PanelBuilder {
	p := stat.NewPanelBuilder().Title(m.Title).Datasource(clickhousequery.Ref()).
		Description(describe(m, fmt.Sprintf("*%s* is the same length of time just before, by the same definition.", previousName), explainNote(m))).
		WithTarget(clickhousequery.Table("A", totalSQL(m))).Unit(unit(m)).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}).Fields("/.*/").Values(false)).
		GraphMode(common.BigValueGraphModeNone).ColorMode(common.BigValueColorModeNone).TextMode(common.BigValueTextModeValueAndName).
		Orientation(common.VizOrientationVertical).JustifyMode(common.BigValueJustifyModeAuto).
		OverrideByName(nName(m), []dashboard.DynamicConfigValue{property("unit", "short")})
	return linked(p, drill)
}

// linked makes a panel's title open a dashboard; "" leaves it as it is.
func linked[T interface {
	Links(links []cog.Builder[dashboard.DashboardLink]) T
}](panel T, uid string) T {
	if uid == "" {
		return panel
	}
	return panel.Links([]cog.Builder[dashboard.DashboardLink]{drillDown(uid)})
}

// spread is the distribution of a metric over services.
func spread(m figure) *barchart.PanelBuilder {
	return columns(m.Title+": spread over services",
		describe(m, "Each service counts once, in the band of its own value over the whole time range. Services are not ranked: they differ in kind, and the spread shows whether one picture fits them all."),
		spreadSQL(m), "band").
		AxisLabel("services").
		OverrideByName("n (services with data)", tooltipOnly())
}

// columns is a bar chart over named things.
func columns(title, description, sql, x string) *barchart.PanelBuilder {
	return barchart.NewPanelBuilder().Title(title).Description(description).Datasource(clickhousequery.Ref()).
		WithTarget(clickhousequery.Table("A", sql)).XField(x).Unit("short").FillOpacity(82).LineWidth(0).BarWidth(.8).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdFixed).FixedColor(colorValue)).
		ShowValue(common.VisibilityModeNever).Legend(common.NewVizLegendOptionsBuilder().ShowLegend(false).
		DisplayMode(common.LegendDisplayModeHidden).Placement(common.LegendPlacementBottom).Calcs([]string{})).Tooltip(tooltipAll())
}

// rows is a table. The SQL has a LIMIT.
func rows(title, description, sql string) *table.PanelBuilder {
	return table.NewPanelBuilder().Title(title).Description(description).Datasource(clickhousequery.Ref()).
		WithTarget(clickhousequery.Table("A", sql)).ShowHeader(true).CellHeight(common.TableCellHeightSm)
}

// drillDown opens a dashboard with the same time range and variables.
func drillDown(uid string) *dashboard.DashboardLinkBuilder {
	return dashboard.NewDashboardLinkBuilder("Show the detail").Type(dashboard.DashboardLinkTypeLink).
		Url("/d/" + uid + "?${__url_time_range}&${__all_variables}")
}

// serviceLink makes the column "Service" open a dashboard of the row's service.
// team keeps the choice of teams, where the dashboard has one.
func serviceLink(uid string, team bool) []dashboard.DynamicConfigValue {
	kept := "${__url_time_range}"
	if team {
		kept += "&${team:queryparam}"
	}
	return []dashboard.DynamicConfigValue{property("links", []map[string]any{{
		"title": "Show this service", "url": "/d/" + uid + "?" + kept + "&var-service=${__data.fields.Service}",
	}})}
}

// pageLink makes a table's column open the page that a hidden column names.
func pageLink(column string) []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{property("links", []map[string]any{{
		"title": "Open at the source", "url": `${__data.fields["` + column + `"]}`, "targetBlank": true,
	}})}
}

// explainLink makes a column of metric ids open the page that explains the metric.
func explainLink() []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{property("links", []map[string]any{{
		"title": "Show the rows, the rules and what is left out", "targetBlank": true,
		"url": "${headway:raw}/v1/explain/${__data.fields.Metric}?from=${__from:date:iso}&to=${__to:date:iso}",
	}})}
}

func hiddenColumn() []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{property("custom.hidden", true)}
}

func unitOf(id string) []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{property("unit", id)}
}

// whole is a count, without decimals whatever the panel's other numbers have.
func whole() []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{property("unit", "short"), property("decimals", 0)}
}

func colorOf(name string) []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{fixedColor(name)}
}

// tooltipOnly keeps a column out of the drawing and in the tooltip.
func tooltipOnly() []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{property("custom.hideFrom", map[string]any{"legend": true, "tooltip": false, "viz": true})}
}

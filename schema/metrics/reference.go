package metrics

import (
	"fmt"
	"strings"
)

// Reference is the catalogue as a page of Markdown, docs/reference/metrics.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Metrics

Generated from ` + "`schema/metrics`" + `; do not edit. Every metric is a query of the rows that contribute and one way to aggregate
them: ` + "`headway explain ID`" + ` prints the rows, ` + "`headway metrics get ID`" + ` the points.

Rules for every metric:

- No data is no value, never 0. Ratios carry numerator and denominator, and their 95 % interval.
- Medians and 90th percentiles interpolate, and are never averaged: each level is computed from its rows.
- Windows are half open. Days, weeks (from Monday), months and quarters are cut in the reporting time zone; the first and the last bucket
  are cut at the window. A day on which the clocks change is one day.
- A row counts for the team that owned the service when it happened. ` + "`" + None + "`" + ` stands for no team.
- Provisional values may still change, because evidence arrives late. Open intervals are censored: counted beside a median, not in it.

| id | title | unit | better | split by |
|---|---|---|---|---|
`)
	for _, m := range Catalogue() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s | %s |\n", m.ID, m.ID, m.Title, m.Unit, m.Direction, strings.Join(texts(m.Dimensions), ", "))
	}
	for _, m := range Catalogue() {
		m.reference(&b)
	}
	benchmarks(&b)
	b.WriteString("\n## Data quality\n\nQueries that say how much the metrics can be trusted.\n\n| id | title | a row is | columns |\n|---|---|---|---|\n")
	for _, q := range DataQuality() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", q.ID, q.Title, q.Definition, strings.Join(q.Columns, ", "))
	}
	return b.String()
}

func (m Metric) reference(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n**%s** Version %d. *%s*\n\n%s\n\n- Aggregation: %s\n- How to read: %s\n",
		m.ID, m.Title+".", m.Version, m.Question, m.Definition, m.Aggregation.sentence(), m.HowToRead)
	if len(m.SplitBy) > 0 {
		fmt.Fprintf(b, "- Always split by: %s\n", strings.Join(texts(m.SplitBy), ", "))
	}
	if m.lateDays > 0 {
		fmt.Fprintf(b, "- Provisional for %d days\n", m.lateDays)
	}
	for _, c := range m.Caveats {
		fmt.Fprintf(b, "- Caveat: %s\n", c)
	}
	for _, l := range m.Links {
		fmt.Fprintf(b, "- Source: [%s](%s)\n", l.Title, l.URL)
	}
}

// sentence says what an aggregation does.
func (a Aggregation) sentence() string {
	switch a {
	case Median:
		return "median, with the 90th percentile and the mean; n rows, and the censored ones beside"
	case Rate:
		return "rows per calendar day; the denominator is the number of days"
	case DayShare:
		return "days with a row of all calendar days"
	case PerHundred:
		return "100 · sum of numerators / sum of denominators"
	case Sum:
		return "sum of numerators; n rows that are not 0"
	case PerWeek:
		return "sum of numerators per week; the denominator and n are the number of weeks"
	case PerMonth:
		return "sum of numerators per month of 30.4375 days; the denominator is the number of months, n the number of rows"
	case Share:
		return "sum of numerators / sum of denominators; n rows"
	case Mean:
		return "sum of numerators / sum of denominators, with Student's interval"
	case NPS:
		return "100 · (promoters − detractors) / answers, with the adjusted Wald interval"
	default:
		return "sum of numerators / sum of denominators, with Wilson's interval"
	}
}

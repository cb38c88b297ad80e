package metrics

import "regexp"

// Reads reports whether a metric's rows are made of a table: when its rows change,
// the metric may.
func (m Metric) Reads(table string) bool {
	return regexp.MustCompile(`\b(?:FROM|JOIN)\s+` + regexp.QuoteMeta(table) + `\b`).MatchString(m.rows)
}

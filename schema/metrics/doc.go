// Package metrics is the catalogue of what Headway measures. A metric is its
// rows: one SQL query of the rows that contribute, and one of a few ways to
// aggregate them. Points are aggregated from the rows and an explanation prints
// them, so that a number and its explanation cannot disagree.
//
// Add a metric by adding one file with one function that returns a Metric, and
// its line in Catalogue. No client of a server may enter: whoever runs the SQL
// passes a Querier.
package metrics

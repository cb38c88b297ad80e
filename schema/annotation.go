package schema

import "time"

// Annotation marks in dashboards when the whole history was derived anew.
type Annotation struct {
	At time.Time `ch:"at"`
	// Metric is the id of the metric whose definition changed, and Version the one
	// that holds from At on, for all of history; "" and 0 when no definition is named.
	Metric  string `ch:"metric"`
	Version uint32 `ch:"version"`
	Title   string `ch:"title"`
	Text    string `ch:"text"`
}

// AnnotationTable is the ClickHouse table of Annotation rows.
const AnnotationTable = "annotations"

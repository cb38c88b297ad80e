package metrics

import (
	"fmt"
	"strings"
)

// LeadTimeStages are the ids of the stages in the order in which a change goes
// through them.
func LeadTimeStages() []string {
	return []string{"lead_time_coding", "lead_time_pickup", "lead_time_review", "lead_time_deploy"}
}

// StagesSQL is the query of the points of all stages, in one pass over the changes.
// Its columns are bucket_from, bucket_to, and of every stage its id with the median
// and its id followed by _n with how many changes have the stage. By is not used.
func StagesSQL(s Slice) string {
	w := s.window()
	var list, durations []string
	var agg aggregate
	for _, id := range LeadTimeStages() {
		durations = append(durations, fmt.Sprintf("c.%s AS %s", changeDurations()[id].column, id))
		agg.cells = append(agg.cells,
			cell{"q_" + id, "quantilesExactInclusive(0.5)(" + id + ")"}, cell{"c_" + id, "countIf(" + id + " IS NOT NULL)"})
		list = append(list, fmt.Sprintf("CAST(if(c_%[1]s = 0, NULL, q_%[1]s[1]), 'Nullable(Float64)') AS %[1]s, toUInt64(c_%[1]s) AS %[1]s_n", id))
	}
	rows := Metric{rows: fmt.Sprintf(`
SELECT %s, %s
FROM changes_deployed AS c FINAL`, changeColumns, strings.Join(durations, ", "))}
	return pointsSQL(w, nil, strings.Join(list, ",\n  "), agg, rows.within(s, w, w.from))
}

// stage is one part of the lead time.
func stage(id, title, question, definition string) Metric {
	return Metric{
		ID: id, Version: 1, Title: title, DORA: true, Question: question, Definition: definition,
		HowToRead: "Lower is better. Compare the stages of one team with each other: the longest is where waiting can be cut.",
		Caveats: []string{
			"A change without the stage (no review, a commit without a request) has no value here; it is not counted as zero.",
		},
		Unit: UnitSeconds, Direction: Down, Dimensions: changeDimensions(), Aggregation: Median, Links: doraLinks(),
		rows: changeRows(id),
	}
}

func leadTimeCoding() Metric {
	return stage("lead_time_coding", "Coding time", "How long is a change worked on before others see it?",
		"From the first commit's author time until the request was opened; median over deployed changes.")
}

func leadTimePickup() Metric {
	return stage("lead_time_pickup", "Pickup time", "How long does a change wait for its first review?",
		"From the opening of the request until the first review by somebody other than its author; bots do not review. Median over deployed changes.")
}

func leadTimeReview() Metric {
	return stage("lead_time_review", "Review time", "How long does review take once it has begun?",
		"From the first review by another until the merge; median over deployed changes.")
}

func leadTimeDeploy() Metric {
	return stage("lead_time_deploy", "Deploy time", "How long does a merged change wait for production?",
		"From the merge until the release that contains the change finished; median over deployed changes.")
}

func mergeToProduction() Metric {
	return stage("merge_to_production", "Merge to production", "How long does it take from merge to production?",
		"From the merge, or the commit on the deployed branch, until the first successful production release that contains the change finished; median over deployed changes.")
}

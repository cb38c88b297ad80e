package metrics

// stage is one part of the lead time.
func stage(id, title, question, definition, column, missing string) Metric {
	return Metric{
		ID: id, Version: 1, Title: title, DORA: true, Question: question, Definition: definition,
		HowToRead: "Lower is better. Compare the stages of one team with each other: the longest is where waiting can be cut.",
		Caveats: []string{
			"A change without the stage (no review, a commit without a request) has no value here; it is not counted as zero.",
		},
		Unit: UnitSeconds, Direction: Down, Dimensions: changeDimensions(), Aggregation: Median, Links: doraLinks(),
		rows: changeRows(column, missing),
	}
}

const (
	noReview = "if(c.first_review_at IS NULL, 'no review by another', 'negative')"
	noMerge  = "if(c.merged_at IS NULL, 'merge time unknown', 'negative')"
)

func leadTimeCoding() Metric {
	return stage("lead_time_coding", "Coding time", "How long is a change worked on before others see it?",
		"From the first commit's author time until the request was opened; median over deployed changes.",
		"coding_seconds", "multiIf(c.opened_at IS NULL, 'no request', c.first_commit_at IS NULL, 'unknown_start', 'negative')")
}

func leadTimePickup() Metric {
	return stage("lead_time_pickup", "Pickup time", "How long does a change wait for its first review?",
		"From the opening of the request until the first review by somebody other than its author; bots do not review. Median over deployed changes.",
		"pickup_seconds", noReview)
}

func leadTimeReview() Metric {
	return stage("lead_time_review", "Review time", "How long does review take once it has begun?",
		"From the first review by another until the merge; median over deployed changes.",
		"review_seconds", noReview)
}

func leadTimeDeploy() Metric {
	return stage("lead_time_deploy", "Deploy time", "How long does a merged change wait for production?",
		"From the merge until the release that contains the change finished; median over deployed changes.",
		"deploy_seconds", noMerge)
}

func mergeToProduction() Metric {
	return stage("merge_to_production", "Merge to production", "How long does it take from merge to production?",
		"From the merge, or the commit on the deployed branch, until the first successful production release that contains the change finished; median over deployed changes.",
		"merge_to_production_seconds", noMerge)
}

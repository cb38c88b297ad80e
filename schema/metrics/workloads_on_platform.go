package metrics

// workloadsOnPlatform: DEFINITIONS, "Platform metrics".
func workloadsOnPlatform() Metric {
	return Metric{
		ID: "workloads_on_platform", Version: 1, Title: "Workloads on the platform",
		Question: "How much of what we run in production runs on the platform?",
		Definition: "Production workloads that pass the platform predicate, divided by all inventoried production workloads that the platform " +
			"does not own itself. Taken from the last daily inventory of each cluster in the bucket.",
		HowToRead: "Higher is better. A workload of which nothing is known counts as not on the platform; the share of unknown ones is a metric of its own.",
		Caveats:   []string{"What no inventory sees is in neither number."},
		Unit:      UnitRatio, Direction: Up, Dimensions: workloadDimensions(), Aggregation: Ratio,
		rows: workloadRows("yes"),
	}
}

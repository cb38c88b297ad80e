package metrics

// workloadsUnknown is the band of its own beside workloads_on_platform.
func workloadsUnknown() Metric {
	return Metric{
		ID: "workloads_unknown", Version: 1, Title: "Workloads of unknown kind",
		Question:   "Of how much of what we run do we not know whether it runs on the platform?",
		Definition: "Inventoried production workloads for which the platform predicate has no answer, divided by all that the platform does not own itself. Taken from the last daily inventory of each cluster in the bucket.",
		HowToRead:  "Lower is better. As long as it is large, the share on the platform is a lower bound.",
		Caveats:    []string{"What no inventory sees is in neither number."},
		Unit:       UnitRatio, Direction: Down, Dimensions: workloadDimensions(), Aggregation: Ratio,
		rows: workloadRows("unknown"),
	}
}

package metrics

// selfServiceRatio: DEFINITIONS, "Platform metrics".
func selfServiceRatio() Metric {
	return Metric{
		ID: "self_service_ratio", Version: 1, Title: "Self-service ratio",
		Question: "How much of what teams need do they get without asking somebody?",
		Definition: "Completed requests in which nobody of the platform had to act, divided by those plus the completed requests that " +
			"people served: tickets of the type request, manual requests, and self-service runs that waited for an approval.",
		HowToRead: "Higher is better. Read it with the waiting time of each kind: self-service that is slow saves nobody anything.",
		Caveats: []string{
			"Failed and cancelled requests, open ones and dry runs are listed and not counted.",
			"Requests made by word of mouth or chat are in no system, so the true ratio is lower.",
		},
		Unit: UnitRatio, Direction: Up, Dimensions: requestDimensions(), Aggregation: Ratio,
		rows: "SELECT " + requestColumns + ", wait AS value, hit AS numerator, 1 AS denominator, excluded\nFROM (" + requestRows() + ")",
	}
}

package metrics

// requestWait is the waiting time beside the self-service ratio.
func requestWait() Metric {
	return Metric{
		ID: "request_wait", Version: 1, Title: "Waiting time of requests",
		Question:   "How long do teams wait for what they ask of the platform?",
		Definition: "From the creation of a completed request until its completion; median and 90th percentile, best split by channel.",
		HowToRead:  "Lower is better. Compare the channels self_service and manual: the difference is what self-service saves.",
		Caveats:    []string{"Failed and cancelled requests, open ones and dry runs are listed and not counted."},
		Unit:       UnitSeconds, Direction: Down, Dimensions: requestDimensions(), Aggregation: Median,
		rows: "SELECT " + requestColumns + ", if(q.excluded = '', wait, NULL) AS value, 0 AS numerator, 0 AS denominator,\n" +
			"  if(q.excluded = '' AND wait IS NULL, 'negative', q.excluded) AS excluded\nFROM (" + requestRows() + ") AS q",
	}
}

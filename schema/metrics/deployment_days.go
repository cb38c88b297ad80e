package metrics

// deploymentDays is the steadiness beside the frequency.
func deploymentDays() Metric {
	return Metric{
		ID: "deployment_days", Version: 1, Title: "Days with a deployment", DORA: true,
		Question:   "On what share of days does something reach production?",
		Definition: "Calendar days of the reporting time zone with at least one successful production release, divided by all calendar days. A day on which the clocks change is one day.",
		HowToRead:  "Higher is steadier. Working days only make about 70 % of a year.",
		Caveats:    []string{everyEnvironment, "Weekends and holidays are days like any other."},
		Unit:       UnitRatio, Direction: Up, Dimensions: releaseDimensions(), Aggregation: DayShare, Links: doraLinks(),
		rows: successRows(),
	}
}

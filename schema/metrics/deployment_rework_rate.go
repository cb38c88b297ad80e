package metrics

// deploymentReworkRate: DEFINITIONS, "DORA".
func deploymentReworkRate() Metric {
	return Metric{
		ID: "deployment_rework_rate", Version: 1, Title: "Deployment rework rate", DORA: true,
		Question: "How much of our releasing is unplanned repair?",
		Definition: "Production releases that are unplanned repair of an earlier one (a rollback, a revert, a hotfix, or the answer " +
			"to an incident), divided by all finished production releases.",
		HowToRead: "Lower is better. Read it beside the change failure rate: many repairs with few known failures mean that failures are not recorded.",
		Caveats: []string{
			everyEnvironment,
			"Values of the last 7 days are provisional: evidence arrives late.",
			"An attempt that never reached production and did no harm is listed and not counted.",
		},
		Unit: UnitRatio, Direction: Down, Dimensions: releaseDimensions(), Aggregation: Ratio, Links: doraLinks(),
		lateDays: failureLateDays,
		rows: releaseRows("CAST(NULL, 'Nullable(Float64)') AS value, r.rework AS numerator, 1 AS denominator, "+
			"r.url AS url, r.rework_rule AS rule, r.rework_evidence AS evidence", neverInProduction),
	}
}

package metrics

// failureLateDays is how long evidence of a failure may take to arrive
// (DEFINITIONS, "Provisional").
const failureLateDays = 7

// changeFailureRate: DEFINITIONS, "DORA" and "Failure evidence".
func changeFailureRate() Metric {
	return Metric{
		ID: "change_failure_rate", Version: 1, Title: "Change failure rate", DORA: true,
		Question: "How often does a release make things worse?",
		Definition: "Production releases with failure evidence, divided by all finished production releases. Evidence is, strongest " +
			"first: an incident or call that names the release, a later release that puts an earlier version back, a deployed revert " +
			"or hotfix, and only where a service has no stronger source an incident soon after. A release counts once, however many incidents it has.",
		HowToRead: "Lower is better; with few releases look at the interval, not at the number.",
		Caveats: []string{
			everyEnvironment + " In which of them it failed is not known.",
			"Values of the last 7 days are provisional: evidence arrives late.",
			"An attempt that never reached production and did no harm is listed and not counted: it changed nothing.",
			"Incidents matched by time alone are a heuristic and carry the rule \"time\".",
		},
		Unit: UnitRatio, Direction: Down, Dimensions: releaseDimensions(), Aggregation: Ratio, Links: doraLinks(),
		lateDays: failureLateDays,
		rows: releaseRows("CAST(NULL, 'Nullable(Float64)') AS value, r.failed AS numerator, 1 AS denominator, "+
			"if(r.failure_url = '', r.url, r.failure_url) AS url, r.failure_rule AS rule, r.failure_evidence AS evidence", neverInProduction),
	}
}

package metrics

// failedDeploymentRecoveryTime: DEFINITIONS, "DORA".
func failedDeploymentRecoveryTime() Metric {
	return Metric{
		ID: "failed_deployment_recovery_time", Version: 1, Title: "Failed deployment recovery time", DORA: true,
		Question: "When a release makes things worse, how long until they are good again?",
		Definition: "From the finish of a failed production release until the earliest of: its incident resolved, the rollback finished, " +
			"the fixing release finished. Median and 90th percentile over failed releases, by the time of the failed release.",
		HowToRead: "Lower is better. It is about releases that failed; incidents with other causes are in the incident restore time.",
		Caveats: []string{
			everyEnvironment,
			"Failed releases that have not recovered are counted beside the median, not in it.",
			"Values of the last 7 days are provisional: evidence arrives late.",
		},
		Unit: UnitSeconds, Direction: Down, Dimensions: releaseDimensions(), Aggregation: Median, Links: doraLinks(),
		lateDays: failureLateDays,
		rows: `
SELECT r.finished_at AS at, if(r.team_id = '', '(none)', r.team_id) AS team, r.service_id AS service, if(r.repo = '', '(none)', r.repo) AS repo,
  ` + releaseEnvironments + `,
  if(excluded = '', dateDiff('millisecond', r.finished_at, r.recovered_at) / 1000, NULL) AS value,
  0 AS numerator, 0 AS denominator, excluded = '' AND r.recovered_at IS NULL AS censored,
  r.release_id AS subject, concat(r.service_id, ' ', r.deployed_version) AS title, if(r.failure_url = '', r.url, r.failure_url) AS url,
  r.recovery_rule AS rule,
  concat(r.failure_rule, ' ', r.failure_evidence, if(r.recovered_at IS NULL, ', not recovered', concat(', recovered by ', r.recovery_evidence))) AS evidence,
  ` + noRecovery + ` AS excluded
FROM releases AS r FINAL
WHERE r.failed = 1`,
	}
}

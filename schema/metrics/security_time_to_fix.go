package metrics

// securityTimeToFix stands beside security_backlog.
func securityTimeToFix() Metric {
	return Metric{
		ID: "security_time_to_fix", Version: 1, Title: "Time to fix findings",
		Question:   "How long do we live with a weakness that we know?",
		Definition: "From the beginning of a finding until it was fixed; median and 90th percentile, by the time of its beginning.",
		HowToRead:  "Lower is better. Recent buckets hold only what was fixed fast: compare older ones, and look at how many are open beside the median.",
		Caveats: []string{
			"Open findings are counted beside the median, not in it; dismissed ones and baselines, whose beginning is not known, are listed and not counted.",
			"A finding that goes and comes back is one finding, open all the time.",
		},
		Unit: UnitSeconds, Direction: Down, Dimensions: findingDimensions(), Aggregation: Median,
		rows: `
SELECT opened_at AS at, if(team_id = '', '(none)', team_id) AS team, if(service_id = '', '(none)', service_id) AS service, severity, kind,
  if(excluded = '' AND closed_at IS NOT NULL, dateDiff('millisecond', opened_at, closed_at) / 1000, NULL) AS value,
  0 AS numerator, 0 AS denominator, excluded = '' AND closed_at IS NULL AS censored,
  finding_id AS subject, title, url, state AS rule, ` + findingEvidence + ` AS evidence,
  multiIf(state = 'dismissed', 'dismissed', baseline, 'baseline', ifNull(closed_at < opened_at, 0), 'negative', '') AS excluded
FROM owned_findings`,
	}
}

package metrics

// securityFindingAge stands beside security_backlog.
func securityFindingAge() Metric {
	return Metric{
		ID: "security_finding_age", Version: 1, Title: "Age of open findings",
		Question:   "For how long have we known our weaknesses?",
		Definition: "From the beginning of a finding until the end of the bucket, for findings that were open then; median and 90th percentile.",
		HowToRead:  "Lower is better. It rises when new findings stop coming and old ones stay: read it beside the backlog.",
		Caveats:    []string{"What the first report of a series shows is at least as old as that report; its true age is not known."},
		Unit:       UnitSeconds, Direction: Down, Dimensions: findingDimensions(), Aggregation: Median,
		rows: `
SELECT subtractMilliseconds(slot, 1) AS at, team, service, severity, kind, CAST(dateDiff('millisecond', opened_at, slot) / 1000, 'Nullable(Float64)') AS value,
  0 AS numerator, 0 AS denominator, 0 AS censored, finding_id AS subject, title, url, if(baseline, 'at least', 'since it began') AS rule,
  ` + findingEvidence + ` AS evidence, '' AS excluded
FROM (` + openFindings + `)`,
	}
}

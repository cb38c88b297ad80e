package metrics

// securityFindingRate: DEFINITIONS, "Platform metrics". Workloads have no
// severity: they stand beside every one of them.
func securityFindingRate() Metric {
	return Metric{
		ID: "security_finding_rate", Version: 1, Title: "New security findings",
		Question: "How many new weaknesses come into what we run?",
		Definition: "Findings that began in the bucket, per 100 scanned workloads. What several tools, images or files say of one weakness of one " +
			"service is one finding, as severe as the worst of them says. A workload is scanned when its service or itself was scanned in the 30 days " +
			"until the last daily inventory of its cluster in the bucket.",
		HowToRead: "Lower is better, beside high scan coverage: what nobody looks at has no findings. Read it by severity.",
		Caveats: []string{
			"Without scanned workloads in the bucket there is no value; the number of findings is still there.",
			"What the first report of a series shows was there before: it is listed as baseline and not counted, unless the service was made in the month before.",
			"False positives are listed and not counted.",
			"Split by severity, every severity is set against all scanned workloads.",
		},
		Unit: UnitPerHundred, Direction: Down, Dimensions: []Dimension{Team, Service, Severity}, Aggregation: PerHundred,
		beside: map[Dimension]string{Severity: findingSeverities},
		rows: `
SELECT opened_at AS at, if(team_id = '', '(none)', team_id) AS team, if(service_id = '', '(none)', service_id) AS service, severity,
  CAST(NULL, 'Nullable(Float64)') AS value, 1 AS numerator, 0 AS denominator, 0 AS censored,
  finding_id AS subject, title, url, kind AS rule, ` + findingEvidence + ` AS evidence,
  multiIf(state = 'dismissed' AND reason = 'false_positive', 'false positive', baseline, 'baseline', '') AS excluded
FROM owned_findings
UNION ALL
SELECT at, team, service, ` + placeBeside(Severity) + ` AS severity, NULL, 0, toUInt32(workloads), 0,
  concat('workloads of ', service, ' of ', team, ' in ', cluster, ' on ', toString(day)), 'scanned workloads', '', 'workloads', toString(workloads), ''
FROM (
  SELECT at, day, team, service, cluster, count() AS workloads
  FROM (` + scannedWorkloads + `)
  WHERE scanned AND tier = 'production'
  GROUP BY at, day, team, service, cluster
)`,
	}
}

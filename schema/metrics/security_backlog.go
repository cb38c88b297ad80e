package metrics

func findingDimensions() []Dimension { return []Dimension{Team, Service, Severity, Kind} }

// securityBacklog stands beside security_finding_rate. A service that was scanned
// and has nothing open is a row of 0, so that an empty backlog is no missing value.
func securityBacklog() Metric {
	return Metric{
		ID: "security_backlog", Version: 1, Title: "Open security findings",
		Question:   "How many known weaknesses are we living with?",
		Definition: "Findings that were open at the end of the bucket: neither fixed nor dismissed.",
		HowToRead:  "Lower is better. A backlog that falls by dismissal has not become safer: read the time to fix too.",
		Caveats: []string{
			"Without a finding and without a scan in the 30 days before there is no value; scanned services without findings are 0.",
			"A finding of a report ends with the next report of the series that does not show it.",
		},
		Unit: UnitCount, Direction: Down, Dimensions: findingDimensions(), Aggregation: Sum,
		beside: map[Dimension]string{Severity: findingSeverities, Kind: "(SELECT arraySort(groupUniqArray(toString(kind))) FROM findings FINAL)"},
		rows: `
SELECT subtractMilliseconds(slot, 1) AS at, team, service, severity, kind, CAST(NULL, 'Nullable(Float64)') AS value, 1 AS numerator, 0 AS denominator,
  0 AS censored, finding_id AS subject, title, url, 'open' AS rule, ` + findingEvidence + ` AS evidence, '' AS excluded
FROM (` + openFindings + `)
UNION ALL
SELECT subtractMilliseconds(slot, 1) AS at, if(team_id = '', '(none)', team_id) AS team, service_id AS service, ` + placeBeside(Severity) + ` AS severity,
  ` + placeBeside(Kind) + ` AS kind, NULL, 0, 0, 0, concat('scans of ', service_id),
  'scanned service', '', 'scanned', toString(scans), ''
FROM (
  SELECT s.slot AS slot, s.service_id AS service_id, s.scans AS scans, o.owners[greatest(1, arrayCount(x -> x.1 < s.slot, o.owners))].2 AS team_id
  FROM (
    SELECT slot, service_id, uniqExact(scan_id) AS scans FROM owned_scans ARRAY JOIN ` + bucketEnds + ` AS slot
    WHERE service_id != '' AND at < slot AND at >= subtractDays(slot, 30)
    GROUP BY slot, service_id
  ) AS s
  LEFT JOIN service_owners AS o ON o.service_id = s.service_id
)`,
	}
}

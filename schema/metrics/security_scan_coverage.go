package metrics

// securityScanCoverage stands beside security_finding_rate.
func securityScanCoverage() Metric {
	return Metric{
		ID: "security_scan_coverage", Version: 1, Title: "Scan coverage",
		Question: "How much of what we run does anybody look at?",
		Definition: "Production workloads whose service or themselves were scanned in the 30 days until the inventory, divided by all inventoried " +
			"production workloads. Taken from the last daily inventory of each cluster in the bucket.",
		HowToRead: "Higher is better. As long as it is low, few findings mean little.",
		Caveats: []string{
			"One scan of any tool and kind covers a workload: a scan for secrets does not find old packages.",
			"What no inventory sees is in neither number.",
		},
		Unit: UnitRatio, Direction: Up, Dimensions: []Dimension{Team, Service, Cluster}, Aggregation: Ratio,
		rows: `
SELECT at, team, service, cluster, CAST(NULL, 'Nullable(Float64)') AS value, scanned AS numerator, 1 AS denominator, 0 AS censored,
  workload_id AS subject, name AS title, url, if(scanned, 'scanned', 'not scanned') AS rule,
  if(scanned_at > toDateTime64(0, 3, 'UTC'), concat('last scan at ', toString(scanned_at), ' UTC'), 'no scan') AS evidence,
  if(tier = 'production', '', 'not production') AS excluded
FROM (` + scannedWorkloads + `)`,
	}
}

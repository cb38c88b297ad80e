package metrics

// workloadRows are the inventoried production workloads in the last snapshot
// that each cluster has in a bucket. hit and rule are what the metric looks for.
func workloadRows(band string) string {
	return `
SELECT toTimeZone(toDateTime64(toDate(day), 3, {{zone}}), 'UTC') AS at, if(team_id = '', '(none)', team_id) AS team,
  if(service_id = '', '(none)', service_id) AS service, toString(cluster) AS cluster,
  if(environment = '', '(none)', toString(environment)) AS environment,
  CAST(NULL, 'Nullable(Float64)') AS value, on_platform = '` + band + `' AS numerator, 1 AS denominator, 0 AS censored,
  workload_id AS subject, concat(namespace, '/', name) AS title, url, concat('on platform: ', on_platform) AS rule,
  concat('snapshot of ', toString(toDate(day))) AS evidence,
  multiIf(platform_owned = 1, 'owned by the platform', tier != 'production', 'not production', '') AS excluded
FROM resolved_workloads FINAL
WHERE (cluster, day) IN (` + lastSnapshots + `)`
}

// lastSnapshots are the last day on which each cluster was inventoried in each
// bucket.
const lastSnapshots = `
  SELECT cluster, max(day) FROM (
    SELECT cluster, day, toTimeZone(toDateTime64(toDate(day), 3, {{zone}}), 'UTC') AS at FROM resolved_snapshots FINAL
  ) WHERE at >= {{from}} AND at < {{to}} GROUP BY cluster, {{bucket}}
`

func workloadDimensions() []Dimension { return []Dimension{Team, Service, Cluster, Environment} }

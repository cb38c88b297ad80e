package metrics

// Every tool's severities, the worst first.
const findingSeverities = "['critical', 'high', 'medium', 'low', 'unknown']"

// scannedWorkloads are the inventoried production workloads in the last snapshot
// that each cluster has in a bucket, and whether they were scanned in the 30 days
// until the end of its day. Those of the platform count too: a weakness of theirs
// is everybody's.
const scannedWorkloads = `
  SELECT toTimeZone(toDateTime64(toDate(day), 3, {{zone}}), 'UTC') AS at, if(team_id = '', '(none)', team_id) AS team,
    if(service_id = '', '(none)', service_id) AS service, toString(cluster) AS cluster, workload_id, concat(namespace, '/', name) AS name, url, tier,
    scanned_at, scanned_at > subtractDays(addDays(day, 1), 30) AS scanned, toDate(day) AS day
  FROM scanned_workloads
  WHERE (cluster, day) IN (` + lastSnapshots + `)`

// bucketEnds are the ends of all buckets that have begun, the present in the last.
const bucketEnds = "arrayMap(c -> least(c.3, {{now}}), arrayFilter(c -> c.2 < {{now}}, {{calendar}}))"

// openFindings are the findings that were open at the end of a bucket (slot).
const openFindings = `
  SELECT finding_id, if(team_id = '', '(none)', team_id) AS team, if(service_id = '', '(none)', service_id) AS service, severity, kind, rule, title, url,
    tools, places, opened_at, baseline, slot
  FROM owned_findings
  ARRAY JOIN ` + bucketEnds + ` AS slot
  WHERE opened_at < slot AND (closed_at IS NULL OR closed_at >= slot)`

// findingEvidence says which tools found it, and where first.
const findingEvidence = "concat(rule, ' found by ', arrayStringConcat(tools, ', '), if(places[1] = '', '', concat(' in ', places[1])), if(length(places) > 1, concat(' and ', toString(length(places) - 1), ' more places'), ''))"

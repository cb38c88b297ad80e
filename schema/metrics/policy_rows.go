package metrics

// policyRows are the last results of all checks in the last week of a bucket: what
// was not evaluated for a week is gone. hit and excluded are what the metric looks for.
func policyRows(hit, excluded string) string {
	return `
SELECT evaluated AS at, if(team_id = '', '(none)', team_id) AS team, if(service_id = '', '(none)', service_id) AS service, severity, policy, cluster,
  CAST(NULL, 'Nullable(Float64)') AS value, ` + hit + ` AS numerator, 1 AS denominator, 0 AS censored,
  concat(result_id, ' on ', toString(toDate(evaluated, 'UTC'))) AS subject, resource AS title, url, concat(policy, if(check_rule = '', '', concat('/', check_rule))) AS rule,
  concat(outcome, if(message = '', '', concat(': ', message))) AS evidence, ` + excluded + ` AS excluded
FROM (
  SELECT result_id, latest.1 AS evaluated, latest.2 AS team_id, latest.3 AS service_id, latest.4 AS severity, latest.5 AS policy, latest.6 AS cluster,
    latest.7 AS check_rule, latest.8 AS outcome, latest.9 AS resource, latest.10 AS url, latest.11 AS message
  FROM (
    SELECT result_id, {{bucket}} AS slot, argMax((at, team_id, service_id, toString(severity), toString(policy), toString(cluster), toString(rule),
      toString(outcome), resource, url, message), (at, day)) AS latest
    FROM resolved_policy_results FINAL
    WHERE outcome != 'denied' AND at >= {{from}} AND at < {{to}}
    GROUP BY result_id, slot
  )
)
WHERE arrayExists(c -> evaluated >= c.2 AND evaluated < c.3 AND evaluated >= subtractDays(least(c.3, {{now}}), 7), {{calendar}})`
}

func policyDimensions() []Dimension { return []Dimension{Team, Service, Severity, Policy, Cluster} }

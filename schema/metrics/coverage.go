package metrics

import (
	"fmt"
	"strings"
)

// tally counts records that metrics are made of, by metric and by the reason for
// which the metric leaves them out.
type tally struct {
	// records names them.
	records string
	// metrics that are made of them.
	metrics []string
	// sql has the columns about (an array of a metric and a reason, "" where it
	// counts), n, and nameless, serviceless and unsaid: whether those n records have
	// no team, no service, no capability.
	sql string
}

// tallies are what Data quality counts. Metrics of spans of time, or of every pair
// of a team and a capability, are not among them: their rows are made and not
// recorded. What those are made of is.
func tallies() []tally {
	return []tally{
		changeTally(), releaseTally(),
		rowTally("incidents", "incident_restore_time"),
		useTally(),
		requestTally(),
		rowTally("self-service runs", "time_saved"),
		rowTally("new services", "template_adoption"),
		rowTally("new services", "time_to_production"),
		rowTally("workloads", "workloads_on_platform", "workloads_unknown"),
		supportTally(),
		rowTally("feature requests", "feature_requests", "feature_requests_untagged"),
		rowTally("findings", "security_time_to_fix"),
		rowTally("results of checks", "compliance_violation_rate"),
		rowTally("results of checks", "policy_error_rate"),
		rowTally("denials", "admission_denials"),
	}
}

// rowTally counts the rows of a metric. Those named after it have the same rows, and
// leave the same ones out.
func rowTally(records, metric string, alike ...string) tally {
	m, _ := ByID(metric)
	var about []string
	for _, id := range append([]string{metric}, alike...) {
		about = append(about, fmt.Sprintf("('%s', reason)", id))
	}
	nameless := func(d Dimension) string {
		if !m.Has(d) {
			return "0"
		}
		return fmt.Sprintf("%s = '%s'", d, None)
	}
	return tally{records, append([]string{metric}, alike...), fmt.Sprintf(`
SELECT [%[1]s] AS about, nameless, serviceless, unsaid, n FROM (
  SELECT toString(excluded) AS reason, %[2]s AS nameless, %[3]s AS serviceless, %[4]s AS unsaid, count() AS n
  FROM (%[5]s) WHERE at >= {{from}} AND at < {{to}}
  GROUP BY reason, nameless, serviceless, unsaid
)`, strings.Join(about, ", "), nameless(Team), nameless(Service), nameless(Capability), m.rows)}
}

// requestTally counts requests once for both of their metrics: without a wait that
// makes sense a request still was served by somebody or by nobody.
func requestTally() tally {
	t := rowTally("requests", "request_wait")
	t.metrics = append(t.metrics, "self_service_ratio")
	t.sql = "SELECT [r.about[1], ('self_service_ratio', if(r.about[1].2 = 'negative', '', r.about[1].2))] AS about, nameless, serviceless, unsaid, n FROM (" + t.sql + ") AS r"
	return t
}

// supportTally counts support tickets once for the metrics of them.
func supportTally() tally {
	return tally{
		"support tickets", []string{"support_first_response_time", "support_resolution_time", "support_reopen_rate"}, `
SELECT [('support_first_response_time', if(t.replied_early, 'negative', '')), ('support_resolution_time', if(t.resolved_early, 'negative', '')),
    ('support_reopen_rate', if(t.unresolved, 'never resolved', ''))] AS about, nameless, serviceless, unsaid, n
FROM (
  SELECT ifNull(first_response_at < created_at, 0) AS replied_early, ifNull(resolved_at < created_at, 0) AS resolved_early,
    resolved_at IS NULL AND reopened = 0 AS unresolved, team_id = '' AS nameless, service_id = '' AS serviceless, capability_id = '' AS unsaid, count() AS n
  FROM resolved_tickets FINAL WHERE type = 'support' AND created_at >= {{from}} AND created_at < {{to}}
  GROUP BY ALL
) AS t`,
	}
}

// changeTally counts deployed changes once for all metrics of their durations: by
// which of their times are known, and then what that means for each metric.
func changeTally() tally {
	metrics := []Metric{leadTime(), leadTimeCoding(), leadTimePickup(), leadTimeReview(), leadTimeDeploy(), mergeToProduction()}
	t := tally{records: "deployed changes"}
	var about, kept, known []string
	for _, m := range metrics {
		d := changeDurations()[m.ID]
		t.metrics = append(t.metrics, m.ID)
		about = append(about, fmt.Sprintf("('%s', %s)", m.ID, d.why()))
		known = append(known, d.column)
	}
	known = append(known, "first_commit_at", "opened_at", "first_review_at", "merged_at")
	for i, column := range known {
		// Only whether it is known matters: any value stands for all.
		kept = append(kept, fmt.Sprintf("if(bitTest(known, %d), 1, NULL) AS %s", i, column))
		known[i] = fmt.Sprintf("bitShiftLeft(toUInt16(isNotNull(%s)), %d)", column, i)
	}
	t.sql = fmt.Sprintf(`
SELECT [%s] AS about, nameless, 0 AS serviceless, 0 AS unsaid, n FROM (
  SELECT %s, toString(reason) AS excluded, nameless, n FROM (
    SELECT %s AS known, d.excluded AS reason, team_id = '' AS nameless, count() AS n
    FROM (SELECT * FROM changes_deployed FINAL) AS d
    WHERE deployed_at >= {{from}} AND deployed_at < {{to}}
    GROUP BY known, reason, nameless
  )
) AS c`, strings.Join(about, ", "), strings.Join(kept, ", "), strings.Join(known, " + "))
	return t
}

// releaseTally counts finished production releases once for all metrics of them.
func releaseTally() tally {
	return tally{
		"releases",
		[]string{"deployment_frequency", "deployment_days", "change_failure_rate", "deployment_rework_rate", "failed_deployment_recovery_time"},
		fmt.Sprintf(`
SELECT arrayConcat([('deployment_frequency', %[1]s), ('deployment_days', %[1]s), ('change_failure_rate', %[2]s), ('deployment_rework_rate', %[2]s)],
    if(r.failed = 1, [('failed_deployment_recovery_time', %[3]s)], [])) AS about, nameless, 0 AS serviceless, 0 AS unsaid, n
FROM (
  SELECT succeeded, failed, reason AS excluded, nameless, toDateTime64(1, 3, 'UTC') AS finished_at,
    if(early, toDateTime64(0, 3, 'UTC'), NULL) AS recovered_at, n
  FROM (
    SELECT succeeded, failed, d.excluded AS reason, team_id = '' AS nameless, ifNull(recovered_at < finished_at, 0) AS early, count() AS n
    FROM (SELECT * FROM releases FINAL) AS d
    WHERE finished_at >= {{from}} AND finished_at < {{to}}
    GROUP BY succeeded, failed, reason, nameless, early
  )
) AS r`, notSuccessful, neverInProduction, noRecovery),
	}
}

// useTally counts the uses that the metrics of capabilities are made of.
func useTally() tally {
	return tally{
		"uses", []string{"teams_using_capabilities"}, `
SELECT [('teams_using_capabilities', multiIf(qualifying = 0, 'does not qualify', nameless, 'of no known team', ''))] AS about, nameless, 0 AS serviceless, unsaid, n
FROM (
  SELECT qualifying, team_id = '' AS nameless, capability_id = '' AS unsaid, count() AS n
  FROM resolved_uses FINAL WHERE at >= {{from}} AND at < {{to}}
  GROUP BY qualifying, nameless, unsaid
)`,
	}
}

// tallied is the SQL of all tallies: metric, records, reason, and how many there are
// in all and without a team, a service, a capability.
func tallied() string {
	var parts []string
	for _, t := range tallies() {
		parts = append(parts, fmt.Sprintf(`SELECT a.1 AS metric, '%s' AS records, toString(a.2) AS reason, toUInt64(sum(n)) AS found,
  toUInt64(sumIf(n, nameless)) AS teamless, toUInt64(sumIf(n, serviceless)) AS serviceless, toUInt64(sumIf(n, unsaid)) AS capabilityless
FROM (%s) ARRAY JOIN about AS a GROUP BY metric, reason`, t.records, t.sql))
	}
	return strings.Join(parts, "\nUNION ALL\n")
}

func excludedRows() Query {
	return Query{
		ID: "excluded_rows", Title: "Rows that no metric counts",
		Definition: "Records in the window that a metric leaves out, by metric and reason. Explain a metric to see them.",
		Columns:    []string{"metric", "reason", "rows"},
		sql:        "SELECT metric, reason, found AS rows FROM (\n" + tallied() + "\n) WHERE reason != ''\nORDER BY metric, rows DESC, reason",
	}
}

func coverage() Query {
	with := map[Dimension][]string{}
	for _, t := range tallies() {
		for _, id := range t.metrics {
			m, _ := ByID(id)
			for _, d := range []Dimension{Team, Service, Capability} {
				if m.Has(d) {
					with[d] = append(with[d], "'"+id+"'")
				}
			}
		}
	}
	share := func(column string, d Dimension) string {
		return fmt.Sprintf("if(metric IN (%s), sumIf(%s, reason = '') / nullIf(sumIf(found, reason = ''), 0), NULL)", strings.Join(with[d], ", "), column)
	}
	return Query{
		ID: "coverage", Title: "Coverage of each metric",
		Definition: "Records that each metric is made of, where there are any in the window: the share that it counts, and of those it counts the share that belongs to " +
			"no known team, to no known service and to no capability; NULL where the metric has no such split or counts nothing. The records of " +
			"teams_using_capabilities are those of all metrics of capabilities. Metrics that are made of spans of time leave nothing out.",
		Columns: []string{"metric", "records", "rows", "counted_share", "excluded", "no_team", "no_service", "no_capability"},
		sql: fmt.Sprintf("SELECT metric, any(records) AS records, sum(found) AS rows, sumIf(found, reason = '') / rows AS counted_share, 1 - counted_share AS excluded,\n"+
			"  %s AS no_team, %s AS no_service, %s AS no_capability\nFROM (\n%s\n)\nGROUP BY metric\nORDER BY metric",
			share("teamless", Team), share("serviceless", Service), share("capabilityless", Capability), tallied()),
	}
}

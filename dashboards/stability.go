package dashboards

import (
	"fmt"

	"github.com/headway-metrics/headway/schema/metrics"
)

// stabilityDetail says how releases fail and how fast they are mended.
func stabilityDetail() (*board, error) {
	m, err := need(teamAndService, "change_failure_rate", "failed_deployment_recovery_time", "deployment_rework_rate", "incident_restore_time", "reliability")
	if err != nil {
		return nil, err
	}
	failure, recovery := m["change_failure_rate"], m["failed_deployment_recovery_time"]
	rework, restore := m["deployment_rework_rate"], m["incident_restore_time"]
	b := newBoard(UIDStability, "Stability detail", "What breaks when we release, and how fast is it mended?",
		"Every failed release names its evidence. The last seven days are provisional, because evidence arrives late.",
		teamVariable(), serviceVariable(), benchmarkVariable())
	b.row("Over the whole time range")
	place(b, 5, 4, total(failure, ""))
	place(b, 5, 4, total(recovery, "").Title("Recovery time"))
	place(b, 5, 4, total(rework, "").Title("Rework rate"))
	place(b, 5, 4, total(restore, ""))
	place(b, 4, 4, total(m["reliability"], "").Decimals(2))
	b.row("Releases that failed")
	weekly, err := benchmarkTrend(failure, "")
	if err != nil {
		return nil, err
	}
	b.failurePanel(place(b, 12, 8, weekly))
	b.failurePanel(place(b, 12, 8, byLabel("evidence", stackedBars("Failed releases by week and evidence",
		describe(failure, "The strongest evidence counts: *explicit* names the release, *rollback* put an earlier version back, *revert* and *hotfix* repaired it, *time* is only nearness and a heuristic."), evidenceSQL))))
	if weekly, err = benchmarkTrend(recovery, ""); err != nil {
		return nil, err
	}
	b.failurePanel(place(b, 12, 8, weekly))
	b.failurePanel(place(b, 12, 8, trend(rework, metrics.Week)))
	b.row("Incidents")
	b.failurePanel(place(b, 12, 8, trend(restore, metrics.Week)))
	place(b, 12, 8, rows("Incident restore time by severity",
		describe(restore, "*Open* incidents are not resolved yet: they are left out of the median and counted beside it."), severitySQL(restore)).
		OverrideByName("Median", unitOf("s")).OverrideByName("Mean", unitOf("s")).OverrideByName(p90Name, unitOf("s")))
	b.failurePanel(place(b, 12, 8, trend(m["reliability"], metrics.Week).Max(1).Min(.9)))
	place(b, 12, 8, rows("Reliability by service", describe(m["reliability"], "Services by name; those without trouble are left out."), troubleSQL(m["reliability"])).
		OverrideByName("Reliability", unitOf("percentunit")).OverrideByName("Trouble", unitOf("s")).
		OverrideByName("Service", serviceLink(UIDStability, true)))
	b.row("Evidence")
	place(b, 24, 10, rows("Failed releases", describe(failure, "The last 200 failed releases of the choice, each with the rule and the evidence that marked it."), failedSQL).
		OverrideByName("Release", pageLink("url")).OverrideByName("url", hiddenColumn()).
		OverrideByName("Evidence", pageLink("evidence_url")).OverrideByName("evidence_url", hiddenColumn()).
		OverrideByName("Service", serviceLink(UIDStability, true)).OverrideByName("Recovered after", unitOf("s")))
	return b, nil
}

const evidenceSQL = `SELECT toDateTime(toStartOfWeek(finished_at, 1, ` + zone + `), ` + zone + `) AS time,
  toString(failure_rule) AS evidence, count() AS "Failed releases"
FROM releases FINAL
WHERE failed = 1 AND $__timeFilter(finished_at)
  AND $__conditionalAll(if(team_id = '', '(none)', team_id) IN (${team:singlequote}), $team)
  AND $__conditionalAll(service_id IN (${service:singlequote}), $service)
GROUP BY time, evidence
ORDER BY time, evidence`

func severitySQL(restore figure) string {
	return fmt.Sprintf("SELECT severity AS \"Severity\", value AS \"Median\", mean AS \"Mean\", p90 AS %s, n AS \"n (resolved)\", censored AS \"Open\"\nFROM (\n%s\n)\nORDER BY severity\nLIMIT 50",
		quoted(p90Name), restore.PointsSQL(slice(restore, metrics.Total, metrics.Severity)))
}

func troubleSQL(m figure) string {
	return fmt.Sprintf("SELECT service AS \"Service\", value AS \"Reliability\", denominator - numerator AS \"Trouble\"\nFROM (\n%s\n)\nWHERE numerator < denominator\nORDER BY service\nLIMIT 200",
		m.PointsSQL(slice(m, metrics.Total, metrics.Service)))
}

const failedSQL = `SELECT finished_at AS "Finished", service_id AS "Service", if(team_id = '', '(none)', team_id) AS "Team",
  ` + releaseName + ` AS "Release",
  failure_rule AS "Rule", failure_evidence AS "Evidence",
  if(recovered_at IS NULL, NULL, dateDiff('second', finished_at, assumeNotNull(recovered_at))) AS "Recovered after",
  if(recovered_at IS NULL, 'not yet', recovery_rule) AS "Recovery", url, failure_url AS evidence_url
FROM releases FINAL
WHERE failed = 1 AND $__timeFilter(finished_at)
  AND $__conditionalAll(if(team_id = '', '(none)', team_id) IN (${team:singlequote}), $team)
  AND $__conditionalAll(service_id IN (${service:singlequote}), $service)
ORDER BY finished_at DESC, release_id
LIMIT 200`

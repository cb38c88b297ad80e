package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/common"

	"github.com/headway-metrics/headway/schema/metrics"
)

// delivery shows what was delivered, how often, and by which service.
func delivery() (*board, error) {
	m, err := need(teamAndService, "deployment_frequency", "deployment_days", "lead_time", "merge_to_production", "change_failure_rate")
	if err != nil {
		return nil, err
	}
	frequency := m["deployment_frequency"]
	b := newBoard(UIDDelivery, "Delivery", "How often does work reach production?",
		"A release is one version of a service put into production. Small and frequent releases are easier to check and to undo.",
		teamVariable(), serviceVariable(), benchmarkVariable())
	b.row("Over the whole time range")
	place(b, 6, 4, total(frequency, ""))
	place(b, 6, 4, total(m["deployment_days"], ""))
	place(b, 6, 4, total(m["lead_time"], UIDLeadTime))
	place(b, 6, 4, total(m["change_failure_rate"], UIDStability))
	b.row("Rhythm")
	place(b, 12, 8, trend(frequency, metrics.Day))
	weekly, err := benchmarkTrend(frequency, "")
	if err != nil {
		return nil, err
	}
	place(b, 12, 8, weekly)
	place(b, 12, 8, stackedBars("Releases by week and outcome",
		"Finished production releases by week. *Failed* have failure evidence, the others none so far; *not successful* never reached production and are not a change failure.\n\n"+
			"**n** is the height of the bars. "+explainNote(m["change_failure_rate"]), releasesSQL).
		OverrideByName("No failure known", colorOf(colorGood)).OverrideByName("Failed", colorOf(colorBad)).OverrideByName("Not successful", colorOf("orange")))
	place(b, 12, 8, stackedBars("Changes delivered by week",
		"Changes whose first successful production release finished in the week: merged requests, and commits that belong to no request.\n\n**n** is the height of the bars. "+
			explainNote(m["lead_time"]), changesSQL(m["lead_time"])))
	b.row("Services")
	place(b, 24, 10, rows("Services", "One line per service of the choice, by name. Open one to see it alone.\n\n"+
		"Frequency, lead time and failure rate are those of the catalogue over the whole time range; a dash is no data, not zero. **n** stands beside each value.", servicesSQL(m)).
		OverrideByName("Service", serviceLink(UIDDelivery, true)).
		OverrideByName("Releases per day", unitOf("suffix: / day")).
		OverrideByName("Lead time, median", unitOf("s")).OverrideByName("Lead time, 90th percentile", unitOf("s")).
		OverrideByName("Change failure rate", unitOf("percentunit")))
	place(b, 24, 10, rows("Latest releases", "The last 200 releases of the choice. *Changes* is how many changes the release brought first; a baseline claims none, because what came before is unknown.",
		latestReleasesSQL).
		OverrideByName("Release", pageLink("url")).OverrideByName("url", hiddenColumn()).
		OverrideByName("Service", serviceLink(UIDDelivery, true)).CellHeight(common.TableCellHeightSm))
	return b, nil
}

// releaseName is the expression of a release's version, or its commit, short.
const releaseName = `if(match(deployed_version, '^[0-9a-f]{40}$') OR deployed_version = '', substring(commit, 1, 12), deployed_version)`

const releasesSQL = `SELECT toDateTime(toStartOfWeek(finished_at, 1, ` + zone + `), ` + zone + `) AS time,
  countIf(succeeded = 1 AND failed = 0) AS "No failure known",
  countIf(succeeded = 1 AND failed = 1) AS "Failed",
  countIf(succeeded = 0) AS "Not successful"
FROM releases FINAL
WHERE $__timeFilter(finished_at)
  AND $__conditionalAll(if(team_id = '', '(none)', team_id) IN (${team:singlequote}), $team)
  AND $__conditionalAll(service_id IN (${service:singlequote}), $service)
GROUP BY time
ORDER BY time`

func changesSQL(lead figure) string {
	return fmt.Sprintf(`SELECT toDateTime(toStartOfWeek(at, 1, %[1]s), %[1]s) AS time,
  countIf(kind = 'request') AS "Merged requests",
  countIf(kind != 'request') AS "Single commits"
FROM (
%[2]s
)
GROUP BY time
ORDER BY time`, zone, lead.RowsSQL(slice(lead, metrics.Total)))
}

func servicesSQL(m map[string]figure) string {
	points := func(id string) string { return m[id].PointsSQL(slice(m[id], metrics.Total, metrics.Service)) }
	return fmt.Sprintf(`SELECT f.service AS "Service", f.value AS "Releases per day", f.n AS "n (releases)",
  l.value AS "Lead time, median", l.p90 AS "Lead time, 90th percentile", l.n AS "n (changes)",
  c.value AS "Change failure rate", c.n AS "n (finished releases)"
FROM (
%s
) AS f
LEFT JOIN (
%s
) AS l ON l.service = f.service
LEFT JOIN (
%s
) AS c ON c.service = f.service
ORDER BY f.service
LIMIT 500`, points("deployment_frequency"), points("lead_time"), points("change_failure_rate"))
}

const latestReleasesSQL = `SELECT finished_at AS "Finished", service_id AS "Service", if(team_id = '', '(none)', team_id) AS "Team",
  ` + releaseName + ` AS "Release", toInt64(changes) AS "Changes",
  multiIf(succeeded = 0, 'not successful', failed = 1, concat('failed: ', failure_rule), baseline = 1, 'baseline', 'no failure known') AS "Outcome", url
FROM releases FINAL
WHERE $__timeFilter(finished_at)
  AND $__conditionalAll(if(team_id = '', '(none)', team_id) IN (${team:singlequote}), $team)
  AND $__conditionalAll(service_id IN (${service:singlequote}), $service)
ORDER BY finished_at DESC, release_id
LIMIT 200`

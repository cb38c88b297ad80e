package dashboards

import (
	"fmt"
	"strings"

	"github.com/headway-metrics/headway/schema/metrics"
)

// severityColumn is a severity as a column of a panel.
type severityColumn struct{ id, name, color string }

func severityColumns() []severityColumn {
	return []severityColumn{
		{"critical", "Critical", "dark-red"},
		{"high", "High", "orange"},
		{"medium", "Medium", "yellow"},
		{"low", "Low", "blue"},
		{"unknown", "Unknown", "text"},
	}
}

// security says how weak what runs is, and how far it keeps the rules.
func security() (*board, error) {
	m, err := need(teamAndService, "security_finding_rate", "security_scan_coverage", "security_backlog", "security_finding_age", "security_time_to_fix",
		"compliance_violation_rate", "policy_error_rate", "admission_denials")
	if err != nil {
		return nil, err
	}
	rate, coverage, backlog, age, fix := m["security_finding_rate"], m["security_scan_coverage"], m["security_backlog"], m["security_finding_age"], m["security_time_to_fix"]
	violations, denials := m["compliance_violation_rate"], m["admission_denials"]
	b := newBoard(UIDSecurity, "Security and compliance", "Is what we run getting safer, and does it keep our own rules?",
		"Few findings mean little where nobody looks: read them beside the scan coverage. A service that looks worse may only be looked at better.",
		teamVariable(), serviceVariable())
	b.builder.Time("now-180d", "now")
	b.row("Over the whole time range")
	place(b, 5, 4, total(rate, ""))
	place(b, 5, 4, total(coverage, ""))
	place(b, 5, 4, total(backlog, "").Title("Open findings at the end"))
	place(b, 5, 4, total(fix, "").Title("Time to fix"))
	place(b, 4, 4, total(violations, "").Title("Violations"))
	b.row("Findings")
	bars := stackedBars("New findings by week and severity", describe(rate, "Counts, not yet set against workloads. The height of the bars is **n**."), severitiesSQL(rate, "numerator"))
	open := stackedBars("Open findings by week and severity", describe(backlog, explainNote(backlog)+" The height of the bars is **n**."), severitiesSQL(backlog, "value"))
	for _, c := range severityColumns() {
		bars.OverrideByName(c.name, colorOf(c.color))
		open.OverrideByName(c.name, colorOf(c.color))
	}
	place(b, 12, 8, bars)
	place(b, 12, 8, trend(rate, metrics.Week))
	place(b, 12, 8, open)
	place(b, 12, 8, trend(coverage, metrics.Week))
	place(b, 12, 8, trend(fix, metrics.Month))
	place(b, 12, 8, trend(age, metrics.Week))
	place(b, 24, 9, rows("Open critical and high findings, the oldest first", describe(age, "Findings that are open at the end of the time range."), oldestSQL(age)).
		OverrideByName("Age", unitOf("s")).OverrideByName("Finding", pageLink("url")).OverrideByName("url", hiddenColumn()).
		NoValue("No critical or high finding is open"))
	b.row("Compliance")
	place(b, 12, 8, trend(violations, metrics.Week))
	place(b, 12, 8, byLabel("series", lines("Violations by week and policy", describe(violations, explainNote(violations)), splitSQL(violations, metrics.Week, metrics.Policy, "value"))).
		Unit("percentunit").Max(1))
	place(b, 12, 8, byLabel("series", stackedBars("Admission denials by week and policy", describe(denials, explainNote(denials)+" The height of the bars is **n**."), splitSQL(denials, metrics.Week, metrics.Policy, "n"))))
	place(b, 12, 8, trend(m["policy_error_rate"], metrics.Week))
	return b, nil
}

func severitiesSQL(m figure, column string) string {
	var columns []string
	for _, c := range severityColumns() {
		columns = append(columns, fmt.Sprintf("sumIf(%s, severity = '%s') AS %s", column, c.id, quoted(c.name)))
	}
	return fmt.Sprintf("SELECT bucket_from AS time, %s\nFROM (\n%s\n)\nGROUP BY time\nORDER BY time",
		strings.Join(columns, ", "), m.PointsSQL(slice(m, metrics.Week, metrics.Severity)))
}

func oldestSQL(age figure) string {
	return fmt.Sprintf(`SELECT value AS "Age", severity AS "Severity", service AS "Service", team AS "Team", kind AS "Kind", if(title = '', subject, title) AS "Finding",
  evidence AS "Found", url
FROM (
%s
)
WHERE excluded = '' AND severity IN ('critical', 'high')
ORDER BY value DESC, subject
LIMIT 200`, age.RowsSQL(slice(age, metrics.Total)))
}

// costRow shows on a board what services cost.
func (b *board) costRow(cost figure) {
	b.row("What it costs")
	place(b, 12, 8, byLabel("series", lines("Platform cost per month by team", describe(cost, "One line per team and currency, each week brought to a month. "+explainNote(cost)), costSQL(cost))).
		Unit("short").AxisLabel("per month"))
	place(b, 12, 8, rows("Services by cost", describe(cost, "Over the whole time range, brought to a month."), costTableSQL(cost)).
		OverrideByName("Per month", unitOf("short")).OverrideByName("Sum", unitOf("short")))
}

func costSQL(m figure) string {
	return fmt.Sprintf("SELECT bucket_from AS time, concat(team, ' ', currency) AS series, value AS %s\nFROM (\n%s\n)\nORDER BY time, series",
		quoted(m.Title), m.PointsSQL(slice(m, metrics.Week, metrics.Team)))
}

func costTableSQL(m figure) string {
	return fmt.Sprintf("SELECT service AS \"Service\", team AS \"Team\", currency AS \"Currency\", value AS \"Per month\", numerator AS \"Sum\", n AS \"n (costs)\"\nFROM (\n%s\n)\nORDER BY value DESC, service, team, currency\nLIMIT 500",
		m.PointsSQL(slice(m, metrics.Total, metrics.Service, metrics.Team)))
}

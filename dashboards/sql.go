package dashboards

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/headway-metrics/headway/schema/metrics"
)

// previousFrom is where the period before the shown one begins: as long, and
// ending where the shown one begins.
const previousFrom = "($__fromTime - ($__toTime - $__fromTime))"

// chosen are the conditions of the dashboard's variables on a metric's rows.
func chosen(m figure) []string {
	var out []string
	for _, d := range m.choices {
		if m.Has(d) {
			out = append(out, fmt.Sprintf("$__conditionalAll(%s, $%s)", m.Among(d, fmt.Sprintf("${%s:singlequote}", d)), d))
		}
	}
	return out
}

// slice is the shown window of a metric under the dashboard's variables.
func slice(m figure, every metrics.Every, by ...metrics.Dimension) metrics.Slice {
	return metrics.Slice{From: "$__fromTime", To: "$__toTime", Zone: zone, Every: every, By: by, Where: chosen(m)}
}

// counted is what n counts, for the metrics whose rows have a name.
func counted(m figure) string {
	nouns := map[string]string{
		"lead_time": "changes", "merge_to_production": "changes", "lead_time_coding": "changes", "lead_time_pickup": "changes",
		"lead_time_review": "changes", "lead_time_deploy": "changes",
		"deployment_frequency": "releases", "deployment_days": "releases", "change_failure_rate": "releases",
		"deployment_rework_rate": "releases", "failed_deployment_recovery_time": "failed releases",
		"incident_restore_time": "incidents", "self_service_ratio": "requests", "time_to_production": "services",
		"workloads_on_platform": "workloads", "support_ticket_volume": "tickets", "platform_nps": "answers",
		"developer_satisfaction": "answers", "teams_using_capabilities": "active teams", "new_capability_adoption": "eligible teams",
		"capability_retention": "teams before", "request_wait": "requests", "workloads_unknown": "workloads",
		"reliability": "services by team", "capability_churn": "teams before", "adoption_curve": "eligible teams",
		"capability_stickiness": "teams that tried it", "template_adoption": "new services", "portal_usage": "active teams", "self_service_fallback": "failed runs", "time_saved": "completed runs",
		"support_reopen_rate": "tickets that were resolved", "feature_request_patterns": "active teams", "feature_requests": "tickets",
		"feature_requests_untagged": "tickets", "developers_per_platform_engineer": "teams", "infrastructure_time": "answers", "onboarding": "groups", "onboarding_tenth": "groups", "infrastructure_path_share": "changes",
		"support_first_response_time": "tickets", "support_resolution_time": "tickets", "survey_response_rate": "people invited",
		"security_finding_rate": "findings", "security_scan_coverage": "workloads", "security_backlog": "findings", "security_finding_age": "findings",
		"security_time_to_fix": "findings", "compliance_violation_rate": "results", "policy_error_rate": "results", "admission_denials": "denials",
		"platform_cost": "costs", "portal_people": "weeks", "portal_satisfaction": "answers", "ease_of_use": "answers", "employee_nps": "answers",
	}
	return cmp.Or(nouns[m.ID], "rows")
}

// nName is the name of the column with n.
func nName(m figure) string { return "n (" + counted(m) + ")" }

// valueName is the name of the column with the value.
func valueName(m figure) string {
	if m.Aggregation == metrics.Median {
		return "Median"
	}
	return m.Title
}

// Names of the columns beside a value.
const (
	p90Name      = "90th percentile"
	lowName      = "95 % interval, low end"
	highName     = "95 % interval"
	highEndName  = "high end"
	previousName = "Period before"
)

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `\"`) + `"` }

// trendSQL is a metric over time: value, its spread or interval, and n.
func trendSQL(m figure, every metrics.Every) string {
	return trendWhere(m, every, "")
}

// trendWhere is trendSQL of the buckets that meet a condition.
func trendWhere(m figure, every metrics.Every, where string) string {
	extra := ""
	switch m.Aggregation {
	case metrics.Median:
		extra = ",\n  p90 AS " + quoted(p90Name)
	case metrics.Ratio, metrics.Mean, metrics.NPS:
		extra = fmt.Sprintf(",\n  low AS %s,\n  high AS %s", quoted(lowName), quoted(highName))
	default:
		// Rates, shares of time and sums have no spread of their own.
	}
	return fmt.Sprintf("SELECT bucket_from AS time,\n  value AS %s%s,\n  n AS %s\nFROM (\n%s\n)%s\nORDER BY time",
		quoted(valueName(m)), extra, quoted(nName(m)), m.PointsSQL(slice(m, every)), where)
}

// totalSQL is a metric over the shown window, n, and the value of the period
// before. Both are computed from rows; nothing is averaged over buckets.
func totalSQL(m figure) string {
	before := slice(m, metrics.Total)
	before.From, before.To = previousFrom, "$__fromTime"
	return fmt.Sprintf("SELECT shown.value AS %s,\n  shown.n AS %s,\n  before.value AS %s\nFROM (\n%s\n) AS shown\nCROSS JOIN (\n%s\n) AS before",
		quoted(valueName(m)), quoted(nName(m)), quoted(previousName), m.PointsSQL(slice(m, metrics.Total)), m.PointsSQL(before))
}

// splitSQL is a metric over time, one series per value of a dimension.
func splitSQL(m figure, every metrics.Every, by metrics.Dimension, column string) string {
	return fmt.Sprintf("SELECT bucket_from AS time,\n  toString(%s) AS series,\n  %s AS %s\nFROM (\n%s\n)\nORDER BY time, series",
		by, column, quoted(m.Title), m.PointsSQL(slice(m, every, by)))
}

// band is a half-open range of values with a name.
type band struct {
	name     string
	from, to float64
}

const (
	hour = 3600.0
	day  = 24 * hour
	huge = 1e18
)

func bands(unit metrics.Unit) []band {
	switch unit {
	case metrics.UnitSeconds:
		return []band{
			{"under 1 h", 0, hour},
			{"1–4 h", hour, 4 * hour},
			{"4–24 h", 4 * hour, day},
			{"1–3 d", day, 3 * day},
			{"3–7 d", 3 * day, 7 * day},
			{"7–14 d", 7 * day, 14 * day},
			{"14–30 d", 14 * day, 30 * day},
			{"30 d or more", 30 * day, huge},
		}
	case metrics.UnitPerDay:
		return []band{
			{"under 1 a month", 0, 1.0 / 30},
			{"1 a month to 1 a week", 1.0 / 30, 1.0 / 7},
			{"1 a week to 1 a day", 1.0 / 7, 1},
			{"1–3 a day", 1, 3},
			{"3 a day or more", 3, huge},
		}
	default:
		return []band{
			{"0 %", 0, 1e-9},
			{"up to 5 %", 1e-9, .05},
			{"5–10 %", .05, .1},
			{"10–15 %", .1, .15},
			{"15–25 %", .15, .25},
			{"25–50 %", .25, .5},
			{"50 % or more", .5, huge},
		}
	}
}

// spreadSQL counts services by the band that their value lies in: a
// distribution, which compares without ranking.
func spreadSQL(m figure) string {
	var rows []string
	for i, b := range bands(m.Unit) {
		rows = append(rows, fmt.Sprintf("(%d, '%s', %g, %g)", i, b.name, b.from, b.to))
	}
	return fmt.Sprintf(`SELECT slot.2 AS band,
  arrayCount(v -> v >= slot.3 AND v < slot.4, vals) AS "Services",
  length(vals) AS "n (services with data)"
FROM (SELECT groupArray(value) AS vals FROM (
%s
) WHERE value IS NOT NULL)
ARRAY JOIN [%s] AS slot
WHERE notEmpty(vals)
ORDER BY slot.1`, m.PointsSQL(slice(m, metrics.Total, metrics.Service)), strings.Join(rows, ", "))
}

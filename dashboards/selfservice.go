package dashboards

import (
	"fmt"

	"github.com/headway-metrics/headway/schema/metrics"
)

// selfService says how much teams get without asking, and what waiting costs.
func selfService() (*board, error) {
	m, err := need(teamAndCapability, "self_service_ratio", "request_wait", "support_ticket_volume", "support_first_response_time", "support_resolution_time",
		"self_service_fallback", "time_saved", "support_reopen_rate", "feature_request_patterns", "feature_requests", "feature_requests_untagged")
	if err != nil {
		return nil, err
	}
	ratio, wait, volume := m["self_service_ratio"], m["request_wait"], m["support_ticket_volume"]
	b := newBoard(UIDSelfService, "Self-service", "How much do teams get without asking somebody, and what does waiting cost?",
		"Self-service that nobody needs to wait for is the point of a platform. Requests by word of mouth are in no system, so the true share is lower.",
		teamVariable(), capabilityVariable())
	b.row("Over the whole time range")
	place(b, 6, 4, total(ratio, ""))
	place(b, 6, 4, total(wait, ""))
	place(b, 6, 4, total(volume, ""))
	place(b, 6, 4, total(m["support_first_response_time"], "").Title("First response"))
	place(b, 6, 4, total(m["time_saved"], ""))
	place(b, 6, 4, total(m["self_service_fallback"], ""))
	place(b, 6, 4, total(m["support_reopen_rate"], ""))
	place(b, 6, 4, total(m["feature_requests"], ""))
	b.row("Requests")
	place(b, 12, 8, trend(ratio, metrics.Week))
	place(b, 12, 8, byLabel("way", stackedBars("Completed requests by week and way", describe(ratio, "*Self-service* needed no human step of the platform; *human step* is a self-service run that waited for somebody; *manual* went through a ticket or a person. The height of the bars is **n**."), waysSQL(ratio))))
	place(b, 12, 8, byLabel("series", lines("Median wait by week and channel", describe(wait, explainNote(wait)), splitSQL(wait, metrics.Week, metrics.Channel, "value"))).Unit("s"))
	place(b, 12, 8, rows("Templates", describe(ratio, "One line per template or action, by name, over the whole time range."), templatesSQL(ratio, wait)).
		OverrideByName("Self-service", unitOf("percentunit")).OverrideByName("Median wait", unitOf("s")).OverrideByName(p90Name, unitOf("s")))
	place(b, 8, 8, trend(m["time_saved"], metrics.Week))
	place(b, 8, 8, trend(m["self_service_fallback"], metrics.Week))
	place(b, 8, 8, rows("Waiting time by channel", describe(wait, "Self-service and requests that people serve, apart."), channelsSQL(wait)).
		OverrideByName("Median", unitOf("s")).OverrideByName(p90Name, unitOf("s")))
	b.row("Support")
	place(b, 12, 8, byLabel("category", stackedBars("Support tickets by week and category", describe(volume, "Counts, not yet set against workloads. The height of the bars is **n**."), categoriesSQL(volume))))
	place(b, 12, 8, trend(volume, metrics.Week))
	place(b, 8, 8, trend(m["support_first_response_time"], metrics.Week))
	place(b, 8, 8, trend(m["support_resolution_time"], metrics.Week))
	place(b, 8, 8, trend(m["support_reopen_rate"], metrics.Month))
	b.row("What teams ask for")
	patterns, wishes := m["feature_request_patterns"], m["feature_requests"]
	place(b, 12, 8, byLabel("series", lines("Teams asking, by theme and quarter", describe(patterns, "One line per theme. "+explainNote(patterns)), splitSQL(patterns, metrics.Quarter, metrics.Theme, "value"))).Unit("percentunit"))
	place(b, 12, 8, rows("Themes", describe(patterns, "Over the whole time range, themes by name."), themesSQL(patterns, wishes)).OverrideByName("Teams asking", unitOf("percentunit")))
	place(b, 12, 8, byLabel("series", stackedBars("Feature requests by month and status", describe(wishes, "By the month of opening and the status of now: the older months should be done."), splitSQL(wishes, metrics.Month, metrics.Status, "numerator"))))
	place(b, 12, 8, trend(m["feature_requests_untagged"], metrics.Month))
	return b, nil
}

func waysSQL(m figure) string {
	return fmt.Sprintf("SELECT toDateTime(toStartOfWeek(at, 1, %[1]s), %[1]s) AS time, toString(rule) AS way, count() AS \"Requests\"\nFROM (\n%[2]s\n)\nWHERE excluded = ''\nGROUP BY time, way\nORDER BY time, way",
		zone, m.RowsSQL(slice(m, metrics.Total)))
}

func templatesSQL(ratio, wait figure) string {
	return fmt.Sprintf(`SELECT r.template AS "Template", r.value AS "Self-service", r.n AS "n (requests)", w.value AS "Median wait", w.p90 AS %s
FROM (
%s
) AS r
LEFT JOIN (
%s
) AS w ON w.template = r.template
ORDER BY r.template
LIMIT 200`, quoted(p90Name), ratio.PointsSQL(slice(ratio, metrics.Total, metrics.Template)), wait.PointsSQL(slice(wait, metrics.Total, metrics.Template)))
}

func channelsSQL(wait figure) string {
	return fmt.Sprintf("SELECT channel AS \"Channel\", value AS \"Median\", p90 AS %s, n AS \"n (requests)\"\nFROM (\n%s\n)\nORDER BY channel\nLIMIT 20",
		quoted(p90Name), wait.PointsSQL(slice(wait, metrics.Total, metrics.Channel)))
}

func themesSQL(patterns, wishes figure) string {
	return fmt.Sprintf(`SELECT p.theme AS "Theme", p.value AS "Teams asking", p.numerator AS "Teams", p.denominator AS "n (active teams)", w.n AS "Tickets"
FROM (
%s
) AS p
LEFT JOIN (
%s
) AS w ON w.theme = p.theme
ORDER BY p.theme
LIMIT 200`, patterns.PointsSQL(slice(patterns, metrics.Total, metrics.Theme)), wishes.PointsSQL(slice(wishes, metrics.Total, metrics.Theme)))
}

func categoriesSQL(m figure) string {
	return fmt.Sprintf("SELECT bucket_from AS time, category, numerator AS \"Tickets\"\nFROM (\n%s\n)\nWHERE numerator > 0\nORDER BY time, category",
		m.PointsSQL(slice(m, metrics.Week, metrics.Category)))
}

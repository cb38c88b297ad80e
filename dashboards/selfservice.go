package dashboards

import (
	"fmt"

	"github.com/headway-metrics/headway/schema/metrics"
)

// selfService says how much teams get without asking, and what waiting costs.
func selfService() (*board, error) {
	m, err := need(teamAndCapability, "self_service_ratio", "request_wait", "support_ticket_volume", "support_first_response_time", "support_resolution_time")
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
	b.row("Requests")
	place(b, 12, 8, trend(ratio, metrics.Week, ""))
	place(b, 12, 8, byLabel("way", stackedBars("Completed requests by week and way", describe(ratio, "*Self-service* needed no human step of the platform; *human step* is a self-service run that waited for somebody; *manual* went through a ticket or a person. The height of the bars is **n**."), waysSQL(ratio))))
	place(b, 12, 8, byLabel("series", lines("Median wait by week and channel", describe(wait, explainNote(wait)), splitSQL(wait, metrics.Week, metrics.Channel, "value"))).Unit("s"))
	place(b, 12, 8, rows("Templates", describe(ratio, "One line per template or action, by name, over the whole time range."), templatesSQL(ratio, wait)).
		OverrideByName("Self-service", unitOf("percentunit")).OverrideByName("Median wait", unitOf("s")).OverrideByName(p90Name, unitOf("s")))
	b.row("Support")
	place(b, 12, 8, byLabel("category", stackedBars("Support tickets by week and category", describe(volume, "Counts, not yet set against workloads. The height of the bars is **n**."), categoriesSQL(volume))))
	place(b, 12, 8, trend(volume, metrics.Week, ""))
	place(b, 12, 8, trend(m["support_first_response_time"], metrics.Week, ""))
	place(b, 12, 8, trend(m["support_resolution_time"], metrics.Week, ""))
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

func categoriesSQL(m figure) string {
	return fmt.Sprintf("SELECT bucket_from AS time, category, numerator AS \"Tickets\"\nFROM (\n%s\n)\nWHERE numerator > 0\nORDER BY time, category",
		m.PointsSQL(slice(m, metrics.Week, metrics.Category)))
}

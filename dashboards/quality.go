package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"

	"github.com/headway-metrics/headway/dashboards/clickhousequery"
	"github.com/headway-metrics/headway/schema/metrics"
)

// quality looks up the data quality queries by id, as need does for metrics.
func quality(ids ...string) (map[string]metrics.Query, error) {
	out := map[string]metrics.Query{}
	for _, id := range ids {
		q, ok := metrics.QualityByID(id)
		if !ok {
			return nil, fmt.Errorf("no data quality query %s in the catalogue", id)
		}
		out[id] = q
	}
	return out, nil
}

// dataQuality says how far the other dashboards can be believed.
func dataQuality() (*board, error) {
	q, err := quality("receipts_by_source", "freshness", "dead_letters", "dead_letters_by_reason", "unresolved_commits",
		"unowned_services", "unmapped_incidents", "excluded_rows", "coverage", "baselines")
	if err != nil {
		return nil, err
	}
	b := newBoard(UIDDataQuality, "Data quality", "How far can the numbers be believed?",
		"Every event is accounted for: it became facts, was ignored by name, or is a dead letter. What a metric leaves out is listed with its reason; the name of a metric opens the rows behind it.")
	b.builder.WithVariable(addressVariable())
	b.row("Over the whole time range")
	place(b, 6, 4, tally("Events received", q["receipts_by_source"],
		`SELECT sum(events) AS "Events", sumIf(events, outcome = 'ignored') AS "Ignored by name", sumIf(events, outcome = 'dead') AS "Dead"`, "short"))
	place(b, 6, 4, tally("Dead letters not yet read", q["dead_letters_by_reason"],
		`SELECT sum(open) AS "Open", sum(events) AS "n (dead letters)"`, "short"))
	place(b, 6, 4, tally("Services without an owner", q["unowned_services"],
		`SELECT share AS "Share", unowned AS "Without an owner", services AS "n (services)"`, "percentunit").
		OverrideByName("Without an owner", unitOf("short")).OverrideByName("n (services)", unitOf("short")))
	place(b, 6, 4, tally("Releases of unknown commits", q["unresolved_commits"],
		`SELECT sum(unresolved) / nullIf(sum(releases), 0) AS "Share", sum(unresolved) AS "Unknown", sum(releases) AS "n (releases)"`, "percentunit").
		OverrideByName("Unknown", unitOf("short")).OverrideByName("n (releases)", unitOf("short")))
	b.row("What arrives")
	place(b, 12, 8, stackedBars("Events by day and outcome", "Events received each day and what became of them. **n** is the height of the bars. A day without bars is a day without events: look at the sources beside.", eventsByDaySQL).
		OverrideByName("Facts", colorOf(colorGood)).OverrideByName("Ignored by name", colorOf(colorValue)).OverrideByName("Dead", colorOf(colorBad)))
	place(b, 12, 8, listing(q["freshness"], `source AS "Source", last_event AS "Last event", seconds_ago AS "Ago", events AS "n (events)"`, 100, "").
		OverrideByName("Ago", unitOf("s")))
	place(b, 12, 9, listing(q["receipts_by_source"], `source AS "Source", outcome AS "Outcome", reason AS "Reason", events AS "n (events)", facts AS "Facts"`, 300, ""))
	place(b, 12, 9, listing(q["dead_letters_by_reason"], `source AS "Source", reason AS "Reason", events AS "n (events)", open AS "Open"`, 300, "No dead letters in this time range"))
	b.row("What the metrics leave out, or cannot place")
	share := unitOf("percentunit")
	place(b, 24, 10, listing(q["coverage"], `metric AS "Metric", records AS "Made of", rows AS "n (records)", counted_share AS "Counted", excluded AS "Excluded", no_team AS "No team", `+
		`no_service AS "No service", no_capability AS "No capability"`, 300, "").
		OverrideByName("Metric", explainLink()).
		OverrideByName("Counted", share).OverrideByName("Excluded", share).OverrideByName("No team", share).
		OverrideByName("No service", share).OverrideByName("No capability", share))
	place(b, 12, 9, listing(q["excluded_rows"], `metric AS "Metric", reason AS "Reason", rows AS "n (records)"`, 300, "No metric leaves a row out").
		OverrideByName("Metric", explainLink()))
	place(b, 12, 9, listing(q["unresolved_commits"], `service AS "Service", unresolved AS "Unknown", releases AS "n (releases)", share AS "Share"`, 300, "No releases in this time range").
		OverrideByName("Share", unitOf("percentunit")).OverrideByName("Service", serviceLink(UIDDelivery, false)))
	place(b, 12, 6, listing(q["unmapped_incidents"], `ref AS "Name in the incident", source AS "Source", incidents AS "n (incidents)", last_seen AS "Last seen"`, 300, "Every incident names a known service"))
	place(b, 12, 6, listing(q["baselines"], `service AS "Service", finished_at AS "First release", deployed_version AS "Version", url`, 300, "No service is new to the records").
		OverrideByName("Version", pageLink("url")).OverrideByName("url", hiddenColumn()))
	b.row("Dead letters")
	place(b, 24, 9, listing(q["dead_letters"], `failed_at AS "Failed", source AS "Source", type AS "Type", event_id AS "Event", reason AS "Reason", detail AS "Detail", if(retried = 1, 'read since', 'open') AS "State"`,
		200, "No dead letters in this time range"))
	return b, nil
}

const eventsByDaySQL = `SELECT toDateTime(toDate(received_at, ` + zone + `), ` + zone + `) AS time,
  countIf(outcome = 'facts') AS "Facts", countIf(outcome = 'ignored') AS "Ignored by name", countIf(outcome = 'dead') AS "Dead"
FROM received FINAL
WHERE $__timeFilter(received_at)
GROUP BY time
ORDER BY time`

func qualitySlice() metrics.Slice {
	return metrics.Slice{From: "$__fromTime", To: "$__toTime", Zone: zone}
}

// listing shows a query's rows; good is what no rows mean, "" when they mean nothing good.
func listing(q metrics.Query, columns string, limit int, good string) *table.PanelBuilder {
	p := rows(q.Title, q.Definition+"\n\n**n** is a column of its own.", fmt.Sprintf("SELECT %s\nFROM (\n%s\n)\nLIMIT %d", columns, q.SQL(qualitySlice()), limit))
	if good != "" {
		p.NoValue(good)
	}
	return p
}

// tally is one number made of a query's rows.
func tally(title string, q metrics.Query, selected, unit string) *stat.PanelBuilder {
	return stat.NewPanelBuilder().Title(title).Datasource(clickhousequery.Ref()).Description(q.Definition + "\n\n**n** stands beside the number.").
		WithTarget(clickhousequery.Table("A", fmt.Sprintf("%s\nFROM (\n%s\n)", selected, q.SQL(qualitySlice())))).Unit(unit).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}).Fields("/.*/").Values(false)).
		GraphMode(common.BigValueGraphModeNone).ColorMode(common.BigValueColorModeNone).TextMode(common.BigValueTextModeValueAndName).
		Orientation(common.VizOrientationVertical).JustifyMode(common.BigValueJustifyModeAuto)
}

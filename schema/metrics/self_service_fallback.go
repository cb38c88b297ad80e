package metrics

import "fmt"

// fallbackDays is how soon a ticket follows a failed run that it is blamed on
// (DEFINITIONS, "Platform metrics").
const fallbackDays = 3

// selfServiceFallback: the nearest ticket after a failed run is looked up once
// among those that name the run's capability and once among those that name none.
func selfServiceFallback() Metric {
	return Metric{
		ID: "self_service_fallback", Version: 1, Title: "Self-service fallback",
		Question: "When self-service fails, do teams have to ask somebody?",
		Definition: fmt.Sprintf("Failed self-service runs after which the same team opened a ticket (support, request or bug) within %d days, about the same "+
			"capability or about none in particular, divided by all failed self-service runs.", fallbackDays),
		HowToRead: "Lower is better: a failure that says what to do needs no ticket. Explain it to see run and ticket side by side.",
		Caveats: []string{
			"A ticket that names no capability may be about something else: the rule says which tickets name it, the rest is an upper bound.",
			fmt.Sprintf("Values of the last %d days are provisional: the ticket may still come.", fallbackDays),
			"Dry runs and runs of no known team do not count.",
		},
		Unit: UnitRatio, Direction: Down, Dimensions: []Dimension{Team, Capability, Template}, Aggregation: Ratio, lateDays: fallbackDays,
		rows: fmt.Sprintf(`
SELECT failed AS at, if(any(team) = '', '(none)', any(team)) AS team, if(any(capability) = '', '(none)', any(capability)) AS capability,
  any(template) AS template,
  CAST(NULL, 'Nullable(Float64)') AS value, toUInt8(countIf(hit) > 0) AS numerator, 1 AS denominator, 0 AS censored,
  id AS subject, id AS title, any(url) AS url,
  multiIf(numerator = 0, 'no ticket', countIf(hit AND about != '') > 0, 'ticket about the capability', 'ticket of the team') AS rule,
  argMinIf(concat('ticket ', ticket, ' ', toString(opened), ' UTC'), (about = '', opened), hit) AS evidence,
  multiIf(any(dry_run) = 1, 'dry run', any(q.team) = '', 'of no known team', '') AS excluded
FROM (
  SELECT r.id AS id, r.failed AS failed, r.team AS team, r.capability AS capability, r.template AS template, r.dry_run AS dry_run, r.url AS url,
    r.about AS about, t.ticket AS ticket, t.opened AS opened, t.ticket != '' AND t.opened < addDays(r.failed, %d) AND r.team != '' AS hit
  FROM (
    SELECT request_id AS id, ifNull(completed_at, created_at) AS failed, team_id AS team, toString(capability_id) AS capability,
      %s AS template, dry_run, url, arrayJoin(arrayDistinct([toString(capability_id), ''])) AS about
    FROM owned_requests WHERE status = 'failed' AND channel = 'self_service'
  ) AS r
  ASOF LEFT JOIN (
    SELECT team_id AS team, toString(capability_id) AS about, created_at AS opened, ticket_id AS ticket
    FROM owned_tickets WHERE type IN ('support', 'request', 'bug') AND team_id != ''
  ) AS t ON t.team = r.team AND t.about = r.about AND r.failed <= t.opened
) AS q
GROUP BY id, failed`, fallbackDays, templateName("template")),
	}
}

package metrics

import "fmt"

// fallbackDays is how soon a ticket follows a failed run that it is blamed on
// (DEFINITIONS, "Platform metrics").
const fallbackDays = 3

// fallbackSpan numbers spans of as many days: a ticket that soon after a run is of
// the run's span or of the next.
func fallbackSpan(at string) string {
	return fmt.Sprintf("toInt64(intDiv(toUnixTimestamp(%s), %d))", at, fallbackDays*86400)
}

// selfServiceFallback: of the tickets after a failed run those that name its
// capability come before those that name none, and then the nearest first.
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
		Unit: UnitRatio, Direction: Down, Dimensions: []Dimension{Team, Service, Capability, Template}, Aggregation: Ratio, lateDays: fallbackDays,
		rows: fmt.Sprintf(`
SELECT r.failed AS at, if(r.team = '', '(none)', r.team) AS team, if(r.service = '', '(none)', r.service) AS service,
  if(r.capability = '', '(none)', r.capability) AS capability, r.template AS template,
  CAST(NULL, 'Nullable(Float64)') AS value, n.hit AS numerator, 1 AS denominator, 0 AS censored, r.id AS subject, r.id AS title, r.url AS url,
  multiIf(n.hit = 0, 'no ticket', n.unnamed = 0, 'ticket about the capability', 'ticket of the team') AS rule,
  if(n.hit = 0, '', concat('ticket ', n.ticket, ' ', toString(n.opened), ' UTC')) AS evidence,
  multiIf(r.dry_run = 1, 'dry run', r.team = '', 'of no known team', '') AS excluded
FROM (%[1]s) AS r
LEFT JOIN (
  SELECT f.id AS id, toUInt8(1) AS hit, min((t.about = '', t.opened, t.ticket)) AS nearest, nearest.1 AS unnamed, nearest.2 AS opened, nearest.3 AS ticket
  FROM (
    SELECT team_id AS team, toString(capability_id) AS about, created_at AS opened, ticket_id AS ticket, %[2]s AS span
    FROM resolved_tickets FINAL WHERE type IN ('support', 'request', 'bug') AND team_id != ''
      AND created_at >= {{from}} AND created_at < addDays({{to}}, %[4]d)
  ) AS t
  INNER JOIN (
    SELECT id, failed, team, arrayJoin(arrayDistinct([capability, ''])) AS about, %[3]s + arrayJoin([0, 1]) AS span FROM (%[1]s)
  ) AS f ON f.team = t.team AND f.about = t.about AND f.span = t.span
  WHERE t.opened >= f.failed AND t.opened < addDays(f.failed, %[4]d)
  GROUP BY f.id
) AS n ON n.id = r.id`, fmt.Sprintf(`
  SELECT request_id AS id, ifNull(completed_at, created_at) AS failed, team_id AS team, toString(service_id) AS service, toString(capability_id) AS capability,
    %s AS template, dry_run, url
  FROM resolved_requests FINAL WHERE status = 'failed' AND channel = 'self_service' AND failed >= {{from}} AND failed < {{to}}`, templateName("template")),
			fallbackSpan("created_at"), fallbackSpan("failed"), fallbackDays),
	}
}

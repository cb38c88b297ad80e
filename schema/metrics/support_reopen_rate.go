package metrics

// supportReopenRate: DEFINITIONS, "Platform metrics", of support_ticket_volume.
func supportReopenRate() Metric {
	return Metric{
		ID: "support_reopen_rate", Version: 1, Title: "Reopened support tickets",
		Question:   "Does help hold, or do teams have to come back?",
		Definition: "Support tickets that were reopened after they had been resolved, divided by all that were ever resolved, by the time of opening.",
		HowToRead:  "Lower is better. Where it rises while the time to resolve falls, tickets are closed too early.",
		Caveats: []string{
			"Tickets that were never resolved do not count.",
			"A ticket system that tells only of its last change hides earlier reopenings: then the true rate is higher.",
		},
		Unit: UnitRatio, Direction: Down, Dimensions: []Dimension{Team, Service, Category, Capability}, Aggregation: Ratio,
		rows: `
SELECT created_at AS at, if(team_id = '', '(none)', team_id) AS team, if(service_id = '', '(none)', toString(service_id)) AS service,
  if(category = '', '(none)', toString(category)) AS category, if(capability_id = '', '(none)', toString(capability_id)) AS capability,
  CAST(NULL, 'Nullable(Float64)') AS value, reopened > 0 AS numerator, 1 AS denominator, 0 AS censored, ticket_id AS subject, title, url,
  if(numerator, 'reopened', 'stayed resolved') AS rule, concat(toString(status), ', reopened ', toString(reopened), ' times') AS evidence,
  if(resolved_at IS NULL AND reopened = 0, 'never resolved', '') AS excluded
FROM resolved_tickets FINAL WHERE type = 'support'`,
	}
}

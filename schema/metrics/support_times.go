package metrics

// ticketDuration is a duration of support tickets beside their volume.
func ticketDuration(id, title, question, definition, end, open string) Metric {
	return Metric{
		ID: id, Version: 1, Title: title, Question: question, Definition: definition,
		HowToRead: "Lower is better. Look at the 90th percentile too: the slow tickets are those that people remember.",
		Caveats:   []string{"Tickets that have not come so far are counted beside the median, not in it."},
		Unit:      UnitSeconds, Direction: Down, Dimensions: []Dimension{Team, Service, Category, Capability}, Aggregation: Median,
		rows: `
SELECT created_at AS at, if(team_id = '', '(none)', team_id) AS team, if(service_id = '', '(none)', toString(service_id)) AS service,
  if(category = '', '(none)', toString(category)) AS category, if(capability_id = '', '(none)', toString(capability_id)) AS capability,
  if(` + end + ` >= created_at, dateDiff('millisecond', created_at, ` + end + `) / 1000, NULL) AS value, 0 AS numerator, 0 AS denominator,
  ` + end + ` IS NULL AS censored, ticket_id AS subject, title, url, if(censored, '` + open + `', '') AS rule,
  concat(toString(status), if(reopened > 0, concat(', reopened ', toString(reopened), ' times'), '')) AS evidence,
  if(ifNull(` + end + ` < created_at, 0), 'negative', '') AS excluded
FROM resolved_tickets FINAL WHERE type = 'support'`,
	}
}

func supportFirstResponseTime() Metric {
	return ticketDuration("support_first_response_time", "First response to support tickets", "How long do teams wait for a first answer?",
		"From the opening of a support ticket until the first response; median and 90th percentile, by the time of opening.",
		"first_response_at", "not answered")
}

func supportResolutionTime() Metric {
	return ticketDuration("support_resolution_time", "Resolution of support tickets", "How long until a support ticket is solved?",
		"From the opening of a support ticket until it was resolved; median and 90th percentile, by the time of opening.",
		"resolved_at", "not resolved")
}

package metrics

// featureDimensions are those of the tickets that ask for a feature.
func featureDimensions() []Dimension { return []Dimension{Team, Service, Capability, Theme, Status} }

// featureRows are the tickets that ask for a feature; columns are value,
// numerator and denominator.
func featureRows(columns string) string {
	return `
SELECT created_at AS at, if(team_id = '', '(none)', team_id) AS team, if(service_id = '', '(none)', toString(service_id)) AS service,
  if(capability_id = '', '(none)', toString(capability_id)) AS capability, if(theme = '', '(none)', toString(theme)) AS theme,
  if(status = '', '(none)', toString(status)) AS status,
  ` + columns + `, 0 AS censored, ticket_id AS subject, title, url,
  if(theme = '(none)', 'untagged', 'tagged') AS rule, concat(status, if(resolved_at IS NULL, '', concat(', resolved ', toString(resolved_at), ' UTC'))) AS evidence,
  '' AS excluded
FROM resolved_tickets FINAL WHERE type = 'feature'`
}

// featureRequests is the funnel of feature requests by status.
func featureRequests() Metric {
	return Metric{
		ID: "feature_requests", Version: 1, Title: "Feature requests",
		Question:   "What becomes of what teams ask for?",
		Definition: "Tickets that ask the platform for a feature, by the time of opening and the status they have now.",
		HowToRead:  "Neither more nor fewer is better. Many that stay in their first status mean that nobody reads them.",
		Caveats:    []string{"Wishes that nobody wrote down are in no system.", "The status is the one of the ticket system, in its words."},
		Unit:       UnitCount, Direction: Neutral, Dimensions: featureDimensions(), Aggregation: Sum,
		rows: featureRows("CAST(NULL, 'Nullable(Float64)') AS value, 1 AS numerator, 0 AS denominator"),
	}
}

// featureRequestsUntagged is how far feature_request_patterns can be believed.
func featureRequestsUntagged() Metric {
	return Metric{
		ID: "feature_requests_untagged", Version: 1, Title: "Feature requests without a theme",
		Question:   "How many wishes does nobody sort?",
		Definition: "Tickets that ask the platform for a feature and carry no theme, divided by all such tickets, by the time of opening.",
		HowToRead:  "Lower is better. As long as it is large, the patterns by theme are a lower bound.",
		Caveats:    []string{"A theme that is set later changes the past."},
		Unit:       UnitRatio, Direction: Down, Dimensions: featureDimensions(), Aggregation: Ratio,
		rows: featureRows("CAST(NULL, 'Nullable(Float64)') AS value, theme = '(none)' AS numerator, 1 AS denominator"),
	}
}

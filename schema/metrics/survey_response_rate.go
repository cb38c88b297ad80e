package metrics

import "fmt"

// surveyResponseRate stands beside every survey metric. It reads participation
// alone: answers and participation share no key (invariant 9).
func surveyResponseRate() Metric {
	people := suppressed(`
      SELECT (toString(survey_id), toString(wave)) AS item, team_id, week, step FROM survey_participation FINAL`,
		"countIf(step = 'invited')", "countIf(step = 'responded') AS answered", "sum(size) AS invited, sum(answered) AS responded")
	return Metric{
		ID: "survey_response_rate", Version: 1, Title: "Survey response rate",
		Question:   "How many of those who were asked have answered?",
		Definition: "People who responded to a wave, divided by the people who were invited to it.",
		HowToRead:  "Higher is better. Below a third, read survey results as hints.",
		Caveats: []string{
			fmt.Sprintf("Teams with fewer than %d invited people are shown together as %s, with the next smallest team where one alone would show through.", surveyThreshold, Hidden),
			"Where people come to the survey without an invitation there is no rate.",
		},
		Unit: UnitRatio, Direction: Up, Dimensions: []Dimension{Team, Survey, Wave}, Aggregation: Ratio,
		rows: fmt.Sprintf(`
SELECT at, team, item.1 AS survey, item.2 AS wave, CAST(NULL, 'Nullable(Float64)') AS value,
  if(excluded = '', responded, 0) AS numerator, if(excluded = '', invited, 0) AS denominator, 0 AS censored,
  concat(survey, ' ', wave, ' ', team) AS subject, 'invitations' AS title, '' AS url, '' AS rule,
  if(excluded = '', concat(toString(responded), ' of ', toString(invited), ' responded'), '') AS evidence,
  multiIf(invited < %d, 'too few invitations', responded > invited, 'more responses than invitations', '') AS excluded
FROM (%s)`, surveyThreshold, people),
	}
}

package metrics

import "fmt"

// infrastructureTime: DEFINITIONS, "Platform metrics". The rows are the groups
// that may be shown, with the sum of their answers, never an answer.
func infrastructureTime() Metric {
	answers := suppressed(`
      SELECT (toString(survey_id), toString(wave), toString(question_id), question_version) AS item, team_id, week, assumeNotNull(score) AS share
      FROM survey_answers FINAL WHERE kind = 'share' AND score IS NOT NULL`,
		"count()", "sum(share) AS shares, sum(share * share) AS squared", "sum(size) AS answers, sum(shares) AS total, sum(squared) AS total_squares")
	return Metric{
		ID: "infrastructure_time", Version: 1, Title: "Time spent on infrastructure",
		Question:   "How much of their time do developers spend on infrastructure?",
		Definition: "Mean of what respondents said was the share of their working time of the last week that went into infrastructure.",
		HowToRead:  "Lower is better. It is an estimate of people about themselves: read the interval, and compare waves of the same version of the question.",
		Caveats:    surveyCaveats(),
		Unit:       UnitRatio, Direction: Down, Dimensions: surveyDimensions(), SplitBy: []Dimension{Question, QuestionVersion}, Aggregation: Mean,
		rows: fmt.Sprintf(`
SELECT at, team, item.1 AS survey, item.2 AS wave, item.3 AS question, toString(item.4) AS question_version,
  if(shown, total / answers, NULL) AS value, if(shown, total, 0) AS numerator, if(shown, answers, 0) AS denominator, 0 AS censored,
  concat(survey, ' ', wave, ' ', question, ' ', team) AS subject, if(shown, 'answers', 'too few answers') AS title, '' AS url, '' AS rule,
  if(shown, concat(toString(answers), ' answers'), '') AS evidence, if(shown, '', 'fewer than %[1]d answers') AS excluded,
  if(shown, total_squares, 0) AS squares
FROM (
  SELECT *, answers >= %[1]d AS shown FROM (%[2]s
  )
)`, surveyThreshold, answers),
	}
}

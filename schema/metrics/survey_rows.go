package metrics

import (
	"fmt"
	"strings"
)

// suppressed groups the people of a query's rows, columns item (what they were
// asked, as a tuple), team_id, week and the columns that counts aggregates, by
// item and team, and puts the teams that may not be shown into one group
// (invariant 8; DEFINITIONS, "Survey statistics"):
// teams below the threshold, always at least two teams, and as many of the next
// smallest as it takes for the hidden ones together to reach the threshold. So
// subtracting what is shown from a total reveals no group below it. Groups are
// those of a whole wave, so that no choice of window cuts a smaller one. All
// later steps see only the group's name: nothing is aggregated before.
func suppressed(rows, size, counts, sums string) string {
	return fmt.Sprintf(`
  SELECT item, toTimeZone(toDateTime64(toDate(started), 3, {{zone}}), 'UTC') AS at,
    if(team_id = '' OR (small > 0 AND (place <= greatest(small, 2) OR before < %[5]d)), '%[6]s', team_id) AS team, %[4]s
  FROM (
    SELECT *, countIf(size < %[5]d) OVER (PARTITION BY item) AS small, min(first_week) OVER (PARTITION BY item.1, item.2) AS started,
      row_number() OVER (PARTITION BY item ORDER BY size, team_id) AS place,
      sum(size) OVER (PARTITION BY item ORDER BY size, team_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - size AS before
    FROM (SELECT item, team_id, min(week) AS first_week, %[2]s AS size, %[3]s FROM (%[1]s) GROUP BY item, team_id)
  )
  GROUP BY item, at, team`, rows, size, counts, sums, surveyThreshold, Hidden)
}

// scoreRows are the answers to the questions of a condition, as counts per wave,
// question, shown group and band of scores. A band is a name, the condition on
// score, and what each of its answers adds to the numerator.
func scoreRows(which string, bands []band) string {
	var counts, sums, list []string
	for i, b := range bands {
		counts = append(counts, fmt.Sprintf("countIf(%s) AS band%d", b.condition, i))
		sums = append(sums, fmt.Sprintf("sum(band%[1]d) AS sum%[1]d", i))
		list = append(list, fmt.Sprintf("('%s', sum%d, %d)", b.name, i, b.weight))
	}
	answers := suppressed(fmt.Sprintf(`
      SELECT (toString(survey_id), toString(wave), toString(question_id), question_version) AS item, team_id, week, score
      FROM survey_answers FINAL WHERE %s AND score IS NOT NULL`, which), "count()", strings.Join(counts, ", "), "sum(size) AS answers, "+strings.Join(sums, ", "))
	return fmt.Sprintf(`
SELECT at, team, item.1 AS survey, item.2 AS wave, item.3 AS question, toString(item.4) AS question_version,
  CAST(NULL, 'Nullable(Float64)') AS value, if(shown, toInt64(part.2) * part.3, 0) AS numerator, if(shown, part.2, 0) AS denominator, 0 AS censored,
  concat(survey, ' ', wave, ' ', question, ' ', team) AS subject, if(shown, part.1, 'too few answers') AS title, '' AS url, '' AS rule,
  if(shown, concat(toString(part.2), ' of ', toString(answers), ' answers'), '') AS evidence,
  if(shown, '', 'fewer than %[1]d answers') AS excluded
FROM (
  SELECT *, answers >= %[1]d AS shown FROM (%[2]s
  )
)
ARRAY JOIN if(shown, [%[3]s], [('', toUInt64(0), 0)]) AS part`, surveyThreshold, answers, strings.Join(list, ", "))
}

// meanRows are the groups that may be shown, with the sum of their answers to the
// questions of a kind, whose scores are numbers.
func meanRows(kind string) string {
	answers := suppressed(fmt.Sprintf(`
      SELECT (toString(survey_id), toString(wave), toString(question_id), question_version) AS item, team_id, week, assumeNotNull(score) AS number
      FROM survey_answers FINAL WHERE kind = '%s' AND score IS NOT NULL`, kind),
		"count()", "sum(number) AS numbers, sum(number * number) AS squared", "sum(size) AS answers, sum(numbers) AS total, sum(squared) AS total_squares")
	return fmt.Sprintf(`
SELECT at, team, item.1 AS survey, item.2 AS wave, item.3 AS question, toString(item.4) AS question_version,
  if(shown, total / answers, NULL) AS value, if(shown, total, 0) AS numerator, if(shown, answers, 0) AS denominator, 0 AS censored,
  concat(survey, ' ', wave, ' ', question, ' ', team) AS subject, if(shown, 'answers', 'too few answers') AS title, '' AS url, '' AS rule,
  if(shown, concat(toString(answers), ' answers'), '') AS evidence, if(shown, '', 'fewer than %[1]d answers') AS excluded,
  if(shown, total_squares, 0) AS squares
FROM (
  SELECT *, answers >= %[1]d AS shown FROM (%[2]s
  )
)`, surveyThreshold, answers)
}

type band struct {
	name, condition string
	weight          int
}

func surveyDimensions() []Dimension {
	return []Dimension{Team, Survey, Wave, Question, QuestionVersion}
}

func surveyCaveats() []string {
	return []string{
		fmt.Sprintf("Teams with fewer than %d answers to the question in the wave are shown together as %s, with the next smallest team where one alone would show through.", surveyThreshold, Hidden),
		"A wave stands at its first day. Versions of a question are never put together.",
		"Read it with the response rate: few answers are those of people who care.",
	}
}

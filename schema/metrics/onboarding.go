package metrics

import "fmt"

// onboardingDays is how long newcomers are looked at.
const onboardingDays = 90

// onboarding: DEFINITIONS, success measures.
func onboarding() Metric {
	return onboardingTo("onboarding", "first", 1)
}

// onboardingTenth is onboarding to the change by which somebody is at home.
func onboardingTenth() Metric {
	return onboardingTo("onboarding_tenth", "tenth", 10)
}

// onboardingTo is the time to a newcomer's nth merged change. It is of groups
// only: no query that leaves this file has a row of a person, and everything that
// tells people apart is aggregated before teams are named or a window is applied
// (invariant 8).
//
// A group is a team's newcomers of a quarter, hidden by the rules of the surveys.
// Quarters are cut in UTC, whatever zone is asked for, so that none can be cut
// differently. A quarter is there only once all its newcomers have been looked at for
// onboardingDays: until then every merge would move the mean by one person's time,
// and who reads it twice would know it. For the same reason whoever takes longer
// counts onboardingDays, and is in the mean from the first: there is no median,
// which is one person's time or the middle of two, no longest time, and no count
// of those who are not there yet.
func onboardingTo(id, word string, nth int) Metric {
	people := fmt.Sprintf(`
          SELECT person_id, argMin(m.team_id, (valid_from, m.team_id)) AS team_id, min(valid_from) AS joined, max(listed) AS known,
            toStartOfQuarter(joined, 'UTC') AS quarter
          FROM (
            SELECT person_id, team_id, valid_from, valid_from <= addMilliseconds(min(valid_from) OVER (PARTITION BY source), 1) AS listed
            FROM person_teams
          ) AS m
          WHERE person_id NOT IN (SELECT person_id FROM people FINAL WHERE is_bot = 1)
          GROUP BY person_id
          HAVING known = 0 AND addDays(toDateTime64(addQuarters(quarter, 1), 3, 'UTC'), %d) <= {{now}}`, onboardingDays)
	newcomers := fmt.Sprintf(`
      SELECT (formatDateTime(quarter, '%%Y-Q%%Q'), '', '', 0) AS item, team_id, quarter AS week,
        least(if(length(merges) < %[2]d, 1e9, dateDiff('millisecond', joined, arraySort(merges)[%[2]d]) / 1000), %[1]d * 86400.) AS took
      FROM (
        SELECT n.person_id AS person_id, any(n.team_id) AS team_id, any(n.joined) AS joined, any(n.quarter) AS quarter,
          groupArrayIf(c.merged, c.merged > toDateTime64(0, 3, 'UTC')) AS merges
        FROM (%[3]s
        ) AS n
        LEFT JOIN (
          SELECT i.person_id AS person_id, assumeNotNull(c.merged_at) AS merged
          FROM (
            SELECT author, merged_at FROM changes FINAL WHERE state = 'merged' AND merged_at IS NOT NULL AND author_is_bot = 0
              AND author IN (SELECT ref FROM ref_people WHERE person_id IN (SELECT person_id FROM (%[3]s)))
          ) AS c
          INNER JOIN ref_people AS i ON i.ref = c.author
        ) AS c ON c.person_id = n.person_id
        GROUP BY n.person_id
        HAVING NOT arrayExists(t -> t < joined, merges)
      )`, onboardingDays, nth, people)
	groups := suppressed(newcomers, "count()", "sum(took) AS taken", "sum(size) AS people, sum(taken) AS total")
	return Metric{
		ID: id, Version: 1, Title: "Time to a newcomer's " + word + " merged change",
		Question: "How long does it take until somebody new contributes?",
		Definition: fmt.Sprintf("Mean time from joining until a newcomer's %s merged change, in which whoever needs more than %[2]d days counts %[2]d days. A newcomer is a person, "+
			"not a bot, whose first known membership began after its source first listed its people and who had merged nothing before. By the quarter of joining, in UTC, in the team joined first.", word, onboardingDays),
		HowToRead: "Lower is better. It is about how easy the organisation makes it to begin, and says nothing of anybody who did: compare quarters, not teams.",
		Caveats: []string{
			fmt.Sprintf("It is of groups only. Teams with fewer than %d newcomers in a quarter are shown together as %s, with the next smallest team where few would show through, and not at all while "+
				"they are fewer than %[1]d together.", surveyThreshold, Hidden),
			fmt.Sprintf("A quarter appears once %d days have passed since its end, so that nobody's time can be read from how the mean moves. A membership, an identity or a merge that is corrected later still moves it.", onboardingDays),
			"It needs the dates of memberships and the identities of authors: people whose name in the version control is not linked to them count as having merged nothing.",
		},
		Unit: UnitSeconds, Direction: Down, Dimensions: []Dimension{Team, Cohort}, Aggregation: Share,
		rows: fmt.Sprintf(`
SELECT at, team, item.1 AS cohort, if(shown, total / people, NULL) AS value, if(shown, total, 0) AS numerator, if(shown, people, 0) AS denominator,
  0 AS censored, concat(team, ' ', cohort) AS subject, if(shown, 'newcomers', 'too few newcomers') AS title, '' AS url, '' AS rule,
  if(shown, concat(toString(people), ' newcomers'), '') AS evidence, if(shown, '', 'fewer than %[1]d newcomers') AS excluded
FROM (
  SELECT *, people >= %[1]d AS shown FROM (%[2]s
  )
)`, surveyThreshold, groups),
	}
}

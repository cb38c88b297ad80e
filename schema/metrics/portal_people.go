package metrics

import "fmt"

// portalPeople: DEFINITIONS, success measures. It is of groups only: no query that
// leaves this file has a row of a person, and everything that tells people apart is
// aggregated before teams are named or a window is applied (invariant 8).
//
// A group is a team's people of a week, hidden by the rules of the surveys. Weeks
// are cut in UTC, whatever zone is asked for, so that none can be cut differently,
// and a week is there only once it is over: until then whoever reads it twice would
// see one person come.
func portalPeople() Metric {
	people := fmt.Sprintf(`
      SELECT (toString(monday), '') AS item, argMin(multiIf(a.team != '' OR empty(a.teams), a.team,
          arrayExists(m -> m.1 <= seen AND seen < m.2, a.teams), arrayFirst(m -> m.1 <= seen AND seen < m.2, a.teams).3,
          seen < a.teams[-1].1, a.teams[-1].3, ''), seen) AS team_id,
        any(monday) AS week
      FROM (
        SELECT actor, toStartOfWeek(at, 1, 'UTC') AS monday, min(at) AS seen
        FROM capability_uses FINAL
        WHERE source IN (%s) AND actor != '' AND at >= subtractDays({{from}}, 1) AND at < addDays({{to}}, 8)
        GROUP BY actor, monday
        HAVING addDays(toDateTime64(monday, 3, 'UTC'), 7) <= {{now}}
      ) AS u
      LEFT JOIN (SELECT ref, person_id FROM identities FINAL) AS i ON i.ref = u.actor
      LEFT JOIN ref_teams AS a ON a.ref = u.actor
      WHERE i.person_id NOT IN (SELECT person_id FROM people FINAL WHERE is_bot = 1)
      GROUP BY monday, if(i.person_id != '', i.person_id, u.actor)`, portalSources)
	groups := suppressed(people, "count()", "count() AS came", "sum(came) AS people")
	return Metric{
		ID: "portal_people", Version: 1, Title: "People in the portal",
		Question: "How many people come to the portal in a week?",
		Definition: "Different people who looked at a page of the portal or did something in it during a week, Monday to Sunday in UTC, in the team that they were in at their first visit of it; " +
			"over several weeks, the mean of a week. Bots do not count.",
		HowToRead: "Higher is better where the portal is meant for everybody. Hold it against how many developers there are, and read it with the teams active in the portal.",
		Caveats: []string{
			fmt.Sprintf("It is of groups only. Teams of which fewer than %d people came are shown together as %s, with the next smallest team where few would show through, and a week not at all while "+
				"they are fewer than %[1]d together.", surveyThreshold, Hidden),
			"A week stands at its Monday and appears once it is over. Events that come later still move it.",
			"Weeks in which nobody is known to have come, or a team is not named, are in no mean. Visits that name nobody do not count.",
			"What the portal does not report, because its analytics are off or blocked, is not seen.",
		},
		Unit: UnitPeople, Direction: Up, Dimensions: []Dimension{Team}, Aggregation: PerWeek,
		rows: fmt.Sprintf(`
SELECT at, team, CAST(NULL, 'Nullable(Float64)') AS value, if(shown, people, 0) AS numerator, toUInt8(shown) AS denominator, 0 AS censored,
  concat(item.1, ' ', team) AS subject, if(shown, 'people', 'too few people') AS title, '' AS url, '' AS rule,
  if(shown, concat(toString(people), ' people'), '') AS evidence, if(shown, '', 'fewer than %[1]d people') AS excluded
FROM (
  SELECT *, people >= %[1]d AS shown FROM (%[2]s
  )
)`, surveyThreshold, groups),
	}
}

package metrics

// developersPerPlatformEngineer: DEFINITIONS, success measures. A row is a team,
// never a person.
func developersPerPlatformEngineer() Metric {
	return Metric{
		ID: "developers_per_platform_engineer", Version: 1, Title: "Developers per platform engineer",
		Question: "How many developers does each platform engineer serve?",
		Definition: "People in teams that are no platform team, divided by the people in platform teams, at the end of the bucket. Whoever is in both counts as " +
			"a platform engineer, and somebody in several teams counts once. Bots do not count.",
		HowToRead: "50 to 100 is usual guidance. Far below it the platform costs much for its size; far above it teams wait for it or go without.",
		Caveats: []string{
			"It is of the whole organisation and has no split.",
			"Before a source first listed its people, those of its first list count.",
			"Which teams are platform teams is what the catalogue says (kind platform). People in no team do not count.",
		},
		Unit: UnitPeople, Direction: Neutral, Aggregation: Share,
		rows: `
SELECT subtractMilliseconds(as_of, 1) AS at, CAST(NULL, 'Nullable(Float64)') AS value,
  if(engineer, 0, people) AS numerator, if(engineer, people, 0) AS denominator, 0 AS censored,
  team AS subject, team AS title, '' AS url, if(engineer, 'platform team', 'team') AS rule, concat(toString(people), ' people') AS evidence, '' AS excluded
FROM (
  SELECT as_of, engineer, team, count() AS people
  FROM (
    SELECT as_of, person_id, max(kind = 'platform') AS engineer, argMin(m.team_id, (kind != 'platform', m.team_id)) AS team
    FROM (
      SELECT person_id, team_id, arrayJoin(arrayFilter(t -> valid_from < greatest(t, records) AND (valid_to IS NULL OR valid_to >= greatest(t, records)),
        arrayMap(c -> least(c.3, {{now}}), arrayFilter(c -> c.2 < {{now}}, {{calendar}})))) AS as_of
      FROM (
        SELECT person_id, team_id, valid_from, valid_to, addMilliseconds(min(valid_from) OVER (PARTITION BY source), 1) AS records FROM person_teams
      )
      WHERE person_id NOT IN (SELECT person_id FROM people FINAL WHERE is_bot = 1)
    ) AS m
    INNER JOIN (SELECT team_id, toString(kind) AS kind FROM teams FINAL) AS t ON t.team_id = m.team_id
    GROUP BY as_of, person_id
  )
  GROUP BY as_of, engineer, team
)`,
	}
}

package metrics

import "fmt"

// featureRequestPatterns: DEFINITIONS, "Platform metrics". A team that is active at the
// end of a bucket stands beside every theme ever asked for, of every capability of
// which it was; and beside what it asked for itself.
func featureRequestPatterns() Metric {
	return Metric{
		ID: "feature_request_patterns", Version: 1, Title: "Teams asking for a feature",
		Question: "What do many teams miss, and what only one?",
		Definition: fmt.Sprintf("Active teams that opened at least one feature request in the bucket, divided by active teams, best split by theme, or by the capability that is to have the feature, and quarter. "+
			"A team is active when it owns a service at the end of the bucket and has merged a change in the %d days before.", activeDays),
		HowToRead: "A theme of many teams is a gap of the platform; a theme of one team may be that team's. Without a split a team counts once, whatever it asks for.",
		Caveats: []string{
			"Loud teams count once: it counts teams, not tickets.",
			"Requests of teams that are not active, or not known, are listed and not counted. " + None + " is the theme of untagged requests.",
		},
		Unit: UnitRatio, Direction: Neutral, Dimensions: []Dimension{Team, Capability, Theme}, Aggregation: Ratio, distinct: "team",
		beside: map[Dimension]string{Capability: "[capability]", Theme: "[theme]"},
		rows: fmt.Sprintf(`
SELECT subtractMilliseconds(least(row.1, {{now}}), 1) AS at, team, row.3 AS capability, row.4 AS theme,
  CAST(NULL, 'Nullable(Float64)') AS value, toUInt8(length(row.5) > 0) AS numerator, 1 AS denominator, 0 AS censored,
  concat(team, ' ', capability, ' ', theme) AS subject, theme AS title, '' AS url, if(numerator, 'asked', 'did not ask') AS rule,
  arrayStringConcat(row.5, ', ') AS evidence, if(row.2, '', 'not an active team') AS excluded
FROM (
  SELECT team, asked, arrayMap(c -> (c.3, %[3]s, c.1), arrayFilter(c -> c.2 < {{now}}, {{calendar}})) AS slots
  FROM (
    SELECT team, %[1]s, groupArrayIf((capability, theme, bucket, mine), kind = 'asks') AS asked
    FROM (
      SELECT *, '' AS theme, toDate(0) AS bucket, CAST([], 'Array(String)') AS mine FROM (%[2]s)
      UNION ALL
      SELECT if(team_id = '', '(none)', team_id) AS team, 'asks', if(capability_id = '', '(none)', toString(capability_id)) AS capability, [],
        if(theme = '', '(none)', toString(theme)) AS label, {{bucket}} AS asked_in, groupArraySorted(5)(ticket_id)
      FROM (SELECT team_id, capability_id, theme, created_at AS at, ticket_id FROM resolved_tickets FINAL WHERE type = 'feature' AND created_at >= {{from}} AND created_at < {{to}})
      GROUP BY team_id, capability_id, theme, asked_in
    )
    GROUP BY team
  )
)
ARRAY JOIN arrayConcat(
  arrayFlatten(arrayMap(s -> arrayMap(w -> (s.1, s.2, w.1, w.2, CAST([], 'Array(String)')), (
    SELECT groupUniqArray((%[4]s, %[5]s)) FROM (
      SELECT DISTINCT if(capability_id = '', '(none)', toString(capability_id)) AS capability, if(theme = '', '(none)', toString(theme)) AS theme
      FROM resolved_tickets FINAL WHERE type = 'feature'
    )
  )), slots)),
  arrayMap(a -> ((arrayFirst(s -> s.3 = a.3, slots) AS slot).1, slot.2, a.1, a.2, a.4), asked)
) AS row
WHERE row.2 OR notEmpty(row.5)`, teamColumns, teamRows(), activeAt("least(c.3, {{now}})"), placeBeside(Capability), placeBeside(Theme)),
	}
}

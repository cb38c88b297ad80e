package metrics

import "fmt"

// featureRequestPatterns: DEFINITIONS, "Platform metrics". Every theme
// ever asked for, of every capability of which it was, stands beside every team that
// is active at the end of a bucket.
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
		rows: fmt.Sprintf(`
SELECT subtractMilliseconds(least(until, {{now}}), 1) AS at, team, capability, theme,
  CAST(NULL, 'Nullable(Float64)') AS value, toUInt8(length(mine) > 0) AS numerator, 1 AS denominator, 0 AS censored,
  concat(team, ' ', capability, ' ', theme) AS subject, theme AS title, '' AS url, if(numerator, 'asked', 'did not ask') AS rule,
  arrayStringConcat(mine, ', ') AS evidence, if(active, '', 'not an active team') AS excluded
FROM (
  SELECT p.team AS team, p.wish.1 AS capability, p.wish.2 AS theme, p.slot.1 AS until, p.slot.2 AS active, a.mine AS mine
  FROM (
    SELECT team, wish, slot
    FROM (
      SELECT team, arrayMap(c -> (c.3, %[3]s, c.1), arrayFilter(c -> c.2 < {{now}}, {{calendar}})) AS slots
      FROM (
        SELECT team, %[1]s
        FROM (%[2]s
          UNION ALL
          SELECT if(team_id = '', '(none)', team_id), 'asks', '', []
          FROM resolved_tickets FINAL WHERE type = 'feature' AND created_at >= {{from}} AND created_at < {{to}}
          GROUP BY team_id
        )
        GROUP BY team
      )
    )
    ARRAY JOIN (
      SELECT groupUniqArray((if(capability_id = '', '(none)', toString(capability_id)), if(theme = '', '(none)', toString(theme))))
      FROM resolved_tickets FINAL WHERE type = 'feature'
    ) AS wish
    ARRAY JOIN slots AS slot
  ) AS p
  LEFT JOIN (
    SELECT if(team_id = '', '(none)', team_id) AS team, if(capability_id = '', '(none)', toString(capability_id)) AS capability,
      if(theme = '', '(none)', toString(theme)) AS theme, {{bucket}} AS bucket,
      groupArraySorted(5)(ticket_id) AS mine
    FROM (SELECT team_id, capability_id, theme, created_at AS at, ticket_id FROM resolved_tickets FINAL WHERE type = 'feature' AND created_at >= {{from}} AND created_at < {{to}})
    GROUP BY team_id, capability_id, theme, bucket
  ) AS a ON a.team = p.team AND a.capability = p.wish.1 AND a.theme = p.wish.2 AND a.bucket = p.slot.3
)
WHERE active OR notEmpty(mine)`, teamColumns, teamRows(), activeAt("least(c.3, {{now}})")),
	}
}

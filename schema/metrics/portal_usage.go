package metrics

import "fmt"

// portalSources are the sources that are the developers' portal.
const portalSources = "'backstage'"

// portalUsage: DEFINITIONS, success measures. It counts teams, never people.
func portalUsage() Metric {
	return Metric{
		ID: "portal_usage", Version: 1, Title: "Teams active in the portal",
		Question: "Do teams come to the portal?",
		Definition: fmt.Sprintf("Active teams of which somebody looked at a page of the portal or did something in it during the bucket, divided by active teams, "+
			"best read by week. A team is active when it owns a service at the end of the bucket and has merged a change in the %d days before.", activeDays),
		HowToRead: "Higher is better where the portal is meant for every team. Visits are no use of a capability: read it with the teams using capabilities.",
		Caveats: []string{
			"What the portal does not report, because its analytics are off or blocked, is not seen.",
			"Teams that visit without being active are listed and not counted.",
		},
		Unit: UnitRatio, Direction: Up, Dimensions: []Dimension{Team}, Aggregation: Ratio,
		rows: fmt.Sprintf(`
SELECT subtractMilliseconds(least(until, {{now}}), 1) AS at, team,
  CAST(NULL, 'Nullable(Float64)') AS value, toUInt8(visits > 0) AS numerator, 1 AS denominator, 0 AS censored,
  team AS subject, team AS title, '' AS url, if(numerator, 'came', 'did not come') AS rule, concat(toString(visits), ' events') AS evidence,
  if(active, '', 'not an active team') AS excluded
FROM (
  SELECT team, slot.1 AS until, slot.2 AS active, slot.3 AS visits
  FROM (
    SELECT team, arrayMap(c -> (c.3, %[3]s, seen.2[indexOf(seen.1, c.1)]), arrayFilter(c -> c.2 < {{now}}, {{calendar}})) AS slots
    FROM (
      SELECT team, %[1]s, groupArrayIf((bucket, events), kind = 'seen') AS seen
      FROM (
        SELECT *, toDate(0) AS bucket, toUInt64(0) AS events FROM (%[2]s)
        UNION ALL
        SELECT team_id, 'seen', '', [], {{bucket}} AS slot, count()
        FROM resolved_uses FINAL
        WHERE source IN (%[4]s) AND team_id != '' AND at >= {{from}} AND at < {{to}}
        GROUP BY team_id, slot
      )
      GROUP BY team
    )
  )
  ARRAY JOIN slots AS slot
)
WHERE active OR visits > 0`, teamColumns, teamRows(), activeAt("least(c.3, {{now}})"), portalSources),
	}
}

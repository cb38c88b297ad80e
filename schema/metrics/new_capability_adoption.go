package metrics

import "fmt"

// adoptionRows is one row per released capability and team that was active at
// its release; value is how long the team took to its first use, in seconds.
func adoptionRows() string {
	return fmt.Sprintf(`
SELECT released AS at, team, capability, mandated,
  if(u.used, dateDiff('millisecond', released, u.first) / 1000, NULL) AS value,
  u.used AS numerator, 1 AS denominator, 0 AS censored,
  concat(team, ' ', capability) AS subject, title, url,
  if(u.used, 'adopted', 'not adopted') AS rule, if(u.used, concat('first use ', toString(u.first), ' UTC'), '') AS evidence, '' AS excluded
FROM (
  SELECT team, offer.1 AS capability, offer.2 AS released, offer.3 AS mandated, offer.4 AS title, offer.5 AS url
  FROM (SELECT team, %[1]s FROM (%[2]s) GROUP BY team)
  ARRAY JOIN (
    SELECT groupArray((toString(capability_id), assumeNotNull(released_at), if(mandated = 1, 'mandated', 'optional'), name, url))
    FROM capabilities FINAL WHERE released_at >= {{from}} AND released_at < {{to}}
  ) AS offer
  WHERE %[3]s
) AS t
LEFT JOIN (
  SELECT o.team_id AS team, toString(o.capability_id) AS capability, min(o.at) AS first, 1 AS used
  FROM resolved_uses AS o FINAL
  INNER JOIN (
    SELECT capability_id, assumeNotNull(released_at) AS released FROM capabilities FINAL WHERE released_at >= {{from}} AND released_at < {{to}}
  ) AS c ON c.capability_id = o.capability_id
  WHERE o.qualifying = 1 AND o.at >= c.released AND o.at < addDays(c.released, %[4]d)
  GROUP BY team, capability
) AS u ON u.team = t.team AND u.capability = t.capability`, teamColumns, teamRows(), activeAt("released"), adoptionDays)
}

// newCapabilityAdoption: DEFINITIONS, "Platform metrics".
func newCapabilityAdoption() Metric {
	return Metric{
		ID: "new_capability_adoption", Version: 1, Title: "Adoption of new capabilities",
		Question: "Do teams take up what the platform releases?",
		Definition: fmt.Sprintf("Teams that used a capability within %d days of its release, divided by the teams that were active at the "+
			"release (they owned a service and had merged a change in the %d days before). By the time of the release.", adoptionDays, activeDays),
		HowToRead: "Higher is better. Read mandated capabilities apart: their adoption says little about their worth.",
		Caveats: []string{
			fmt.Sprintf("Releases of the last %d days are provisional: teams may still adopt them.", adoptionDays),
			"Without a split, every pair of capability and eligible team counts once.",
		},
		Unit: UnitRatio, Direction: Up, Dimensions: []Dimension{Team, Capability, Mandated}, Aggregation: Ratio,
		lateDays: adoptionDays, rows: adoptionRows(),
	}
}

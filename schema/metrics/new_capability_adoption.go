package metrics

import "fmt"

// adoptionRows is one row per released capability and team that was active at
// its release; value is how long the team took to its first use, in seconds.
func adoptionRows() string {
	return fmt.Sprintf(`
SELECT released AS at, team, capability, mandated,
  if(first IS NULL, NULL, dateDiff('millisecond', released, first) / 1000) AS value,
  first IS NOT NULL AS numerator, 1 AS denominator, 0 AS censored,
  concat(team, ' ', capability) AS subject, title, url,
  if(first IS NULL, 'not adopted', 'adopted') AS rule, if(first IS NULL, '', concat('first use ', toString(first), ' UTC')) AS evidence, '' AS excluded
FROM (
  SELECT team, offer.1 AS capability, offer.2 AS released, offer.3 AS mandated, offer.4 AS title, offer.5 AS url, merges, owned,
    arrayFilter(u -> u >= released AND u < addDays(released, %[2]d), %[4]s) AS within,
    if(empty(within), NULL, arrayMin(within)) AS first
  FROM (
    SELECT *, arrayJoin((
      SELECT groupArray((toString(capability_id), assumeNotNull(released_at), if(mandated = 1, 'mandated', 'optional'), name, url))
      FROM capabilities FINAL WHERE released_at >= {{from}} AND released_at < {{to}}
    )) AS offer
    FROM (%[1]s)
  )
)
WHERE %[3]s`, teamHistory("{{from}}", fmt.Sprintf("addDays({{to}}, %d)", adoptionDays)), adoptionDays, activeAt("released"), usesOf)
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

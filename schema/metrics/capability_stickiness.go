package metrics

import (
	"fmt"
	"strconv"
)

// capabilityStickiness: DEFINITIONS, "Platform metrics", of new_capability_adoption.
func capabilityStickiness() Metric {
	after := "addDays(first, " + strconv.Itoa(adoptionDays) + ")"
	return Metric{
		ID: "capability_stickiness", Version: 1, Title: "90-day stickiness of new capabilities",
		Question: "Do teams that try a new capability still use it three months later?",
		Definition: fmt.Sprintf("Teams that used a capability again in the %d days before the %dth day after their first use, divided by the teams that "+
			"have used it since its release. By the time of the first use.", useDays, adoptionDays),
		HowToRead: "Higher is better. High adoption with low stickiness means that the capability was tried and found wanting.",
		Caveats: []string{
			fmt.Sprintf("First uses of the last %d days are listed and not counted: it is too early to say.", adoptionDays),
			"Only capabilities with a known release count: of older ones the first use is not in the records.",
		},
		Unit: UnitRatio, Direction: Up, Dimensions: []Dimension{Team, Capability, Mandated}, Aggregation: Ratio,
		rows: fmt.Sprintf(`
SELECT first AS at, team, capability, mandated,
  CAST(NULL, 'Nullable(Float64)') AS value, toUInt8(%[1]s) AS numerator, 1 AS denominator, 0 AS censored,
  concat(team, ' ', capability) AS subject, title, url, if(numerator, 'kept', 'left') AS rule,
  concat('first use ', toString(first), ' UTC') AS evidence, if(%[2]s > {{now}}, 'too early to say', '') AS excluded
FROM (
  SELECT o.team_id AS team, toString(o.capability_id) AS capability, any(c.mandated) AS mandated, any(c.name) AS title, any(c.url) AS url,
    min(o.at) AS first, %[3]s AS uses
  FROM resolved_uses AS o FINAL
  INNER JOIN (
    SELECT capability_id, assumeNotNull(released_at) AS released, if(mandated = 1, 'mandated', 'optional') AS mandated, name, url
    FROM capabilities FINAL WHERE released_at IS NOT NULL AND released_at < {{to}}
  ) AS c ON c.capability_id = o.capability_id
  WHERE o.qualifying = 1 AND o.team_id != '' AND o.at >= c.released
  GROUP BY team, capability
)
WHERE first >= {{from}} AND first < {{to}}`, within(after, "uses"), after, spans("groupArray(o.at)", useDays)),
	}
}

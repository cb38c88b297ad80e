package metrics

// supportTicketVolume: DEFINITIONS, "Platform metrics". Workloads have no
// category: each team's count stands once beside every category, and counts once
// in a group because its subject is the same.
func supportTicketVolume() Metric {
	return Metric{
		ID: "support_ticket_volume", Version: 1, Title: "Support tickets",
		Question: "How much help does the platform need to give?",
		Definition: "Support tickets opened, per 100 active workloads on the platform. Workloads are those that pass the platform predicate " +
			"in the last daily inventory of each cluster in the bucket.",
		HowToRead: "Lower is better while usage grows. Split by category to see what to fix or document.",
		Caveats: []string{
			"Without an inventory in the bucket there is no value; the number of tickets is still there.",
			"Split by category, every category is set against all workloads.",
		},
		Unit: UnitPerHundred, Direction: Down, Dimensions: []Dimension{Team, Category}, Aggregation: PerHundred, distinct: "subject",
		rows: `
SELECT created_at AS at, if(team_id = '', '(none)', team_id) AS team, if(category = '', '(none)', toString(category)) AS category,
  CAST(NULL, 'Nullable(Float64)') AS value, 1 AS numerator, 0 AS denominator, 0 AS censored,
  ticket_id AS subject, title, url, 'ticket' AS rule, toString(status) AS evidence, '' AS excluded
FROM resolved_tickets FINAL WHERE type = 'support'
UNION ALL
SELECT at, team, arrayJoin((SELECT arrayDistinct(arrayPushBack(groupArray(if(category = '', '(none)', toString(category))), '(none)')) FROM
    (SELECT DISTINCT category FROM tickets FINAL WHERE type = 'support'))) AS category,
  NULL, 0, toUInt32(workloads), 0,
  concat('workloads of ', team, ' in ', cluster, ' on ', toString(toDate(day))), 'workloads on the platform', '', 'workloads', toString(workloads), ''
FROM (
  SELECT toTimeZone(toDateTime64(toDate(day), 3, {{zone}}), 'UTC') AS at, day, if(team_id = '', '(none)', team_id) AS team,
    toString(cluster) AS cluster, count() AS workloads
  FROM resolved_workloads FINAL
  WHERE on_platform = 'yes' AND platform_owned = 0 AND (cluster, day) IN (` + lastSnapshots + `)
  GROUP BY at, day, team, cluster
)`,
	}
}

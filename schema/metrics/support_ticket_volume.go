package metrics

// supportTicketVolume: DEFINITIONS, "Platform metrics". Workloads have no
// category and no capability: they stand beside every one of them.
func supportTicketVolume() Metric {
	return Metric{
		ID: "support_ticket_volume", Version: 1, Title: "Support tickets",
		Question: "How much help does the platform need to give?",
		Definition: "Support tickets opened, per 100 active workloads on the platform. Workloads are those that pass the platform predicate " +
			"in the last daily inventory of each cluster in the bucket.",
		HowToRead: "Lower is better while usage grows. Split by category or capability to see what to fix or document.",
		Caveats: []string{
			"Without an inventory in the bucket there is no value; the number of tickets is still there.",
			"Split by category or capability, each of them is set against all workloads. Split by service, the tickets of each are set against its own; " +
				"those that name no service have none.",
		},
		Unit: UnitPerHundred, Direction: Down, Dimensions: []Dimension{Team, Service, Category, Capability}, Aggregation: PerHundred,
		beside: map[Dimension]string{Category: supportValues("category"), Capability: supportValues("capability_id")},
		rows: `
SELECT created_at AS at, if(team_id = '', '(none)', team_id) AS team, if(service_id = '', '(none)', toString(service_id)) AS service,
  if(category = '', '(none)', toString(category)) AS category, if(capability_id = '', '(none)', toString(capability_id)) AS capability,
  CAST(NULL, 'Nullable(Float64)') AS value, 1 AS numerator, 0 AS denominator, 0 AS censored,
  ticket_id AS subject, title, url, 'ticket' AS rule, toString(status) AS evidence, '' AS excluded
FROM resolved_tickets FINAL WHERE type = 'support'
UNION ALL
SELECT at, team, service, ` + placeBeside(Category) + ` AS category, ` + placeBeside(Capability) + ` AS capability, NULL, 0, toUInt32(workloads), 0,
  concat('workloads of ', service, ' of ', team, ' in ', cluster, ' on ', toString(toDate(day))), 'workloads on the platform', '', 'workloads', toString(workloads), ''
FROM (
  SELECT toTimeZone(toDateTime64(toDate(day), 3, {{zone}}), 'UTC') AS at, day, if(team_id = '', '(none)', team_id) AS team,
    if(service_id = '', '(none)', toString(service_id)) AS service, toString(cluster) AS cluster, count() AS workloads
  FROM resolved_workloads FINAL
  WHERE on_platform = 'yes' AND platform_owned = 0 AND (cluster, day) IN (` + lastSnapshots + `)
  GROUP BY at, day, team, service, cluster
)`,
	}
}

// supportValues is the array of what support tickets ever had in a column, and of
// nothing.
func supportValues(column string) string {
	return "(SELECT arrayDistinct(arrayPushBack(groupArray(if(of = '', '(none)', of)), '(none)')) FROM\n" +
		"    (SELECT DISTINCT toString(" + column + ") AS of FROM tickets FINAL WHERE type = 'support'))"
}

package metrics

// platformCost: DEFINITIONS, "Success measures". Days without any cost at the end
// of a window are not over yet for the sender, so they are no days of no cost.
func platformCost() Metric {
	return Metric{
		ID: "platform_cost", Version: 1, Title: "Platform cost",
		Question: "What does it cost to run what each team and service has?",
		Definition: "Amounts of the days in the bucket, brought to a month of 30.4375 days: divided by the days from the first to the last for which any " +
			"cost is known in the currency, and multiplied by the days of a month. The numerator is the plain sum, the denominator the number of months.",
		HowToRead: "Neither up nor down is better by itself: hold it against what the services do.",
		Caveats: []string{
			"Amounts of different currencies are never added.",
			"Senders allocate shared cost each in their own way; what they cannot allocate has no team.",
		},
		Unit: UnitPerMonth, Direction: Neutral, Dimensions: []Dimension{Team, Service, Category, Cluster, Currency}, SplitBy: []Dimension{Currency},
		Aggregation: PerMonth,
		spans:       "(SELECT mapFromArrays(groupArray(toString(currency)), groupArray((first, last))) FROM (SELECT currency, toDate(min(day)) AS first, toDate(max(day)) AS last FROM costs FINAL GROUP BY currency))[currency]",
		rows: `
SELECT toTimeZone(toDateTime64(toDate(day), 3, {{zone}}), 'UTC') AS at, if(team_id = '', '(none)', team_id) AS team,
  if(service_id = '', '(none)', service_id) AS service, if(category = '', '(none)', toString(category)) AS category,
  if(cluster = '', '(none)', toString(cluster)) AS cluster, toString(currency) AS currency,
  CAST(NULL, 'Nullable(Float64)') AS value, amount AS numerator, 0 AS denominator, 0 AS censored, concat(cost_id, ' on ', toString(toDate(day))) AS subject,
  if(workload = '', cost_id, workload) AS title, url, 'cost' AS rule, concat(toString(amount), ' ', currency) AS evidence, '' AS excluded
FROM resolved_costs FINAL`,
	}
}

package metrics

// timeToProduction: DEFINITIONS, "Platform metrics".
func timeToProduction() Metric {
	return Metric{
		ID: "time_to_production", Version: 1, Title: "Time to production of new services",
		Question: "How long does it take from creating a service until it runs in production?",
		Definition: "From the creation of a service until its first successful production release finished; median and 90th percentile, by " +
			"the time of creation. The team is the one that owned the service when it was created.",
		HowToRead: "Lower is better. Cohorts are months of creation: compare them only once few of their services are still not live.",
		Caveats: []string{
			"Services that are not live yet are counted beside the median, not in it.",
			"Services older than the records are left out when their first release may have been before them.",
		},
		Unit: UnitSeconds, Direction: Down, Dimensions: []Dimension{Team, Service, Template, Cohort}, Aggregation: Median,
		rows: `
SELECT s.created_at AS at,
  if(o.owners[greatest(1, arrayCount(x -> x.1 <= at, o.owners))].2 AS owner = '', '(none)', owner) AS team, s.service_id AS service,
  ` + templateName("s.template") + ` AS template, formatDateTime(at, '%Y-%m', {{zone}}) AS cohort,
  if(excluded = '' AND r.live, dateDiff('millisecond', at, r.first) / 1000, NULL) AS value,
  0 AS numerator, 0 AS denominator, excluded = '' AND NOT r.live AS censored,
  s.service_id AS subject, s.name AS title, s.url AS url, if(r.live, 'live', 'not live') AS rule,
  if(r.live, concat('release ', r.first_id), '') AS evidence,
  multiIf(NOT r.live, '', r.bad != '', r.bad, r.unsure AND at < (SELECT min(finished_at) FROM releases FINAL), 'older than the records',
    r.first < at, 'negative', '') AS excluded
FROM (
  SELECT service_id, name, url, template, assumeNotNull(created_at) AS created_at FROM services FINAL WHERE created_at IS NOT NULL
) AS s
LEFT JOIN (
  SELECT service_id, 1 AS live, min((finished_at, release_id, baseline, toString(excluded))) AS earliest,
    earliest.1 AS first, earliest.2 AS first_id, earliest.3 AS unsure, earliest.4 AS bad
  FROM releases FINAL WHERE succeeded = 1 AND service_id IN (SELECT service_id FROM services FINAL WHERE created_at IS NOT NULL) GROUP BY service_id
) AS r ON r.service_id = s.service_id
LEFT JOIN service_owners AS o ON o.service_id = s.service_id`,
	}
}

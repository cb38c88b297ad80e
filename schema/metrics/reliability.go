package metrics

// severe is the condition that a severity, as senders write it, is high: of
// numbered severities 0 to 2 ("SEV1", "P2", "2 - High", "severity/1"), of named
// ones those of the list.
const severe = `match(lower(severity), '^((sev|severity|s|p|priority|prio|urgency)?[ /:_-]*[0-2]([^0-9].*)?|(sev|severity|priority|urgency|impact)?[ /:_-]*(critical|blocker|emergency|disaster|major|high|highest|urgent))$')`

// outages are the times in which a service had an open incident of high severity,
// as spans that do not overlap.
const outages = `
    SELECT service_id, groupArray((greatest(started, covered), ended)) AS outages
    FROM (
      SELECT service_id, started, ended, max(ended) OVER (PARTITION BY service_id ORDER BY started, ended
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered
      FROM (
        SELECT toString(service_id) AS service_id, started_at AS started, ifNull(resolved_at, {{now}}) AS ended
        FROM incidents FINAL WHERE service_id != '' AND excluded = '' AND started < ended AND ` + severe + `
      )
    )
    WHERE ended > covered
    GROUP BY service_id`

// reliability: DEFINITIONS, "DORA".
func reliability() Metric {
	return Metric{
		ID: "reliability", Version: 1, Title: "Reliability", DORA: true,
		Question: "How much of the time are our services free of serious trouble?",
		Definition: "Share of time without an open incident of high severity, over services: a day of two services of which one had such an " +
			"incident for six hours counts as 42 of 48 hours. Overlapping incidents count once. High are the severities numbered 0 to 2 (SEV1, P2) and " +
			"those called critical, blocker, emergency, disaster, major, high, highest or urgent. A service counts from its creation, or else its first release, " +
			"and nothing counts before the first incident in the records, when nobody reported any.",
		HowToRead: "Higher is better. A week has 168 hours: 99.4 % is one hour of trouble in it. Read it with the restore time.",
		Caveats: []string{
			"Values of the last 7 days are provisional: incidents are opened and corrected late.",
			"An incident that nobody closes counts until now. Incidents without a severity are not high.",
			"Time is no number of independent cases, so there is no interval.",
		},
		Unit: UnitRatio, Direction: Up, Dimensions: []Dimension{Team, Service}, Aggregation: Share, Links: doraLinks(), lateDays: failureLateDays,
		rows: `
SELECT began AS at, if(owner.2 = '', '(none)', owner.2) AS team, service,
  CAST(NULL, 'Nullable(Float64)') AS value, denominator - down AS numerator, dateDiff('millisecond', began, over) / 1000 AS denominator, 0 AS censored,
  concat(service, ' until ', toString(over), ' UTC') AS subject, service AS title, '' AS url,
  if(down > 0, 'trouble', 'no trouble') AS rule,
  concat(toString(length(here)), ' spans of trouble, ', toString(round(down / 60)), ' minutes') AS evidence, '' AS excluded,
  arrayFilter(o -> o.1 < over AND o.2 > began, outages) AS here,
  arraySum(o -> dateDiff('millisecond', greatest(o.1, began), least(o.2, over)), here) / 1000 AS down
FROM (
  SELECT service, outages, owner, greatest(slot.2, owner.1, known, records) AS began, least(slot.3, owner.3, {{now}}) AS over
  FROM (
    SELECT k.service_id AS service, k.known AS known, x.outages AS outages,
      ifNull((SELECT min(started_at) FROM incidents FINAL WHERE excluded = '' HAVING count() > 0), toDateTime64('2200-01-01 00:00:00', 3, 'UTC')) AS records,
      if(empty(o.owners), [(toDateTime64(0, 3, 'UTC'), '')], o.owners) AS owners,
      arrayJoin(arrayMap((p, i) -> (
        if(i = 1, toDateTime64(0, 3, 'UTC'), p.1), p.2,
        if(i = length(owners), toDateTime64('2200-01-01 00:00:00', 3, 'UTC'), owners[i + 1].1)),
        owners, arrayEnumerate(owners))) AS owner
    FROM (
      SELECT service_id, min(known) AS known FROM (
        SELECT service_id, ifNull(created_at, toDateTime64(0, 3, 'UTC')) AS known FROM services FINAL
        UNION ALL
        SELECT toString(service_id), min(finished_at) FROM releases FINAL GROUP BY service_id
      )
      GROUP BY service_id
    ) AS k
    LEFT JOIN service_owners AS o ON o.service_id = k.service_id
    LEFT JOIN (` + outages + `
    ) AS x ON x.service_id = k.service_id
  )
  ARRAY JOIN {{calendar}} AS slot
)
WHERE began < over`,
	}
}

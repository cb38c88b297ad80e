package metrics

import "fmt"

// Windows of capability metrics, in days (DEFINITIONS, "Platform metrics").
const (
	useDays      = 28
	activeDays   = 90
	adoptionDays = 90
)

// teamHistory is one row per team: the times of its merges, the times for which
// it owned services, and the times of its qualifying uses by capability. Of the
// merges of a day the first and the last are there: they tell as well as all of
// them whether any lies in a window of whole days. usesFrom and usesTo bound the
// uses, an optimisation only.
func teamHistory(usesFrom, usesTo string) string {
	return fmt.Sprintf(`
SELECT team, arrayFlatten(groupArrayIf(times, kind = 'merge')) AS merges, groupArrayIf((times[1], times[2]), kind = 'owns') AS owned,
  groupArrayIf((capability, times), kind = 'use') AS used
FROM (
  SELECT team_id AS team, 'merge' AS kind, '' AS capability, [min(merged_at), max(merged_at)] AS times
  FROM team_merges WHERE team_id != '' AND merged_at >= subtractDays({{from}}, %[3]d) AND merged_at < {{to}}
  GROUP BY team, toDate(merged_at)
  UNION ALL
  SELECT team_id, 'owns', '', [owned_from, owned_to] FROM team_services
  UNION ALL
  SELECT team_id, 'use', toString(capability_id), groupArray(at)
  FROM owned_uses WHERE qualifying = 1 AND team_id != '' AND at >= %[1]s AND at < %[2]s
  GROUP BY team_id, capability_id
)
GROUP BY team`, usesFrom, usesTo, activeDays)
}

// usesOf is the expression of the times at which a team of teamHistory used the
// capability.
const usesOf = "arrayFirst(u -> u.1 = capability, used).2"

// activeAt is the condition that a team of teamHistory owned a service at the
// instant x and had merged in the 90 days before.
func activeAt(x string) string {
	return fmt.Sprintf("arrayExists(o -> o.1 < %[1]s AND o.2 >= %[1]s, owned) AND arrayExists(m -> m >= subtractDays(%[1]s, %[2]d) AND m < %[1]s, merges)", x, activeDays)
}

// usesWithin counts uses from a to b days before the instant as_of.
func usesWithin(a, b int) string {
	return fmt.Sprintf("arrayCount(u -> u >= subtractDays(as_of, %d) AND u < subtractDays(as_of, %d), uses)", a, b)
}

// usePairs are all pairs of team and capability at the end of every bucket, with
// the team's uses in the last 28 days and in the 28 days before. A capability
// that is in no catalogue is offered all the time.
func usePairs() string {
	return fmt.Sprintf(`
SELECT team, capability, slot.1 AS as_of, slot.2 AS active, %[2]s AS recent, %[3]s AS earlier
FROM (
  SELECT team, capability, released, %[5]s AS uses, arrayJoin(slots) AS slot
  FROM (
    SELECT team, used, slots, offered.1 AS capability, offered.2 AS released
    FROM (
      SELECT team, used, arrayMap(c -> (least(c.3, {{now}}), %[4]s), arrayFilter(c -> c.2 < {{now}}, {{calendar}})) AS slots,
        arrayJoin((
          SELECT groupArray((capability, released)) FROM (
            SELECT toString(capability_id) AS capability, ifNull(released_at, toDateTime64(0, 3, 'UTC')) AS released FROM capabilities FINAL
            UNION ALL
            SELECT DISTINCT toString(capability_id), toDateTime64(0, 3, 'UTC') FROM capability_uses FINAL WHERE qualifying = 1
              AND capability_id NOT IN (SELECT capability_id FROM capabilities FINAL)
          )
        )) AS offered
      FROM (%[1]s)
    )
  )
)
WHERE released < as_of`, teamHistory(fmt.Sprintf("subtractDays({{from}}, %d)", 2*useDays), "{{to}}"),
		usesWithin(useDays, 0), usesWithin(2*useDays, useDays), activeAt("least(c.3, {{now}})"), usesOf)
}

package metrics

import "fmt"

// Windows of capability metrics, in days (DEFINITIONS, "Platform metrics").
const (
	useDays      = 28
	activeDays   = 90
	adoptionDays = 90
)

// teamHistory is one row per team: the times of its merges, the times for which
// it owned services, and its qualifying uses as (capability, time). usesFrom and
// usesTo bound the uses, an optimisation only.
func teamHistory(usesFrom, usesTo string) string {
	const epoch = "toDateTime64(0, 3, 'UTC')"
	return fmt.Sprintf(`
SELECT team, groupArrayIf(from, kind = 'merge') AS merges, groupArrayIf((from, until), kind = 'owns') AS owned,
  groupArrayIf((capability, from), kind = 'use') AS uses
FROM (
  SELECT team_id AS team, 'merge' AS kind, '' AS capability, merged_at AS from, %[3]s AS until
  FROM team_merges WHERE merged_at >= subtractDays({{from}}, %[4]d) AND merged_at < {{to}}
  UNION ALL
  SELECT team_id, 'owns', '', owned_from, owned_to FROM team_services
  UNION ALL
  SELECT team_id, 'use', toString(capability_id), at, %[3]s
  FROM owned_uses WHERE qualifying = 1 AND team_id != '' AND at >= %[1]s AND at < %[2]s
)
GROUP BY team`, usesFrom, usesTo, epoch, activeDays)
}

// activeAt is the condition that a team of teamHistory owned a service at the
// instant x and had merged in the 90 days before.
func activeAt(x string) string {
	return fmt.Sprintf("arrayExists(o -> o.1 < %[1]s AND o.2 >= %[1]s, owned) AND arrayExists(m -> m >= subtractDays(%[1]s, %[2]d) AND m < %[1]s, merges)", x, activeDays)
}

// usesWithin counts a team's uses of the capability from a to b days before the
// instant as_of.
func usesWithin(a, b int) string {
	return fmt.Sprintf("arrayCount(u -> u.1 = capability AND u.2 >= subtractDays(as_of, %d) AND u.2 < subtractDays(as_of, %d), uses)", a, b)
}

// usePairs are all pairs of team and capability at the end of every bucket, with
// the team's uses in the last 28 days and in the 28 days before.
func usePairs() string {
	return fmt.Sprintf(`
SELECT team, capability, as_of, %[2]s AS recent, %[3]s AS earlier, %[4]s AS active
FROM (
  SELECT team, merges, owned, uses, offered.1 AS capability, least(slot.3, {{now}}) AS as_of
  FROM (
    SELECT *, arrayJoin((
      SELECT groupArray((capability, released)) FROM (
        SELECT capability, min(released) AS released FROM (
          SELECT toString(capability_id) AS capability, ifNull(released_at, toDateTime64(0, 3, 'UTC')) AS released FROM capabilities FINAL
          UNION ALL
          SELECT DISTINCT toString(capability_id), toDateTime64('2200-01-01 00:00:00', 3, 'UTC') FROM capability_uses FINAL WHERE qualifying = 1
            AND capability_id NOT IN (SELECT capability_id FROM capabilities FINAL)
        ) GROUP BY capability
      )
    )) AS offered
    FROM (%[1]s)
  )
  ARRAY JOIN {{calendar}} AS slot
  WHERE slot.2 < {{now}} AND (offered.2 < as_of OR offered.2 = toDateTime64('2200-01-01 00:00:00', 3, 'UTC'))
)`, teamHistory(fmt.Sprintf("subtractDays({{from}}, %d)", 2*useDays), "{{to}}"),
		usesWithin(useDays, 0), usesWithin(2*useDays, useDays), activeAt("as_of"))
}

package metrics

import (
	"fmt"
	"strconv"
)

// Windows of capability metrics, in days (DEFINITIONS, "Platform metrics").
const (
	useDays      = 28
	activeDays   = 90
	adoptionDays = 90
)

// spans is the expression that turns an array of times into the spans (after,
// until] in which a look back over so many days finds at least one of them. A
// year of daily use is one span, however many uses it has.
func spans(times string, days int) string {
	return fmt.Sprintf(`arrayZip(
    arrayFilter((x, p) -> x > addDays(p, %[2]d), arraySort(%[1]s) AS sorted, arrayPushFront(arrayPopBack(sorted), toDateTime64(0, 3, 'UTC'))),
    arrayMap(x -> addDays(x, %[2]d), arrayFilter((x, n) -> n > addDays(x, %[2]d), sorted, arrayPushBack(arrayPopFront(sorted), toDateTime64('2200-01-01 00:00:00', 3, 'UTC')))))`,
		times, days)
}

// within is the condition that the instant x lies in one of the spans.
func within(x, spans string) string {
	return fmt.Sprintf("arrayExists(s -> s.1 < %[1]s AND s.2 >= %[1]s, %[2]s)", x, spans)
}

// activeAt is the condition that a team, with the columns of teamColumns, owned a
// service at the instant x and had merged in the 90 days before.
func activeAt(x string) string { return within(x, "owned") + " AND " + within(x, "merged") }

const teamColumns = `groupArrayArrayIf(spans, kind = 'merge') AS merged, groupArrayArrayIf(spans, kind = 'owns') AS owned`

// teamRows are the spans of a team's merges and of its ownership of services.
func teamRows() string {
	return `
  SELECT span.1 AS team, 'merge' AS kind, '' AS capability, groupArray((span.2, span.3)) AS spans
  FROM (SELECT arrayJoin(spans) AS span FROM resolved_merge_spans FINAL)
  WHERE span.2 < {{to}} AND span.3 >= {{from}}
  GROUP BY team
  UNION ALL
  SELECT team_id, 'owns', '', [(owned_from, owned_to)] FROM resolved_team_services FINAL`
}

// usePairs are all pairs of team and capability at the end of every bucket:
// whether the team used it in the last 28 days (recent) and in the 28 days
// before (earlier), and the spans of its use. A capability that is in no
// catalogue is offered all the time.
func usePairs() string {
	return fmt.Sprintf(`
SELECT team, capability, slot.1 AS as_of, slot.2 AS active, uses, %[4]s AS recent, %[5]s AS earlier
FROM (
  SELECT team, offered.1 AS capability, offered.2 AS released, slots, arrayFirst(u -> u.1 = capability, used).2 AS uses
  FROM (
    SELECT team, used, arrayMap(c -> (least(c.3, {{now}}), %[3]s), arrayFilter(c -> c.2 < {{now}}, {{calendar}})) AS slots
    FROM (
      SELECT team, %[1]s, groupArrayIf((capability, spans), kind = 'use') AS used
      FROM (%[2]s
        UNION ALL
        SELECT team_id, 'use', toString(capability_id), %[6]s
        FROM resolved_use_blocks FINAL WHERE team_id != '' AND last >= subtractDays({{from}}, %[7]d) AND first < {{to}}
        GROUP BY team_id, capability_id
      )
      GROUP BY team
    )
  )
  ARRAY JOIN (
    SELECT groupArray((capability, released)) FROM (
      SELECT toString(capability_id) AS capability, ifNull(released_at, toDateTime64(0, 3, 'UTC')) AS released FROM capabilities FINAL
      UNION ALL
      SELECT DISTINCT toString(capability_id), toDateTime64(0, 3, 'UTC') FROM resolved_use_blocks FINAL
      WHERE capability_id NOT IN (SELECT capability_id FROM capabilities FINAL)
    )
  ) AS offered
)
ARRAY JOIN slots AS slot
WHERE released < as_of`, teamColumns, teamRows(), activeAt("least(c.3, {{now}})"),
		within("as_of", "uses"), within("subtractDays(as_of, "+strconv.Itoa(useDays)+")", "uses"), spans("arrayFlatten(groupArray([first, last]))", useDays), 2*useDays)
}

package dashboards

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/barchart"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"

	"github.com/headway-metrics/headway/dashboards/clickhousequery"
	"github.com/headway-metrics/headway/schema/metrics"
)

// asked are the metrics of the survey's questions, and how many answer at all, in
// the order in which they are shown.
func asked() []string {
	return []string{
		"platform_nps", "developer_satisfaction", "ease_of_use", "portal_satisfaction", "infrastructure_time", "employee_nps", "survey_response_rate",
	}
}

// experience shows what developers say, never who said it, and how newcomers begin.
func experience() (*board, error) {
	m, err := need(teamOnly, append(asked(), "onboarding", "onboarding_tenth", "infrastructure_path_share")...)
	if err != nil {
		return nil, err
	}
	b := newBoard(UIDExperience, "Experience", "What do developers say about the platform, and how do newcomers begin?",
		"Answers are anonymous. Groups too small to be safe are shown together as (hidden), with another group where one alone would show through.",
		teamVariable())
	b.builder.Time("now-1y", "now")
	b.row("The latest wave")
	for i, id := range asked() {
		width := uint32(6)
		if i >= 4 {
			width = 8
		}
		place(b, width, 4, latestWave(m[id]))
	}
	b.row("Waves")
	for _, id := range asked() {
		place(b, 8, 8, waves(m[id]))
	}
	place(b, 16, 8, rows("Did anything change?", "The latest wave beside the one before, where both asked the same version of the question. A change is called one only when the 95 % interval of the difference "+
		"does not hold 0; otherwise it may be chance.\n\n**n** is in the bars beside.", changedSQL(m)).
		NoValue("Needs two waves with the same version of a question"))
	b.row("Groups")
	for _, id := range asked() {
		each := m[id]
		place(b, 12, 9, rows(each.Title+" by team and wave", describe(each, "Teams by name, not by value. A small team's number moves a lot by chance: read the 95 % interval, *Low* to *High*, first."), groupsSQL(each)).
			Unit(unit(each)).Decimals(decimals(each)).OverrideByName("n", unitOf("short")))
	}
	place(b, 12, 9, trend(m["infrastructure_path_share"], metrics.Month))
	b.row("Newcomers")
	first, tenth := m["onboarding"], m["onboarding_tenth"]
	place(b, 12, 8, newcomersBars(first, tenth))
	place(b, 12, 8, rows("Newcomers by team and quarter", describe(first, "Mean time to the first and to the tenth merged change. A quarter appears once everybody in it has been there for 90 days."), newcomersSQL(first, tenth)).
		OverrideByName("First change", unitOf("s")).OverrideByName("Tenth change", unitOf("s")).
		NoValue("No group of newcomers is large enough yet, or has been here for long enough"))
	return b, nil
}

// decimals that a survey's number is shown with.
func decimals(m figure) float64 {
	if m.Unit == metrics.UnitOfSeven {
		return 1
	}
	return 0
}

// versioned is the expression of a question's version, "" without one.
func versioned(m figure) string {
	if m.Has(metrics.QuestionVersion) {
		return "question_version"
	}
	return "''"
}

// latestWave is a metric of the last wave in the time range, beside the wave
// before when it asked the same version of the question.
func latestWave(m figure) *stat.PanelBuilder {
	sql := fmt.Sprintf(`SELECT waves[1].1 AS %[1]s, waves[1].2 AS %[2]s, waves[1].3 AS %[3]s, waves[1].4 AS %[4]s,
  if(waves[2].5 = waves[1].5, waves[2].1, NULL) AS "Wave before"
FROM (
  SELECT groupArray((value, n, low, high, version)) AS waves
  FROM (
    SELECT value, n, low, high, %[5]s AS version
    FROM (
%[6]s
    )
    WHERE n > 0
    ORDER BY bucket_from DESC, wave DESC
  )
)
WHERE notEmpty(waves)`, quoted(m.Title), quoted(nName(m)), quoted(lowName), quoted(highEndName), versioned(m), m.PointsSQL(slice(m, metrics.Day, metrics.Wave)))
	return stat.NewPanelBuilder().Title(m.Title).Datasource(clickhousequery.Ref()).Description(describe(m, explainNote(m))).
		WithTarget(clickhousequery.Table("A", sql)).Unit(unit(m)).Decimals(decimals(m)).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}).Fields("/.*/").Values(false)).
		GraphMode(common.BigValueGraphModeNone).ColorMode(common.BigValueColorModeNone).TextMode(common.BigValueTextModeValueAndName).
		Orientation(common.VizOrientationVertical).JustifyMode(common.BigValueJustifyModeAuto).
		OverrideByName(nName(m), whole())
}

// waves are a metric's bars, one for each wave.
func waves(m figure) *barchart.PanelBuilder {
	p := columns(m.Title+" by wave", describe(m, "One bar per wave and version of the question; versions are never put together. The interval is in the tooltip and in the table below."), wavesSQL(m), "wave").
		Unit(unit(m)).Decimals(decimals(m)).OverrideByName(nName(m), append(tooltipOnly(), whole()...)).
		OverrideByName(lowName, tooltipOnly()).OverrideByName(highEndName, tooltipOnly())
	switch m.Unit {
	case metrics.UnitRatio:
		p.Max(1)
	case metrics.UnitOfSeven:
		p.Max(7)
	default:
		// A score may be negative.
	}
	return p
}

// waveName tells waves apart, and versions of a question once there is a second.
func waveName(m figure) string {
	if m.Has(metrics.QuestionVersion) {
		return "if(question_version = '1', wave, concat(wave, ' (question version ', question_version, ')'))"
	}
	return "wave"
}

func wavesSQL(m figure) string {
	return fmt.Sprintf(`SELECT name AS wave, value AS %s, low AS %s, high AS %s, n AS %s
FROM (SELECT *, %s AS name FROM (
%s
))
WHERE n > 0
ORDER BY bucket_from, name
LIMIT 100`, quoted(m.Title), quoted(lowName), quoted(highEndName), quoted(nName(m)), waveName(m), m.PointsSQL(slice(m, metrics.Day, metrics.Wave)))
}

func groupsSQL(m figure) string {
	return fmt.Sprintf(`SELECT name AS "Wave", team AS "Team", value AS "Value", low AS "Low", high AS "High", n AS "n"
FROM (SELECT *, %s AS name FROM (
%s
))
WHERE n > 0
ORDER BY bucket_from DESC, name, team
LIMIT 500`, waveName(m), m.PointsSQL(slice(m, metrics.Day, metrics.Wave, metrics.Team)))
}

// changedSQL compares the last two waves of every metric. The units differ from
// line to line, so the numbers are words.
func changedSQL(m map[string]figure) string {
	var parts []string
	for i, id := range asked() {
		parts = append(parts, changeSQL(i, m[id]))
	}
	return "SELECT title AS \"Measure\", waves AS \"Waves\", earlier AS \"Before\", latest AS \"Latest\", difference AS \"Difference\",\n" +
		"  interval AS \"95 % interval of the difference\", changed AS \"A change?\"\nFROM (\n" + strings.Join(parts, "\nUNION ALL\n") + "\n)\nORDER BY position\nLIMIT 20"
}

func changeSQL(position int, m figure) string {
	factor, suffix := 1, ""
	if m.Unit == metrics.UnitRatio {
		factor, suffix = 100, " %"
	}
	// Adding 0 makes a negative zero a zero.
	number := func(x string) string {
		return fmt.Sprintf("toDecimalString(round(%d * (%s), %[3]d) + 0, %[3]d)", factor, x, int(decimals(m)))
	}
	signed := func(x string) string { return fmt.Sprintf("if(%s > 0, '+', ''), %s", x, number(x)) }
	low, high := metrics.DifferenceSQL("now", "before")
	return fmt.Sprintf(`SELECT %d AS position, '%s' AS title, concat(before.wave, ' to ', now.wave) AS waves, concat(%s, '%s') AS earlier, concat(%s, '%[4]s') AS latest,
  concat(%[6]s) AS difference, concat(%[7]s, ' to ', %[8]s) AS interval, if(%[9]s > 0 OR %[10]s < 0, 'yes', 'not shown') AS changed
FROM (
  SELECT points[1] AS now, points[2] AS before
  FROM (
    SELECT groupArray(CAST((value, low, high, wave, version), 'Tuple(value Float64, low Float64, high Float64, wave String, version String)')) AS points
    FROM (
      SELECT assumeNotNull(value) AS value, assumeNotNull(low) AS low, assumeNotNull(high) AS high, wave, %[11]s AS version
      FROM (
%[12]s
      )
      WHERE n > 0
      ORDER BY bucket_from DESC, wave DESC
    )
  )
  WHERE length(points) > 1 AND points[1].version = points[2].version
)`, position, m.Title, number("before.value"), suffix, number("now.value"), signed("now.value - before.value"), signed(low), signed(high), low, high,
		versioned(m), m.PointsSQL(slice(m, metrics.Week, metrics.Wave)))
}

// newcomersBars are both times by quarter of joining.
func newcomersBars(first, tenth figure) *barchart.PanelBuilder {
	sql := fmt.Sprintf(`SELECT f.cohort AS "Quarter of joining", f.value AS "First change", t.value AS "Tenth change", f.denominator AS "n (newcomers)"
FROM (
%s
) AS f
LEFT JOIN (
%s
) AS t ON t.cohort = f.cohort
WHERE f.value IS NOT NULL
ORDER BY f.cohort
LIMIT 40`, first.PointsSQL(slice(first, metrics.Total, metrics.Cohort)), tenth.PointsSQL(slice(tenth, metrics.Total, metrics.Cohort)))
	return columns("Time to a newcomer's first and tenth merged change", describe(first, explainNote(first)+" "+explainNote(tenth)), sql, "Quarter of joining").
		Unit("s").Legend(legendBelow()).ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdPaletteClassic)).
		OverrideByName("First change", colorOf(colorValue)).OverrideByName("Tenth change", colorOf(colorSpread)).
		OverrideByName("n (newcomers)", append(tooltipOnly(), property("unit", "short"))).
		NoValue("No group of newcomers is large enough yet, or has been here for long enough")
}

func newcomersSQL(first, tenth figure) string {
	return fmt.Sprintf(`SELECT f.cohort AS "Quarter", f.team AS "Team", f.value AS "First change", t.value AS "Tenth change", f.denominator AS "n (newcomers)"
FROM (
%s
) AS f
LEFT JOIN (
%s
) AS t ON t.cohort = f.cohort AND t.team = f.team
WHERE f.value IS NOT NULL
ORDER BY f.cohort DESC, f.team
LIMIT 200`, first.PointsSQL(slice(first, metrics.Total, metrics.Cohort, metrics.Team)), tenth.PointsSQL(slice(tenth, metrics.Total, metrics.Cohort, metrics.Team)))
}

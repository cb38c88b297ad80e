package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/stat"

	"github.com/headway-metrics/headway/dashboards/clickhousequery"
	"github.com/headway-metrics/headway/schema/metrics"
)

// experience shows what developers say, never who said it.
func experience() (*board, error) {
	m, err := need(teamOnly, "platform_nps", "developer_satisfaction", "infrastructure_time", "survey_response_rate")
	if err != nil {
		return nil, err
	}
	nps, satisfied, infrastructure, response := m["platform_nps"], m["developer_satisfaction"], m["infrastructure_time"], m["survey_response_rate"]
	b := newBoard(UIDExperience, "Experience", "What do developers say about the platform?",
		"Answers are anonymous. Groups too small to be safe are shown together as (hidden), with another group where one alone would show through.",
		teamVariable())
	b.builder.Time("now-1y", "now")
	b.row("The latest wave")
	place(b, 6, 4, latestWave(nps))
	place(b, 6, 4, latestWave(satisfied))
	place(b, 6, 4, latestWave(infrastructure))
	place(b, 6, 4, latestWave(response))
	b.row("Waves")
	for _, each := range []figure{nps, satisfied, infrastructure, response} {
		p := columns(each.Title+" by wave", describe(each, "One bar per wave and version of the question; versions are never put together. The interval is in the tooltip and in the table below."), wavesSQL(each), "wave").
			Unit(unit(each)).OverrideByName(nName(each), append(tooltipOnly(), property("unit", "short"))).
			OverrideByName(lowName, tooltipOnly()).OverrideByName(highEndName, tooltipOnly())
		if each.Unit == metrics.UnitRatio {
			p.Max(1)
		}
		place(b, 12, 8, p)
	}
	b.row("Groups")
	for _, each := range []figure{nps, satisfied, infrastructure, response} {
		place(b, 12, 10, rows(each.Title+" by team and wave", describe(each, "Teams by name, not by value. A small team's number moves a lot by chance: read the 95 % interval, *Low* to *High*, first."), groupsSQL(each)).
			Unit(unit(each)).Decimals(0).OverrideByName("n", unitOf("short")))
	}
	return b, nil
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
		WithTarget(clickhousequery.Table("A", sql)).Unit(unit(m)).Decimals(0).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}).Fields("/.*/").Values(false)).
		GraphMode(common.BigValueGraphModeNone).ColorMode(common.BigValueColorModeNone).TextMode(common.BigValueTextModeValueAndName).
		Orientation(common.VizOrientationVertical).JustifyMode(common.BigValueJustifyModeAuto).
		OverrideByName(nName(m), unitOf("short"))
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

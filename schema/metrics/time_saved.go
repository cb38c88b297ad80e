package metrics

// timeSaved: DEFINITIONS, success measures.
func timeSaved() Metric {
	return Metric{
		ID: "time_saved", Version: 1, Title: "Time saved by self-service",
		Question:   "How much work does self-service save?",
		Definition: "The minutes that the template says one run saves, summed over its completed runs, by the time of completion.",
		HowToRead:  "Higher is better. It is as good as the stated minutes: have the teams, not the platform, state them.",
		Caveats: []string{
			"Failed and cancelled runs, dry runs and runs of templates that state no time are listed and not counted.",
			"It says nothing of the work that the template itself costs.",
		},
		Unit: UnitSeconds, Direction: Up, Dimensions: []Dimension{Team, Service, Capability, Template}, Aggregation: Sum,
		rows: `
SELECT ifNull(completed_at, created_at) AS at, if(team_id = '', '(none)', team_id) AS team, if(service_id = '', '(none)', toString(service_id)) AS service,
  if(capability_id = '', '(none)', toString(capability_id)) AS capability, ` + templateName("template") + ` AS template,
  CAST(60 * minutes_saved, 'Nullable(Float64)') AS value, 60 * minutes_saved AS numerator, 0 AS denominator, 0 AS censored,
  request_id AS subject, request_id AS title, url, 'stated by the template' AS rule, concat(toString(minutes_saved), ' minutes') AS evidence,
  multiIf(dry_run = 1, 'dry run', status != 'completed', toString(status), minutes_saved <= 0, 'no stated time', '') AS excluded
FROM resolved_requests FINAL WHERE channel = 'self_service'`,
	}
}

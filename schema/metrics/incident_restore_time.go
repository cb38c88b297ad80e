package metrics

// incidentRestoreTime: DEFINITIONS, "DORA", the time to restore of all
// incidents; never merged with the recovery time of failed releases.
func incidentRestoreTime() Metric {
	return Metric{
		ID: "incident_restore_time", Version: 1, Title: "Incident restore time",
		Question: "How long do incidents last, whatever caused them?",
		Definition: "From the start of an incident until it was resolved. Median, 90th percentile and mean over all incidents, by the " +
			"time they started. An incident of several services is one incident.",
		HowToRead: "Lower is better. The mean is far above the median when a few incidents last very long; then read those incidents.",
		Caveats: []string{
			"Open incidents are counted beside the median, not in it.",
			"Values of the last 7 days are provisional: incidents are opened and corrected late.",
		},
		Unit: UnitSeconds, Direction: Down, Dimensions: []Dimension{Team, Service, Severity}, Aggregation: Median,
		lateDays: failureLateDays, distinct: "subject",
		rows: `
SELECT i.started_at AS at, if(i.team_id = '', '(none)', i.team_id) AS team, if(i.service_id = '', '(none)', i.service_id) AS service,
  if(i.severity = '', '(none)', i.severity) AS severity,
  if(excluded = '', dateDiff('millisecond', i.started_at, i.resolved_at) / 1000, NULL) AS value,
  0 AS numerator, 0 AS denominator, excluded = '' AND i.resolved_at IS NULL AS censored,
  i.incident_id AS subject, i.title AS title, i.url AS url, i.rule AS rule,
  if(i.release_id = '', '', concat('release ', i.release_id)) AS evidence,
  multiIf(i.excluded != '', i.excluded, ifNull(i.resolved_at < i.started_at, 0), 'negative', '') AS excluded
FROM incidents AS i FINAL`,
	}
}

package metrics

import "fmt"

// changeDuration is a column of deployed changes and the SQL of why a change without it
// has none.
type changeDuration struct{ column, missing string }

// changeDurations are the durations of changes by the metrics that measure them.
func changeDurations() map[string]changeDuration {
	const (
		noReview = "if(c.first_review_at IS NULL, 'no review by another', 'negative')"
		noMerge  = "if(c.merged_at IS NULL, 'merge time unknown', 'negative')"
	)
	return map[string]changeDuration{
		"lead_time":           {"lead_seconds", "if(c.excluded = '', 'unknown_start', c.excluded)"},
		"lead_time_coding":    {"coding_seconds", "multiIf(c.opened_at IS NULL, 'no request', c.first_commit_at IS NULL, 'unknown_start', 'negative')"},
		"lead_time_pickup":    {"pickup_seconds", noReview},
		"lead_time_review":    {"review_seconds", noReview},
		"lead_time_deploy":    {"deploy_seconds", noMerge},
		"merge_to_production": {"merge_to_production_seconds", noMerge},
	}
}

// why is the SQL of why a change does not count, "" when it does.
func (d changeDuration) why() string {
	return fmt.Sprintf("if(c.%s IS NULL, %s, '')", d.column, d.missing)
}

// changeColumns are the time of a deployed change and changeDimensions.
const changeColumns = `c.deployed_at AS at, if(c.team_id = '', '(none)', c.team_id) AS team, c.service_id AS service,
  c.repo AS repo, c.kind AS kind`

// changeRows are deployed changes, with the duration of a metric as the value.
func changeRows(metric string) string {
	d := changeDurations()[metric]
	return fmt.Sprintf(`
SELECT %[3]s, c.%[1]s AS value, 0 AS numerator, 0 AS denominator, 0 AS censored,
  c.change_id AS subject, c.title AS title, c.url AS url, c.rule AS rule,
  concat('release ', c.release_id, if(c.evidence = '', '', ': '), c.evidence) AS evidence,
  %[2]s AS excluded
FROM changes_deployed AS c FINAL`, d.column, d.why(), changeColumns)
}

func changeDimensions() []Dimension { return []Dimension{Team, Service, Repo, Kind} }

func doraLinks() []Link {
	return []Link{{"DORA's software delivery performance metrics", "https://dora.dev/guides/dora-metrics-four-keys/"}}
}

// leadTime: DEFINITIONS, "DORA".
func leadTime() Metric {
	return Metric{
		ID: "lead_time", Version: 1, Title: "Lead time for changes", DORA: true,
		Question: "How long does it take from the first commit of a change until it runs in production?",
		Definition: "Finish of the first successful production release that contains the change, less the author time of " +
			"the change's first commit. A change is a merged pull or merge request, or a commit of the deployed branch " +
			"that belongs to none. Median and 90th percentile over changes, by the time of the release.",
		HowToRead: "Lower is better. Read the median with the 90th percentile: a wide gap means that some changes get stuck. " +
			"The stages coding, pickup, review and deploy say where.",
		Caveats: []string{
			"The first release seen of a service claims no changes, because its history is unknown.",
			"Changes that are not deployed yet do not count until they are.",
			"Stages do not add up to the lead time: each is a median of its own, over the changes that have the stage.",
		},
		Unit: UnitSeconds, Direction: Down, Dimensions: changeDimensions(), Aggregation: Median, Links: doraLinks(),
		rows: changeRows("lead_time"),
	}
}

package metrics

// infrastructurePathShare is the proxy of infrastructure_time that needs no
// survey: DEFINITIONS, "Platform metrics".
func infrastructurePathShare() Metric {
	return Metric{
		ID: "infrastructure_path_share", Version: 1, Title: "Changes that touch infrastructure",
		Question: "How much of what teams change is infrastructure?",
		Definition: "Deployed changes whose resulting commit touches a file of an infrastructure path, divided by the deployed changes whose resulting commit's " +
			"files are known, by the time of the release. The resulting commit is the one that the merge made on the deployed branch. The patterns of paths are configured " +
			"(metrics.infrastructure_paths); by default directories of Terraform, Helm and Kubernetes, pipelines and Dockerfiles.",
		HowToRead: "A proxy of the time spent on infrastructure that needs no survey, beside what developers say themselves and never instead of it. A change of one line counts like one of a thousand.",
		Caveats: []string{
			"Changes whose files are not known are listed and not counted: a git repository that is read without paths, a merge commit whose sender does not list them.",
			"Of a request merged by rebase only the last commit is looked at.",
			"Other patterns change the past too.",
		},
		Unit: UnitRatio, Direction: Neutral, Dimensions: changeDimensions(), Aggregation: Ratio,
		rows: `
SELECT ` + changeColumns + `, CAST(NULL, 'Nullable(Float64)') AS value, c.infrastructure_path != '' AS numerator, 1 AS denominator, 0 AS censored,
  c.change_id AS subject, c.title AS title, c.url AS url,
  multiIf(c.files_known = 0, '', c.infrastructure_path != '', 'infrastructure path', 'other paths') AS rule,
  c.infrastructure_path AS evidence, if(c.files_known = 1, '', 'files not known') AS excluded
FROM changes_deployed AS c FINAL`,
	}
}

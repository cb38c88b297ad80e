package metrics

import (
	"fmt"
	"regexp"
	"strings"
)

// InfrastructurePathsSetting is the key of the setting that holds the expression
// of infrastructure paths; without it the default holds.
const InfrastructurePathsSetting = "infrastructure_paths"

// DefaultInfrastructurePaths are patterns (RE2) of the whole paths of files that
// describe infrastructure, deployment or pipelines.
func DefaultInfrastructurePaths() []string {
	return []string{
		`(.*/)?(terraform|helm|charts|k8s|kubernetes)/.*`,
		`.*\.(tf|tfvars)`,
		`\.github/workflows/.*`,
		`(.*/)?\.gitlab-ci\.yml`,
		`(.*/)?(Dockerfile|Jenkinsfile)(\..*)?`,
	}
}

// InfrastructurePaths joins patterns of whole paths to one expression. The error
// names the first that is none.
func InfrastructurePaths(patterns []string) (string, error) {
	for i, p := range patterns {
		if _, err := regexp.Compile(p); err != nil || p == "" {
			return "", fmt.Errorf("infrastructure_paths[%d]: %q is no pattern; use RE2 syntax, such as terraform/.*", i, p)
		}
	}
	return "^(?:" + strings.Join(patterns, "|") + ")$", nil
}

// infrastructurePathShare is the proxy of infrastructure_time that needs no
// survey: DEFINITIONS, "Platform metrics".
func infrastructurePathShare() Metric {
	byDefault := "^(?:" + strings.Join(DefaultInfrastructurePaths(), "|") + ")$"
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
		rows: fmt.Sprintf(`
SELECT c.at AS at, c.team AS team, c.service AS service, c.repo AS repo, c.kind AS kind, CAST(NULL, 'Nullable(Float64)') AS value,
  touched != '' AS numerator, 1 AS denominator, 0 AS censored, c.subject AS subject, c.title AS title, c.url AS url,
  multiIf(excluded != '', '', touched != '', 'infrastructure path', 'other paths') AS rule,
  k.touched AS touched, touched AS evidence, if(k.known, '', 'files not known') AS excluded
FROM (%[3]s) AS c
LEFT JOIN (
  SELECT repo, sha, paths_known = 1 AND (notEmpty(paths) OR length(parents) < 2) AS known,
    arrayFirst(p -> match(p, (SELECT if(max(value) = '', '%[1]s', max(value)) FROM settings FINAL WHERE key = '%[2]s')), paths) AS touched
  FROM commits FINAL WHERE sha IN (SELECT sha FROM (%[3]s))
) AS k ON k.repo = c.repo AND k.sha = c.sha`, strings.ReplaceAll(byDefault, `\`, `\\`), InfrastructurePathsSetting, resultingCommits),
	}
}

// resultingCommits are the changes deployed in a window with the commit that each
// made on the deployed branch: that of a change without a request is its id.
const resultingCommits = `
  SELECT d.deployed_at AS at, if(d.team_id = '', '(none)', d.team_id) AS team, d.service_id AS service, toString(d.repo) AS repo, d.kind AS kind,
    d.change_id AS subject, d.title AS title, d.url AS url, if(r.merge_sha = '', splitByChar('@', d.change_id)[-1], r.merge_sha) AS sha
  FROM (SELECT * FROM changes_deployed FINAL WHERE deployed_at >= {{from}} AND deployed_at < {{to}}) AS d
  LEFT JOIN (SELECT change_id, merge_sha FROM changes FINAL WHERE state = 'merged') AS r ON r.change_id = d.change_id`

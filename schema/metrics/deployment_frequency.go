package metrics

// releaseRows are finished production releases; every one is there, so that
// those that do not count can be shown with their reason.
func releaseRows(columns, excluded string) string {
	return `
SELECT r.finished_at AS at, if(r.team_id = '', '(none)', r.team_id) AS team, r.service_id AS service, if(r.repo = '', '(none)', r.repo) AS repo,
  ` + releaseEnvironments + `,
  ` + columns + `,
  0 AS censored, r.release_id AS subject, concat(r.service_id, ' ', r.deployed_version) AS title,
  ` + excluded + ` AS excluded
FROM releases AS r FINAL`
}

// releaseEnvironments are the columns of the dimension Environment.
const releaseEnvironments = "if(empty(r.environments), ['(none)'], r.environments) AS environments, " + placeEnvironment + " AS environment"

func releaseDimensions() []Dimension { return []Dimension{Team, Service, Repo, Environment} }

// everyEnvironment is the caveat of metrics of releases.
const everyEnvironment = "Split by environment a release counts in each of its environments; without the split it counts once."

// Why releases do not count.
const (
	notSuccessful     = "if(r.succeeded = 0, 'not successful', '')"
	neverInProduction = "if(r.succeeded = 0 AND r.failed = 0, 'never reached production', '')"
	noRecovery        = "multiIf(r.excluded != '', r.excluded, ifNull(r.recovered_at < r.finished_at, 0), 'negative', '')"
)

// successRows are the successful production releases.
func successRows() string {
	return releaseRows("CAST(NULL, 'Nullable(Float64)') AS value, 1 AS numerator, 0 AS denominator, r.url AS url, "+
		"if(r.baseline = 1, 'baseline', '') AS rule, arrayStringConcat(r.deployments, ', ') AS evidence",
		notSuccessful)
}

// deploymentFrequency: DEFINITIONS, "DORA".
func deploymentFrequency() Metric {
	return Metric{
		ID: "deployment_frequency", Version: 1, Title: "Deployment frequency", DORA: true,
		Question: "How often do we put changes into production?",
		Definition: "Successful production releases per calendar day of the reporting time zone. Deployments of one version " +
			"of a service into several production environments within the fan-out window are one release. Days without a release count.",
		HowToRead: "Higher is better as long as the change failure rate does not rise. It is a sum over services: compare a team with its own past, not with a team that owns more services.",
		Caveats: []string{
			everyEnvironment,
			"A window that begins or ends inside a day counts that day whole.",
			"A team or service appears with 0 once it has released before; one that never has does not appear.",
		},
		Unit: UnitPerDay, Direction: Up, Dimensions: releaseDimensions(), Aggregation: Rate, Links: doraLinks(),
		rows: successRows(),
	}
}

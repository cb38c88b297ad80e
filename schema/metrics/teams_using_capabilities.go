package metrics

import "fmt"

// teamsUsingCapabilities: DEFINITIONS, "Platform metrics".
func teamsUsingCapabilities() Metric {
	return Metric{
		ID: "teams_using_capabilities", Version: 1, Title: "Teams using platform capabilities",
		Question: "How many of our active teams use what the platform offers?",
		Definition: fmt.Sprintf("Active teams with at least one qualifying use of a capability in the %d days before the end of the bucket, "+
			"divided by active teams. A team is active when it owns a service and has merged a change in the %d days before. "+
			"Looking at a page is no use.", useDays, activeDays),
		HowToRead: "Higher is better where the capability is meant for every team. Without a split a team counts once it uses any capability.",
		Caveats: []string{
			"A use is counted for the team the sender names, else the team of the person who acted, else the owner of the service.",
			"Teams that use a capability without being active are listed and not counted.",
		},
		Unit: UnitRatio, Direction: Up, Dimensions: []Dimension{Team, Capability}, Aggregation: Ratio, distinct: "team",
		rows: fmt.Sprintf(`
SELECT subtractMilliseconds(as_of, 1) AS at, team, capability,
  CAST(NULL, 'Nullable(Float64)') AS value, recent AS numerator, 1 AS denominator, 0 AS censored,
  concat(team, ' ', capability) AS subject, capability AS title, '' AS url,
  if(recent, 'used', 'not used') AS rule,
  if(recent, concat('in use since ', toString(arrayFirst(s -> s.1 < as_of AND s.2 >= as_of, uses).1), ' UTC'), 'no use in %d days') AS evidence,
  if(active, '', 'not an active team') AS excluded
FROM (%s)
WHERE active OR recent`, useDays, usePairs()),
	}
}

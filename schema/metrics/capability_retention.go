package metrics

import "fmt"

// capabilityRetention is the retention and churn beside teams_using_capabilities.
func capabilityRetention() Metric {
	return Metric{
		ID: "capability_retention", Version: 1, Title: "Capability retention",
		Question: "Do teams that use a capability keep using it?",
		Definition: fmt.Sprintf("Teams that used a capability in the last %[1]d days before the end of the bucket, of those that used it in the "+
			"%[1]d days before that. What is missing to 100 %% is churn.", useDays),
		HowToRead: "Higher is better. Falling retention under rising adoption means that teams try the capability and leave.",
		Caveats:   []string{"Capabilities that are used seldom by nature, such as creating a service, have low retention without being bad."},
		Unit:      UnitRatio, Direction: Up, Dimensions: []Dimension{Team, Capability}, Aggregation: Ratio,
		rows: fmt.Sprintf(`
SELECT subtractMilliseconds(as_of, 1) AS at, team, capability,
  CAST(NULL, 'Nullable(Float64)') AS value, recent AS numerator, 1 AS denominator, 0 AS censored,
  concat(team, ' ', capability) AS subject, capability AS title, '' AS url,
  if(recent, 'kept', 'left') AS rule,
  concat('last span of use from ', toString(arrayLast(s -> s.1 < as_of, uses).1), ' UTC') AS evidence, '' AS excluded
FROM (%s)
WHERE earlier`, usePairs()),
	}
}

package metrics

import "fmt"

// capabilityChurn is what capability_retention lacks to 100 %.
func capabilityChurn() Metric {
	m := capabilityRetention()
	m.ID, m.Title, m.Direction = "capability_churn", "Capability churn", Down
	m.Question = "Do teams leave a capability that they have used?"
	m.Definition = fmt.Sprintf("Teams that did not use a capability in the last %[1]d days before the end of the bucket, of those that used it in the "+
		"%[1]d days before that. What is missing to 100 %% is retention.", useDays)
	m.HowToRead = "Lower is better. Ask the teams that left: their reasons are the best list of what to mend."
	m.Caveats = []string{"Capabilities that are used seldom by nature, such as creating a service, have high churn without being bad."}
	m.rows = fmt.Sprintf("SELECT * REPLACE (1 - numerator AS numerator) FROM (%s)", m.rows)
	return m
}

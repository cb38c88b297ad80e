package metrics

// complianceViolationRate: DEFINITIONS, "Platform metrics".
func complianceViolationRate() Metric {
	return Metric{
		ID: "compliance_violation_rate", Version: 1, Title: "Compliance violations",
		Question: "How much of what we run breaks our own rules?",
		Definition: "Results of policies that fail, divided by those that pass or fail. Of each check, a policy's rule on one resource, the last result " +
			"in the bucket counts, when it is at most 7 days older than the bucket's end.",
		HowToRead: "Lower is better. A new policy makes the share jump without anything having become worse: look at it by policy.",
		Caveats: []string{
			"Skipped checks and warnings are listed and not counted; errors are a metric of their own, and so are requests that admission denied.",
			"A check that was not evaluated for 7 days is gone: its resource may be.",
		},
		Unit: UnitRatio, Direction: Down, Dimensions: policyDimensions(), Aggregation: Ratio,
		rows: policyRows("outcome = 'fail'", "multiIf(outcome = 'skip', 'skipped', outcome = 'error', 'error', outcome IN ('pass', 'fail'), '', 'warning')"),
	}
}

// policyErrorRate stands beside compliance_violation_rate.
func policyErrorRate() Metric {
	return Metric{
		ID: "policy_error_rate", Version: 1, Title: "Policy checks in error",
		Question: "How many of our checks do not work?",
		Definition: "Results of policies that are errors, divided by those that pass, fail or are errors. Of each check, a policy's rule on one resource, " +
			"the last result in the bucket counts, when it is at most 7 days older than the bucket's end.",
		HowToRead: "Lower is better. A check in error neither passes nor fails: what it would say is missing from the violations.",
		Caveats:   []string{"Skipped checks and warnings are listed and not counted."},
		Unit:      UnitRatio, Direction: Down, Dimensions: policyDimensions(), Aggregation: Ratio,
		rows: policyRows("outcome = 'error'", "multiIf(outcome = 'skip', 'skipped', outcome IN ('pass', 'fail', 'error'), '', 'warning')"),
	}
}

// admissionDenials stand apart from compliance_violation_rate: what was denied
// never came to run.
func admissionDenials() Metric {
	return Metric{
		ID: "admission_denials", Version: 1, Title: "Admission denials",
		Question:   "How often does the platform refuse what teams want to run?",
		Definition: "Requests that a policy refused at admission, per calendar day.",
		HowToRead:  "Neither up nor down is better: denials keep violations out, and cost teams time. Many of one policy call for better defaults.",
		Caveats:    []string{"A pipeline that tries again is denied again: one mistake can be many denials."},
		Unit:       UnitPerDay, Direction: Neutral, Dimensions: policyDimensions(), Aggregation: Rate,
		rows: `
SELECT at, if(team_id = '', '(none)', team_id) AS team, if(service_id = '', '(none)', service_id) AS service, toString(severity) AS severity,
  toString(policy) AS policy, toString(cluster) AS cluster,
  CAST(NULL, 'Nullable(Float64)') AS value, 1 AS numerator, 1 AS denominator, 0 AS censored, result_id AS subject, resource AS title, url,
  concat(policy, if(rule = '', '', concat('/', rule))) AS rule, message AS evidence, '' AS excluded
FROM resolved_policy_results FINAL WHERE outcome = 'denied'`,
	}
}

package dashboards

// overview answers a leader's first question in one page.
func overview() (*board, error) {
	m, err := need(teamAndService, "lead_time", "deployment_frequency", "change_failure_rate", "failed_deployment_recovery_time", "deployment_rework_rate",
		"teams_using_capabilities", "self_service_ratio", "workloads_on_platform", "platform_nps")
	if err != nil {
		return nil, err
	}
	b := newBoard(UIDOverview, "Overview", "Is software delivery getting better, and why?",
		"Read the five numbers together: speed bought with failures is not progress. Compare a team with its own past, not with other teams.",
		teamVariable(), serviceVariable(), benchmarkVariable())
	b.row("Delivery over the whole time range")
	place(b, 5, 4, total(m["lead_time"], UIDLeadTime))
	place(b, 5, 4, total(m["deployment_frequency"], UIDDelivery))
	place(b, 5, 4, total(m["change_failure_rate"], UIDStability))
	place(b, 5, 4, total(m["failed_deployment_recovery_time"], UIDStability).Title("Recovery time"))
	place(b, 4, 4, total(m["deployment_rework_rate"], UIDStability).Title("Rework rate"))
	b.row("Trends")
	for _, t := range []struct {
		id, drill string
		failures  bool
	}{
		{"lead_time", UIDLeadTime, false},
		{"deployment_frequency", UIDDelivery, false},
		{"change_failure_rate", UIDStability, true},
		{"failed_deployment_recovery_time", UIDStability, true},
	} {
		p, err := benchmarkTrend(m[t.id], t.drill)
		if err != nil {
			return nil, err
		}
		if id := place(b, 12, 8, p); t.failures {
			b.failurePanel(id)
		}
	}
	b.row("How alike are the services?")
	place(b, 8, 7, spread(m["lead_time"]))
	place(b, 8, 7, spread(m["deployment_frequency"]))
	place(b, 8, 7, spread(m["change_failure_rate"]))
	b.row("The platform")
	place(b, 6, 4, total(m["teams_using_capabilities"], UIDAdoption))
	place(b, 6, 4, total(m["workloads_on_platform"], UIDAdoption))
	place(b, 6, 4, total(m["self_service_ratio"], UIDSelfService))
	place(b, 6, 4, linked(latestWave(m["platform_nps"]), UIDExperience))
	return b, nil
}

// failurePanel shows incidents on a panel and marks its last days as provisional.
func (b *board) failurePanel(id uint32) {
	b.failures = append(b.failures, id)
	b.incidents = append(b.incidents, id)
}

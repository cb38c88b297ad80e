package reference

import "github.com/headway-metrics/headway/collectors"

// planned are the sources that are wanted and not there yet. A row is left out of
// the page as soon as the registry has an entry of its name.
type plannedSource struct {
	name, title string
	group       collectors.Group
}

func planned() []plannedSource {
	return []plannedSource{
		{"gitlab", "GitLab", collectors.GroupCode},
		{"argocd", "Argo CD", collectors.GroupDelivery},
		{"circleci", "CircleCI", collectors.GroupDelivery},
		{"jenkins", "Jenkins", collectors.GroupDelivery},
		{"alertmanager", "Alertmanager", collectors.GroupIncidents},
		{"grafana", "Grafana Alerting", collectors.GroupIncidents},
		{"incidentio", "incident.io", collectors.GroupIncidents},
		{"opsgenie", "Opsgenie", collectors.GroupIncidents},
		{"statuspage", "Statuspage", collectors.GroupIncidents},
		{"linear", "Linear", collectors.GroupTickets},
		{"servicenow", "ServiceNow", collectors.GroupTickets},
		{"zendesk", "Zendesk", collectors.GroupTickets},
		{"port", "Port", collectors.GroupPortal},
		{"atlantis", "Atlantis", collectors.GroupInfrastructure},
		{"crossplane", "Crossplane", collectors.GroupInfrastructure},
		{"pulumi", "Pulumi Cloud", collectors.GroupInfrastructure},
		{"terraform", "HCP Terraform", collectors.GroupInfrastructure},
		{"cloudrun", "Cloud Run", collectors.GroupWorkloads},
		{"ecs", "ECS and Fargate", collectors.GroupWorkloads},
		{"kubernetes", "Kubernetes", collectors.GroupWorkloads},
		{"gatekeeper", "Gatekeeper", collectors.GroupSecurity},
		{"kyverno", "Kyverno", collectors.GroupSecurity},
		{"sarif", "SARIF", collectors.GroupSecurity},
		{"snyk", "Snyk", collectors.GroupSecurity},
		{"trivy", "Trivy", collectors.GroupSecurity},
		{"opencost", "OpenCost", collectors.GroupCost},
		{"copilot", "GitHub Copilot", collectors.GroupAssistants},
		{"csv", "CSV import", collectors.GroupAnything},
	}
}

// Package all is the registry: every source that Headway knows, one line each.
package all

import (
	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/alertmanager"
	"github.com/headway-metrics/headway/collectors/argocd"
	"github.com/headway-metrics/headway/collectors/atlantis"
	"github.com/headway-metrics/headway/collectors/backstage"
	"github.com/headway-metrics/headway/collectors/circleci"
	"github.com/headway-metrics/headway/collectors/cloudrun"
	"github.com/headway-metrics/headway/collectors/copilot"
	"github.com/headway-metrics/headway/collectors/crossplane"
	"github.com/headway-metrics/headway/collectors/csv"
	"github.com/headway-metrics/headway/collectors/ecs"
	"github.com/headway-metrics/headway/collectors/generic/api"
	"github.com/headway-metrics/headway/collectors/generic/events"
	"github.com/headway-metrics/headway/collectors/git"
	"github.com/headway-metrics/headway/collectors/github"
	"github.com/headway-metrics/headway/collectors/gitlab"
	"github.com/headway-metrics/headway/collectors/gitops"
	"github.com/headway-metrics/headway/collectors/grafana"
	"github.com/headway-metrics/headway/collectors/incidentio"
	"github.com/headway-metrics/headway/collectors/jenkins"
	"github.com/headway-metrics/headway/collectors/jira"
	"github.com/headway-metrics/headway/collectors/kubernetes"
	"github.com/headway-metrics/headway/collectors/linear"
	"github.com/headway-metrics/headway/collectors/opencost"
	"github.com/headway-metrics/headway/collectors/opsgenie"
	"github.com/headway-metrics/headway/collectors/pagerduty"
	"github.com/headway-metrics/headway/collectors/policyreport"
	"github.com/headway-metrics/headway/collectors/port"
	"github.com/headway-metrics/headway/collectors/pulumi"
	"github.com/headway-metrics/headway/collectors/sarif"
	"github.com/headway-metrics/headway/collectors/servicenow"
	"github.com/headway-metrics/headway/collectors/snyk"
	"github.com/headway-metrics/headway/collectors/statuspage"
	"github.com/headway-metrics/headway/collectors/terraform"
	"github.com/headway-metrics/headway/collectors/trivy"
	"github.com/headway-metrics/headway/collectors/zendesk"
)

// Entries are the sources in the order of their names.
func Entries() []collectors.Entry {
	return []collectors.Entry{
		alertmanager.Entry(),
		api.Entry(),
		argocd.Entry(),
		atlantis.Entry(),
		backstage.Entry(),
		circleci.Entry(),
		cloudrun.Entry(),
		copilot.Entry(),
		crossplane.Entry(),
		csv.Entry(),
		ecs.Entry(),
		events.Entry(),
		git.Entry(),
		github.Entry(),
		gitlab.Entry(),
		gitops.Entry(),
		grafana.Entry(),
		incidentio.Entry(),
		jenkins.Entry(),
		jira.Entry(),
		kubernetes.Entry(),
		linear.Entry(),
		opencost.Entry(),
		opsgenie.Entry(),
		pagerduty.Entry(),
		policyreport.Entry(),
		port.Entry(),
		pulumi.Entry(),
		sarif.Entry(),
		servicenow.Entry(),
		snyk.Entry(),
		statuspage.Entry(),
		terraform.Entry(),
		trivy.Entry(),
		zendesk.Entry(),
	}
}

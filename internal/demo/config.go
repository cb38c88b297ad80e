package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/headway-metrics/headway/internal/sample"
)

// config is the organisation's headway.yaml, as a user would write it.
func (d *Demo) config(repos sample.GitRepos) []byte {
	var b strings.Builder
	types := sample.IssueTypes()
	fmt.Fprintf(&b, `# The configuration of the sample organisation, written by 'headway demo'.
organisation: Acme (sample)
timezone: UTC
data_dir: %s
%s
http:
  api_token_file: secrets/api

sources:
  github:
    webhook_secret_file: secrets/github
  pagerduty:
    webhook_secrets: ['${file:secrets/pagerduty}']
  jira:
    url: https://acme.atlassian.net
    webhook_secrets: ['${file:secrets/jira}']
    fields: {team: %s, category: %s, theme: %s, capability: %s, service: %s}
    rules:
      - {issue_types: [%s], type: support}
      - {issue_types: [%s], type: feature}
      - {issue_types: [%s], type: bug}
      - {issue_types: [%s], type: request}
  backstage:
    url: http://%s
    token_file: secrets/backstage
    webhook_tokens: ['${file:secrets/backstage}']
    interval: 30s
    history: %dh
    plugins:
%s  git:
    repositories:
      - {name: platform-cli, url: %s, tags: 'v*'}
  gitops:
    rules:
      - url: %s
        files: apps/{environment}/{service}.yaml
        key: image.tag
        service_repo: github.com/acme/{service}

catalog:
  capabilities:
`, d.dir, d.ports(), sample.FieldTeam, sample.FieldCategory, sample.FieldTheme, sample.FieldCapability, sample.FieldService,
		types["support"], types["feature"], types["bug"], types["request"], d.backstage.Addr, d.hoursSinceStart(), plugins(d.History), repos.CLI, repos.Config)
	for _, c := range d.History.Capabilities {
		fmt.Fprintf(&b, "    - {id: %s, name: %s", c.ID, c.Name)
		if !c.ReleasedAt.IsZero() {
			fmt.Fprintf(&b, ", released_at: %s", c.ReleasedAt.Format(time.DateOnly))
		}
		b.WriteString("}\n")
	}
	// Backstage only knows today's owners; a reorganisation is told by hand.
	b.WriteString("  services:\n")
	for _, s := range d.History.Services {
		if len(s.Owners) < 2 {
			continue
		}
		fmt.Fprintf(&b, "    - id: %s\n      repo: https://github.com/%s\n      aliases: ['pagerduty:%s']\n      owners:\n        - {team: %s, since: 2020-01-01}\n",
			s.ID, s.Repo.Name, s.PagerDutyID, s.Owners[0].Team)
		for _, o := range s.Owners[1:] {
			fmt.Fprintf(&b, "        - {team: %s, since: %s}\n", o.Team, o.From.Format(time.DateOnly))
		}
	}
	// Nor does it know since when somebody is there. The bot stands for the others.
	b.WriteString("  people:\n    - {id: deploy-bot, team: platform, bot: true}\n")
	for _, p := range d.History.Newcomers {
		fmt.Fprintf(&b, "    - {id: %[1]s, team: %[2]s, since: %[3]s, identities: ['github:%[1]s', 'backstage:user:default/%[1]s']}\n",
			p.Login, p.Team, p.Joined.Format(time.DateOnly))
	}
	return []byte(b.String())
}

// ports is the part of the configuration that frees the embedded servers' ports.
func (d *Demo) ports() string {
	if !d.opts.FreePorts {
		return ""
	}
	return "embedded: {kafka_port: 0, clickhouse_port: 0, clickhouse_http_port: 0}\n"
}

// hoursSinceStart reaches back to before the organisation's first day.
func (d *Demo) hoursSinceStart() int {
	return int(time.Since(d.History.Start).Hours()) + 48
}

func plugins(h *sample.History) string {
	var b strings.Builder
	for _, c := range h.Capabilities {
		fmt.Fprintf(&b, "      - {id: %[1]s, capability: %[1]s, qualifying: [deploy, create]}\n", c.ID)
	}
	return b.String()
}

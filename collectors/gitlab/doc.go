// Package gitlab is the source of GitLab.com, GitLab Dedicated and self-managed
// GitLab: webhooks of projects, groups and the whole system, and the REST API for
// what happened before the webhook existed or was lost.
//
// An event holds one webhook payload, or objects of the REST API verbatim in an
// envelope (type "gitlab.rest.…"). Nothing but this package may use go-gitlab, and
// it only asks: its types drop fields, so objects are kept as they come.
//
// The traps, each with a test of its name:
//   - times come in three forms: RFC 3339, "… UTC" and "… +0200"
//     (TestThreeFormsOfTime);
//   - a push lists at most 20 commits, the newest; the REST API has the others
//     (TestPushOfMoreThan20Commits);
//   - a push does not say that it was forced, so what it says of parents is believed of
//     the default branch only (TestPushMayBeForced);
//   - a deployment's webhook has no full SHA: it is at the end of commit_url
//     (TestDeploymentHookWithoutFullSHA);
//   - a job that may fail leaves its pipeline green: the job tells of its deployment,
//     never the pipeline (TestGreenPipelineFailedDeployment);
//   - a deployment is told by its own webhook, its job, its pipeline and the REST API,
//     and is one: it has the id of its job (TestOneDeploymentToldSeveralTimes);
//   - an incident is a work_item of type Incident, an issue is an issue
//     (TestIncidentIsAWorkItem);
//   - no webhook but that of the merge says when a request was merged
//     (TestOnlyTheMergeSaysWhen);
//   - a squash or a fast-forward leaves no merge commit (TestSHAOfAMerge);
//   - a request from a fork may have a branch of any name, also "main"
//     (TestForkWithABranchOfTheSameName);
//   - only an owner is told whom an identity provider verified: what is out of sight is not
//     gone, and a null is (TestSSOOutOfSightIsNotGone);
//   - who signs in by an identity provider may have no role yet, and is somebody
//     nevertheless (TestSSOOfMinimalAccess);
//   - several people may show one name; nobody is known by it (TestSameNameLinksNobody);
//   - e-mail addresses may be "[REDACTED]"; none of a commit or a user is read (TestRedactedEmail).
package gitlab

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/label"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "gitlab"

// Config is sources.gitlab.
type Config struct {
	SigningTokens  []secret.String `yaml:"signing_tokens" json:"signing_tokens,omitempty" jsonschema:"description=Signing tokens (whsec_…) of the webhooks at /hooks/gitlab; several while one is being replaced"`
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Secret tokens (X-Gitlab-Token) of webhooks that have no signing token; several while one is being replaced"`

	Groups       []string      `yaml:"groups" json:"groups,omitempty" jsonschema:"description=Groups whose projects are read through the API with those of their subgroups; archived ones and forks are left out"`
	Projects     []string      `yaml:"projects" json:"projects,omitempty" jsonschema:"description=Projects (group/name) read through the API"`
	Token        secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=Access token with the scope read_api; use token_file or ${env:NAME}"`
	URL          string        `yaml:"url" json:"url,omitempty" jsonschema:"description=Address of GitLab,default=https://gitlab.com"`
	Interval     time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=5m"`
	BackfillDays int           `yaml:"backfill_days" json:"backfill_days,omitempty" jsonschema:"description=How many days back the first poll reads,default=180"`

	Labels label.Labels `yaml:"labels" json:"labels,omitzero" jsonschema:"description=What the labels of issues mean"`
}

// DefaultConfig is what an empty part of the configuration means.
func DefaultConfig() Config {
	return Config{
		URL: "https://gitlab.com", Interval: 5 * time.Minute, BackfillDays: 180,
		Labels: label.Labels{
			Incident: []string{"(?:type::)?(?:incident|outage)"},
			Request:  []string{"(?:type::)?(?:platform-)?request"},
			Support:  []string{"(?:type::)?(?:support|question)"},
			Feature:  []string{"(?:type::)?(?:feature|feature[ -]request|enhancement)"},
			Bug:      []string{"(?:type::)?bug"},
		},
	}
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name: Name, Title: "GitLab", Group: collectors.GroupCode,
		Facts:     []string{"builds", "changes", "commits", "deployments", "findings", "identities", "incident_updates", "memberships", "ownerships", "people", "repo_names", "requests", "reviews", "tags", "teams", "tickets"},
		Signature: "signing token (Standard Webhooks: `webhook-signature`, base64 HMAC-SHA256 of id, time and body), or secret token `X-Gitlab-Token`",
		Polls:     "merge requests with their first commits and approvals, deployments, pipelines, issues, incidents with their history, commits, tags, groups with members, CODEOWNERS, identities of SAML single sign-on",
		Config:    func() any { c := DefaultConfig(); return &c },
		New:       collectors.Made(Name, func(c Config, deps collectors.Deps) (*Source, error) { return New(c, deps, time.Now) }),
	}
}

// Source receives webhooks, polls the REST API, and reads the events of both.
type Source struct {
	signed signature.StandardWebhooks
	plain  signature.Plain
	labels label.Rules
	poller *poller
	// roots are the groups that are read, and url is where GitLab is.
	roots []string
	url   string
}

// New makes the source; now is the clock of the backfill's beginning.
func New(cfg Config, deps collectors.Deps, now func() time.Time) (*Source, error) {
	s := &Source{
		roots: cfg.Groups, url: strings.TrimSuffix(cfg.URL, "/"),
		signed: signature.StandardWebhooks{Secrets: cfg.SigningTokens},
		plain:  signature.Plain{Header: "X-Gitlab-Token", Secrets: cfg.WebhookSecrets},
	}
	for key, secrets := range map[string][]secret.String{"signing_tokens": cfg.SigningTokens, "webhook_secrets": cfg.WebhookSecrets} {
		for i, v := range secrets {
			if v == "" {
				return nil, fmt.Errorf("sources.gitlab.%s[%d] is empty: take it out or give the secret", key, i)
			}
		}
	}
	var err error
	if s.labels, err = cfg.Labels.Compile("sources.gitlab.labels"); err != nil {
		return nil, err
	}
	if len(cfg.Groups)+len(cfg.Projects) == 0 {
		return s, nil
	}
	s.poller, err = newPoller(cfg, deps, now, s.labels)
	return s, err
}

// Name implements collectors.Source.
func (*Source) Name() string { return Name }

// Verify implements collectors.Webhook. A delivery that is signed must be signed
// well, whatever else it carries; one that is not needs the secret token.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	if len(s.signed.Secrets) > 0 && (header.Get("webhook-signature") != "" || len(s.plain.Secrets) == 0) {
		return s.signed.Verify(header, body, now)
	}
	return s.plain.Verify(header, body, now)
}

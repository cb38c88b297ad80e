// Package github is the source of GitHub and GitHub Enterprise Server: webhooks,
// and the REST API for what happened before the webhook existed or was lost.
//
// An event holds one webhook payload, or objects of the REST API verbatim in an
// envelope of the same shape (type "github.rest.…"), so that one parser reads
// both. Nothing but this package may use go-github. In a backfill GraphQL tells the
// commits and reviews of many pull requests at once; they are written in REST's words.
//
// The traps, each with a test of its name:
//   - pull requests cannot be asked for by their change: they are listed by it, newest
//     first, down to what is known (TestOnlyWhatChangedIsRead);
//   - a request that was closed without being merged has a merge_commit_sha all the
//     same, of a merge that was only tried (TestClosedIsNotMerged);
//   - a deployment that another one replaced gets the status inactive, which ends
//     nothing (TestInactiveEndsNothing);
//   - go-github's types drop fields: objects are kept as they come
//     (TestWhatTheClientDropsIsKept);
//   - GitHub never repeats a delivery by itself: it is asked to
//     (TestSweepAsksForWhatFailed);
//   - requests are limited by the hour and besides when they are many at once, and
//     retry-after must be kept (TestTrouble, TestBackfillLeavesBudget);
//   - answers of 304 cost nothing: what is known is asked for by its ETag
//     (TestNothingNewIsFree);
//   - an alert of a leaked secret may hold the secret
//     (TestTheSecretOfAnAlertIsNotKept).
package github

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/label"
	"github.com/headway-metrics/headway/collectors/pick"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "github"

// Config is sources.github.
type Config struct {
	WebhookSecret         secret.String `yaml:"webhook_secret" json:"webhook_secret,omitempty" jsonschema:"description=Secret of the webhook at /hooks/github; use webhook_secret_file or ${env:NAME}"`
	PreviousWebhookSecret secret.String `yaml:"previous_webhook_secret" json:"previous_webhook_secret,omitempty" jsonschema:"description=Secret still accepted while the webhook changes to the new one"`

	Organisations []string      `yaml:"organisations" json:"organisations,omitempty" jsonschema:"description=Organisations whose repositories are read through the API; archived ones and forks are left out"`
	Repositories  []string      `yaml:"repositories" json:"repositories,omitempty" jsonschema:"description=Repositories (owner/name) read through the API"`
	Token         secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=Token for the API; use token_file or ${env:NAME}"`
	App           App           `yaml:"app" json:"app,omitzero" jsonschema:"description=GitHub App for the API instead of a token"`
	APIURL        string        `yaml:"api_url" json:"api_url,omitempty" jsonschema:"description=Root of the REST API; https://HOST/api/v3/ for GitHub Enterprise Server,default=https://api.github.com/"`
	Interval      time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=5m"`
	Redeliver     bool          `yaml:"redeliver" json:"redeliver,omitempty" jsonschema:"description=Ask GitHub again for webhook deliveries of the last three days that nobody could receive,default=true"`
	BackfillDays  int           `yaml:"backfill_days" json:"backfill_days,omitempty" jsonschema:"description=How many days back the first poll reads,default=180"`

	OwnNothing []string `yaml:"own_nothing" json:"own_nothing,omitempty" jsonschema:"description=Slugs of teams that own nothing although they administer repositories: administrators; auditors"`

	Deployments []WorkflowDeployment `yaml:"deployments" json:"deployments,omitempty" jsonschema:"description=Workflows whose runs are deployments although they create none in GitHub"`
	Labels      label.Labels         `yaml:"labels" json:"labels,omitzero" jsonschema:"description=What the labels of issues mean"`
}

// App is a GitHub App that is installed in the organisation.
type App struct {
	ID             int64         `yaml:"id" json:"id,omitempty" jsonschema:"description=Number of the App"`
	InstallationID int64         `yaml:"installation_id" json:"installation_id,omitempty" jsonschema:"description=Number of its installation in the organisation"`
	PrivateKey     secret.String `yaml:"private_key" json:"private_key,omitempty" jsonschema:"description=PEM key of the App; use private_key_file"`
}

// WorkflowDeployment says that the runs of a workflow deploy.
type WorkflowDeployment struct {
	Workflow    string `yaml:"workflow" json:"workflow" jsonschema:"required,description=Regular expression for the workflow's name or path"`
	Environment string `yaml:"environment" json:"environment" jsonschema:"required,description=Environment that its runs deploy to"`
	Branch      string `yaml:"branch" json:"branch,omitempty" jsonschema:"description=Regular expression for the branch; empty is every branch"`
}

// DefaultConfig is what an empty part of the configuration means.
func DefaultConfig() Config {
	return Config{
		APIURL: "https://api.github.com/", Interval: 5 * time.Minute, BackfillDays: 180, Redeliver: true,
		Labels: label.Labels{
			Incident: []string{"incident", "outage"},
			Request:  []string{"request", "platform-request"},
			Support:  []string{"support", "question"},
			Feature:  []string{"feature", "feature[ -]request", "enhancement"},
			Bug:      []string{"bug"},
		},
	}
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name: Name, Title: "GitHub", Group: collectors.GroupCode,
		Facts:     []string{"builds", "changes", "commits", "deployments", "findings", "identities", "incident_updates", "memberships", "ownerships", "people", "repo_names", "requests", "reviews", "scans", "tags", "teams", "tickets"},
		Signature: "`X-Hub-Signature-256`, hex HMAC-SHA256 of the body",
		Polls:     "pull requests with their commits and reviews, deployments with their statuses, workflow runs, issues, commits, teams with members and repositories, CODEOWNERS, identities of SAML single sign-on",
		Config:    func() any { c := DefaultConfig(); return &c },
		New:       collectors.Made(Name, func(c Config, deps collectors.Deps) (*Source, error) { return New(c, deps, time.Now) }),
	}
}

// Source receives webhooks, polls the REST API, and reads the events of both.
type Source struct {
	hook        signature.Hex
	interval    time.Duration
	deployments []workflowRule
	labels      label.Rules
	// qualified: teams are named with their organisation.
	qualified  bool
	ownNothing []string
	// read and keyed are what of a payload makes facts and what its partition.
	read   pick.Shape
	keyed  pick.Place
	poller *poller
}

type workflowRule struct {
	workflow, branch *regexp.Regexp
	environment      string
}

// New makes the source; now is the clock of the backfill's beginning.
func New(cfg Config, deps collectors.Deps, now func() time.Time) (*Source, error) {
	s := &Source{hook: signature.Hex{
		Header: "X-Hub-Signature-256", Prefix: "sha256=",
		Secrets: []secret.String{cfg.WebhookSecret, cfg.PreviousWebhookSecret},
	}, read: pick.Of[payload](), keyed: pick.Paths("repository.html_url")}
	s.qualified, s.ownNothing = len(cfg.Organisations) > 1, cfg.OwnNothing
	for i, d := range cfg.Deployments {
		key := fmt.Sprintf("sources.github.deployments[%d]", i)
		if d.Workflow == "" || d.Environment == "" {
			return nil, fmt.Errorf("%s: needs workflow and environment", key)
		}
		rule := workflowRule{environment: d.Environment}
		var err error
		if rule.workflow, err = regexp.Compile(d.Workflow); err != nil {
			return nil, fmt.Errorf("%s.workflow: %w; correct the regular expression", key, err)
		}
		if rule.branch, err = regexp.Compile(d.Branch); err != nil {
			return nil, fmt.Errorf("%s.branch: %w; correct the regular expression", key, err)
		}
		s.deployments = append(s.deployments, rule)
	}
	var err error
	if s.labels, err = cfg.Labels.Compile("sources.github.labels"); err != nil {
		return nil, err
	}
	if len(cfg.Organisations)+len(cfg.Repositories) == 0 {
		return s, nil
	}
	s.interval = cfg.Interval
	s.poller, err = newPoller(cfg, deps, now)
	return s, err
}

// ownsNothing says that the team of this slug administers repositories that are others'.
func (s *Source) ownsNothing(slug string) bool { return ownsNothing(s.ownNothing, slug) }

func (p *poller) ownsNothing(slug string) bool { return ownsNothing(p.ownNothing, slug) }

func ownsNothing(list []string, slug string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, slug) })
}

// Name implements collectors.Source.
func (*Source) Name() string { return Name }

// Verify implements collectors.Webhook.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.hook.Verify(header, body, now)
}

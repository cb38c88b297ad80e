package circleci

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/pattern"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "circleci"

const (
	defaultURL      = "https://circleci.com"
	defaultInterval = 2 * time.Minute
	defaultHistory  = 90 * 24 * time.Hour
)

// Config is the part of the configuration under sources.circleci.
type Config struct {
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Secret tokens of the outbound webhooks; several while one is being replaced"`
	// Token of the API; empty asks nothing.
	Token    secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=Personal API token; without it only webhooks are taken"`
	URL      string        `yaml:"url" json:"url,omitempty" jsonschema:"description=Address of CircleCI; that of your server when you run one,default=https://circleci.com"`
	Projects []string      `yaml:"projects" json:"projects,omitempty" jsonschema:"description=Slugs of the projects to ask for: gh/acme/shop or circleci/ORG/PROJECT"`
	Interval time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=2m"`
	History  time.Duration `yaml:"history" json:"history,omitempty" jsonschema:"type=string,description=How far back the first poll reads,default=2160h"`
	// Deployments are the workflows and jobs that deploy; the first that matches counts.
	Deployments []Rule `yaml:"deployments" json:"deployments,omitempty" jsonschema:"description=Workflows and jobs that deploy; the first rule that matches counts"`
}

// Rule says that a workflow, or one job of it, deploys. Its templates may use the
// parts of both patterns and {project}, {branch} and {tag}.
type Rule struct {
	Workflow       string `yaml:"workflow" json:"workflow,omitempty" jsonschema:"description=Pattern of the workflow's name; empty is every workflow"`
	Job            string `yaml:"job" json:"job,omitempty" jsonschema:"description=Pattern of the job's name; empty when the workflow as a whole deploys"`
	Project        string `yaml:"project" json:"project,omitempty" jsonschema:"description=Pattern of the project's slug; empty is every project"`
	Branch         string `yaml:"branch" json:"branch,omitempty" jsonschema:"description=Pattern of the branch; empty is every branch and tag"`
	pattern.Target `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "CircleCI",
		Group: collectors.GroupDelivery,
		Facts: []string{"builds", "deployments"},

		Signature: "`circleci-signature`, hex HMAC-SHA256 of the body",
		Polls:     "pipelines of the configured projects, their workflows, and the jobs of those that rules name",

		Config: func() any { return &Config{URL: defaultURL, Interval: defaultInterval, History: defaultHistory} },
		New:    collectors.Made(Name, New),
	}
}

var slug = regexp.MustCompile(`^(gh|github|bb|bitbucket|circleci)/[^/?#\s]+/[^/?#\s]+$`)

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.WebhookSecrets) == 0 && c.Token == "" {
		bad("webhook_secrets and token are both missing: set one of them, or both")
	}
	errs = append(errs, signature.EmptySecrets(c.WebhookSecrets, "secret")...)
	if err := rest.CheckBase(c.URL); err != nil {
		bad("url %w", err)
	}
	if (c.Token == "") != (len(c.Projects) == 0) {
		bad("token and projects belong together: set both, or neither for webhooks only")
	}
	for i, p := range c.Projects {
		if !slug.MatchString(p) {
			bad("projects[%d] is %q: write the slug that the project settings show, such as gh/acme/shop", i, p)
		}
	}
	if c.Interval < 10*time.Second {
		bad("interval is %s: give at least 10s, such as 2m", c.Interval)
	}
	if c.History < 0 {
		bad("history is %s: give 0s or more, such as 2160h", c.History)
	}
	if _, err := compile(c.Deployments); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// rule is a Rule made ready.
type rule struct {
	workflow, job, project, branch pattern.Pattern
	ofJob                          bool
	pattern.Target
}

func compile(rules []Rule) ([]rule, error) {
	var out []rule
	var errs []error
	for i, r := range rules {
		made := rule{Target: r.Target, ofJob: r.Job != ""}
		for _, part := range []struct {
			key, text string
			to        *pattern.Pattern
		}{{"workflow", r.Workflow, &made.workflow}, {"job", r.Job, &made.job}, {"project", r.Project, &made.project}, {"branch", r.Branch, &made.branch}} {
			p, err := pattern.Compile(cmp.Or(part.text, "**"))
			if err != nil {
				errs = append(errs, fmt.Errorf("deployments[%d].%s %w", i, part.key, err))
			}
			*part.to = p
		}
		if r.Workflow == "" && r.Job == "" {
			errs = append(errs, fmt.Errorf("deployments[%d] has neither workflow nor job: name what deploys", i))
		}
		if err := r.Check(r.Workflow+r.Job+r.Project+r.Branch, []string{"project", "branch", "tag"}); err != nil {
			errs = append(errs, fmt.Errorf("deployments[%d]: %w", i, err))
		}
		out = append(out, made)
	}
	return out, errors.Join(errs...)
}

// Source takes and asks for CircleCI's workflows.
type Source struct {
	cfg    Config
	scheme signature.Hex
	client rest.Client
	rules  []rule
	log    *slog.Logger
	now    func() time.Time
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	rules, err := compile(cfg.Deployments)
	if err != nil {
		return nil, err
	}
	return &Source{
		cfg: cfg, rules: rules, now: time.Now,
		scheme: signature.Hex{Header: "Circleci-Signature", Prefix: "v1=", Secrets: cfg.WebhookSecrets},
		client: rest.Client{HTTP: deps.HTTP, Base: cfg.URL, Authorize: func(r *http.Request) {
			r.Header.Set("Circle-Token", cfg.Token.Reveal())
		}},
		log: cmp.Or(deps.Logger, slog.New(slog.DiscardHandler)),
	}, nil
}

// Name is "circleci".
func (*Source) Name() string { return Name }

package jenkins

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/pattern"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "jenkins"

const (
	defaultInterval = time.Minute
	defaultHistory  = 90 * 24 * time.Hour
)

// Config is the part of the configuration under sources.jenkins.
type Config struct {
	// WebhookSecrets are sent by the Notification plugin.
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Passwords in the URL of the Notification plugin (or bearer tokens); several while one is being replaced"`
	// URL of Jenkins; empty asks nothing.
	URL string `yaml:"url" json:"url,omitempty" jsonschema:"description=Address of Jenkins\\, with its prefix when it has one; without it only webhooks are taken"`
	// User and Token are those of a user with Overall/Read and Job/Read.
	User  string        `yaml:"user" json:"user,omitempty" jsonschema:"description=User with Overall/Read and Job/Read"`
	Token secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=API token of the user"`
	// Interval between two polls.
	Interval time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=1m"`
	// History is how far back the first poll reads.
	History time.Duration `yaml:"history" json:"history,omitempty" jsonschema:"type=string,description=How far back the first poll reads,default=2160h"`
	// Jobs are patterns of full names; empty reads every job.
	Jobs []string `yaml:"jobs" json:"jobs,omitempty" jsonschema:"description=Patterns of the jobs to read by full name: shop/**; empty reads all"`
	// Libraries are repositories of shared libraries, whose commits are not what a
	// build builds.
	Libraries []string `yaml:"libraries" json:"libraries,omitempty" jsonschema:"description=Repositories of shared libraries: github.com/acme/pipeline-library"`
	// Deployments are the jobs that deploy; the first that matches counts.
	Deployments []Rule `yaml:"deployments" json:"deployments,omitempty" jsonschema:"description=Jobs that deploy; the first rule that matches counts\\, every other job builds"`
}

// Rule says that the builds of a job deploy. Its templates may use the parts of the
// pattern and the build's parameters: {ENVIRONMENT}.
type Rule struct {
	Job            string `yaml:"job" json:"job" jsonschema:"required,description=Pattern of the job's full name: deploy/{service}/{environment}"`
	pattern.Target `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "Jenkins",
		Group: collectors.GroupDelivery,
		Facts: []string{"builds", "deployments"},

		Signature: "`Authorization`, a shared secret as basic authentication's password or as bearer token",
		Polls:     "the jobs' last builds, and the new builds of those that have some",

		Config: func() any { return &Config{Interval: defaultInterval, History: defaultHistory} },
		New:    collectors.Made(Name, New),
	}
}

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.WebhookSecrets) == 0 && c.URL == "" {
		bad("webhook_secrets and url are both missing: set one of them, or both")
	}
	errs = append(errs, signature.EmptySecrets(c.WebhookSecrets, "secret")...)
	if c.URL != "" {
		if err := rest.CheckBase(c.URL); err != nil {
			bad("url %w", err)
		}
	}
	if (c.User == "") != (c.Token == "") || c.Token != "" && c.URL == "" {
		bad("url, user and token belong together: set all of them, or only url for a Jenkins that everybody may read")
	}
	if c.Interval < 10*time.Second {
		bad("interval is %s: give at least 10s, such as 1m", c.Interval)
	}
	if c.History < 0 {
		bad("history is %s: give 0s or more, such as 2160h", c.History)
	}
	if _, err := pattern.All(c.Jobs); err != nil {
		bad("jobs%w", err)
	}
	for i, r := range c.Deployments {
		if _, err := pattern.Compile(r.Job); err != nil {
			bad("deployments[%d].job %w: write for example deploy/{service}/{environment}", i, err)
		} else if err := r.Check(r.Job, nil); err != nil {
			bad("deployments[%d]: %w", i, err)
		}
	}
	return errors.Join(errs...)
}

// rule is a Rule made ready.
type rule struct {
	job pattern.Pattern
	pattern.Target
}

// Source takes and asks for Jenkins' builds.
type Source struct {
	cfg    Config
	scheme signature.Shared
	client rest.Client
	jobs   []pattern.Pattern
	rules  []rule
	log    *slog.Logger
	now    func() time.Time
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Source{
		cfg: cfg, scheme: signature.Shared{Secrets: cfg.WebhookSecrets}, now: time.Now,
		client: rest.Client{HTTP: deps.HTTP, Base: cfg.URL, Authorize: func(r *http.Request) {
			if cfg.User != "" {
				r.SetBasicAuth(cfg.User, cfg.Token.Reveal())
			}
		}},
		log: cmp.Or(deps.Logger, slog.New(slog.DiscardHandler)),
	}
	var err error
	if s.jobs, err = pattern.All(cfg.Jobs); err != nil {
		return nil, fmt.Errorf("jobs%w", err)
	}
	for i, r := range cfg.Deployments {
		p, err := pattern.Compile(r.Job)
		if err != nil {
			return nil, fmt.Errorf("deployments[%d].job %w", i, err)
		}
		s.rules = append(s.rules, rule{p, r.Target})
	}
	return s, nil
}

// Name is "jenkins".
func (*Source) Name() string { return Name }

// reads reports whether a job is one to read.
func (s *Source) reads(job string) bool { return len(s.jobs) == 0 || pattern.Any(s.jobs, job) }

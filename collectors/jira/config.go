package jira

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/collectors/ticket"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "jira"

// Kinds of Jira.
const (
	Cloud      = "cloud"
	DataCenter = "datacenter"
)

const (
	defaultInterval = 5 * time.Minute
	defaultHistory  = 180 * 24 * time.Hour
)

// Config is the part of the configuration under sources.jira.
type Config struct {
	// Kind is Cloud or DataCenter.
	Kind string `yaml:"kind" json:"kind,omitempty" jsonschema:"description=Which Jira it is,enum=cloud,enum=datacenter,default=cloud"`
	// URL of Jira, for its REST API and for links.
	URL string `yaml:"url" json:"url,omitempty" jsonschema:"description=Address of Jira: https://acme.atlassian.net"`
	// Email belongs to the token of a Cloud user; Data Center needs none.
	Email string `yaml:"email" json:"email,omitempty" jsonschema:"description=E-mail address that belongs to the Cloud token"`
	// Token is a Cloud API token or a Data Center personal access token; empty
	// asks nothing.
	Token secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=API token with read access; without it only webhooks are taken"`
	// WebhookSecrets sign the deliveries.
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Secrets of the webhooks"`
	// JQL narrows what is read; it holds no order.
	JQL string `yaml:"jql" json:"jql,omitempty" jsonschema:"description=Which issues to read: project in (PLAT\\, SUP)"`
	// Interval between two polls.
	Interval time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=5m"`
	// History is how far back the first poll reads.
	History time.Duration `yaml:"history" json:"history,omitempty" jsonschema:"type=string,description=How far back the first poll reads,default=4320h"`
	// Fields are the ids of the custom fields that hold what Jira has no field for.
	Fields ticket.Fields `yaml:"fields" json:"fields,omitzero" jsonschema:"description=Ids of custom fields such as customfield_10001"`
	// Rules type the issues; the first that matches counts.
	Rules []Rule `yaml:"rules" json:"rules,omitempty" jsonschema:"description=What types the issues; the first that matches counts"`
	// Cancelled are the resolutions of requests that were not served.
	Cancelled []string `yaml:"cancelled" json:"cancelled,omitempty" jsonschema:"description=Resolutions of requests that were not served"`
}

// Rule matches issues that have one of each list that is not empty; names are
// compared without case.
type Rule struct {
	Projects   []string `yaml:"projects" json:"projects,omitempty" jsonschema:"description=Keys of projects; an empty list matches all"`
	IssueTypes []string `yaml:"issue_types" json:"issue_types,omitempty" jsonschema:"description=Names of issue types"`
	Labels     []string `yaml:"labels" json:"labels,omitempty" jsonschema:"description=Labels"`
	Components []string `yaml:"components" json:"components,omitempty" jsonschema:"description=Names of components"`

	ticket.Kind `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:      Name,
		Title:     "Jira",
		Group:     collectors.GroupTickets,
		Facts:     []string{"incident_updates", "requests", "tickets"},
		Signature: "`X-Hub-Signature`, hex HMAC-SHA256 of the body",
		Polls:     "issues with their changelog, by JQL",
		Config: func() any {
			return &Config{
				Kind: Cloud, Interval: defaultInterval, History: defaultHistory,
				Cancelled: []string{"Won't Do", "Won't Fix", "Declined", "Duplicate", "Cannot Reproduce", "Cancelled", "Canceled"},
			}
		},
		New: collectors.Made(Name, New),
	}
}

var fieldID = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.WebhookSecrets) == 0 && c.Token == "" {
		bad("webhook_secrets and token are both missing: set one of them, or both")
	}
	errs = append(errs, signature.EmptySecrets(c.WebhookSecrets, "secret")...)
	if c.Kind != Cloud && c.Kind != DataCenter {
		bad("kind is %q: write cloud or datacenter", c.Kind)
	}
	if err := rest.CheckBase(c.URL); err != nil {
		bad("url %w", err)
	}
	if c.Kind == Cloud && c.Token != "" && c.Email == "" {
		bad("email is missing: a Cloud token needs the e-mail address of its user")
	}
	if strings.Contains(strings.ToLower(c.JQL), "order by") {
		bad("jql holds an order: take it out, issues are read by creation")
	}
	if c.Interval < 10*time.Second {
		bad("interval is %s: give at least 10s, such as 5m", c.Interval)
	}
	if c.History < 0 {
		bad("history is %s: give 0s or more, such as 4320h", c.History)
	}
	for _, f := range c.Fields.All() {
		if !fieldID.MatchString(f) {
			bad("fields holds %q: give the id of a field, such as customfield_10001", f)
		}
	}
	for i, r := range c.Rules {
		if err := r.Check(i); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Source takes and asks for Jira's issues.
type Source struct {
	cfg    Config
	scheme signature.Hex
	client rest.Client
	log    *slog.Logger
	now    func() time.Time
	// estimates says that a search is asked how many issues it finds.
	estimates bool
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	return &Source{
		cfg:    cfg,
		scheme: signature.Hex{Header: "X-Hub-Signature", Prefix: "sha256=", Secrets: cfg.WebhookSecrets},
		client: rest.Client{HTTP: deps.HTTP, Base: cfg.URL, Authorize: func(r *http.Request) {
			if cfg.Kind == Cloud {
				r.SetBasicAuth(cfg.Email, cfg.Token.Reveal())
				return
			}
			r.Header.Set("Authorization", "Bearer "+cfg.Token.Reveal())
		}},
		log: cmp.Or(deps.Logger, slog.New(slog.DiscardHandler)), now: time.Now,
	}, nil
}

// Name is "jira".
func (*Source) Name() string { return Name }

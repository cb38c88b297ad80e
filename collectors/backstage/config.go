package backstage

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "backstage"

const (
	defaultInterval = 5 * time.Minute
	defaultHistory  = 90 * 24 * time.Hour
)

// Config is the part of the configuration under sources.backstage.
type Config struct {
	// URL of Backstage's backend; empty takes only webhooks.
	URL string `yaml:"url" json:"url,omitempty" jsonschema:"description=Address of the Backstage backend; without it only webhooks are taken"`
	// Token is a static token of the backend (backend.auth.externalAccess).
	Token secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=Static token of backend.auth.externalAccess"`
	// WebhookTokens are accepted as bearer tokens of forwarded events.
	WebhookTokens []secret.String `yaml:"webhook_tokens" json:"webhook_tokens,omitempty" jsonschema:"description=Bearer tokens of forwarded events"`
	// Interval between two polls.
	Interval time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=5m"`
	// History is how far back the first poll reads tasks.
	History time.Duration `yaml:"history" json:"history,omitempty" jsonschema:"type=string,description=How far back the first poll reads tasks,default=2160h"`
	// TrustEmails links people by the e-mail of their profile.
	TrustEmails bool `yaml:"trust_emails" json:"trust_emails,omitempty" jsonschema:"description=The catalog's e-mail addresses come from the company's directory and are verified,default=false"`
	// Plugins say which capability a plugin of the portal is.
	Plugins []Plugin `yaml:"plugins" json:"plugins,omitempty" jsonschema:"description=Which capability a plugin of the portal is"`
}

// Plugin maps analytics events of a plugin to a capability.
type Plugin struct {
	ID         string `yaml:"id" json:"id" jsonschema:"description=Plugin as analytics events name it: kubernetes"`
	Capability string `yaml:"capability" json:"capability" jsonschema:"description=Capability that the plugin is"`
	// Qualifying are the actions that are a use, beside create; views never are.
	Qualifying []string `yaml:"qualifying" json:"qualifying,omitempty" jsonschema:"description=Actions that are a use of the capability such as click"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:      Name,
		Title:     "Backstage",
		Group:     collectors.GroupPortal,
		Facts:     []string{"capabilities", "capability_uses", "identities", "memberships", "ownerships", "people", "requests", "services", "teams"},
		Signature: "`Authorization: Bearer`, a shared token",
		Polls:     "the catalog's components, groups, users and templates; the scaffolder's tasks",
		Config:    func() any { return &Config{Interval: defaultInterval, History: defaultHistory} },
		New:       collectors.Made(Name, New),
	}
}

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.URL == "" && len(c.WebhookTokens) == 0 {
		bad("url and webhook_tokens are both missing: set one of them, or both")
	}
	if c.URL != "" {
		if err := rest.CheckBase(c.URL); err != nil {
			bad("url %w", err)
		}
		if c.Token == "" {
			bad("token is missing: a Backstage backend answers nobody without one")
		}
	}
	for i, t := range c.WebhookTokens {
		if t == "" {
			bad("webhook_tokens[%d] is empty: take it out or give the token", i)
		}
	}
	if c.Interval < 10*time.Second {
		bad("interval is %s: give at least 10s, such as 5m", c.Interval)
	}
	if c.History < 0 {
		bad("history is %s: give 0s or more, such as 2160h", c.History)
	}
	seen := map[string]bool{}
	for i, p := range c.Plugins {
		if p.ID == "" || p.Capability == "" {
			bad("plugins[%d] needs both id and capability", i)
		}
		if seen[p.ID] {
			bad("plugins[%d].id %q is listed twice", i, p.ID)
		}
		seen[p.ID] = true
		for _, a := range p.Qualifying {
			if a == "navigate" {
				bad("plugins[%d].qualifying holds navigate: looking at a page is no use", i)
			}
		}
	}
	return errors.Join(errs...)
}

// Source takes and asks for what Backstage knows.
type Source struct {
	cfg    Config
	scheme signature.Plain
	client rest.Client
	log    *slog.Logger
	now    func() time.Time
	// progress is nil but in a backfill.
	progress *progress
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{
		cfg:    cfg,
		scheme: signature.Plain{Header: "Authorization", Prefix: "Bearer ", Secrets: cfg.WebhookTokens},
		client: rest.Client{HTTP: deps.HTTP, Base: cfg.URL, Authorize: func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+cfg.Token.Reveal())
		}},
		log: cmp.Or(deps.Logger, slog.New(slog.DiscardHandler)), now: time.Now,
	}, nil
}

// Name is "backstage".
func (*Source) Name() string { return Name }

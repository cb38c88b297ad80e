package linear

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/collectors/ticket"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "linear"

const (
	defaultURL      = "https://api.linear.app"
	defaultInterval = 6 * time.Hour
	// minInterval keeps the sweep from becoming a poll.
	minInterval    = time.Hour
	defaultHistory = 180 * 24 * time.Hour
)

// Config is the part of the configuration under sources.linear.
type Config struct {
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Signing secrets of the webhooks; several while one is being replaced"`
	Token          secret.String   `yaml:"token" json:"token,omitempty" jsonschema:"description=API key (lin_api_…) or OAuth token with the scope read; without it nothing is known of what happened before"`
	URL            string          `yaml:"url" json:"url,omitempty" jsonschema:"description=Address of the API,default=https://api.linear.app"`
	Interval       time.Duration   `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two sweeps for what webhooks missed,default=6h"`
	History        time.Duration   `yaml:"history" json:"history,omitempty" jsonschema:"type=string,description=How far back the first sweep reads,default=4320h"`
	Teams          []string        `yaml:"teams" json:"teams,omitempty" jsonschema:"description=Keys of the teams to read\\, such as ENG; empty reads all"`
	// Rules type the issues; the first that matches counts.
	Rules []Rule `yaml:"rules" json:"rules,omitempty" jsonschema:"description=What types the issues; the first that matches counts"`
}

// Rule matches issues that have one of each list that is not empty; names are
// compared without case.
type Rule struct {
	Teams    []string `yaml:"teams" json:"teams,omitempty" jsonschema:"description=Keys of teams; an empty list matches all"`
	Labels   []string `yaml:"labels" json:"labels,omitempty" jsonschema:"description=Labels"`
	Projects []string `yaml:"projects" json:"projects,omitempty" jsonschema:"description=Names of projects"`

	ticket.Kind `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "Linear",
		Group: collectors.GroupTickets,
		Facts: []string{"incident_updates", "requests", "tickets"},

		Signature: "`linear-signature`, hex HMAC-SHA256 of the body, which holds the time",
		Polls:     "issues by time of change, a few times a day",

		Config: func() any {
			return &Config{URL: defaultURL, Interval: defaultInterval, History: defaultHistory}
		},
		New: collectors.Made(Name, New),
	}
}

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.WebhookSecrets) == 0 && c.Token == "" {
		bad("webhook_secrets and token are both missing: set one of them, or both")
	}
	if slices.Contains(c.WebhookSecrets, "") {
		bad("webhook_secrets holds an empty one: take it out or give the secret")
	}
	if err := rest.CheckBase(c.URL); err != nil {
		bad("url %w", err)
	}
	if c.Interval < minInterval {
		bad("interval is %s: give at least %s, Linear asks not to be polled; webhooks tell in seconds", c.Interval, minInterval)
	}
	if c.History < 0 {
		bad("history is %s: give 0s or more, such as 4320h", c.History)
	}
	for i, r := range c.Rules {
		if err := r.Check(i); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Source takes and asks for Linear's issues.
type Source struct {
	cfg    Config
	scheme signature.Hex
	client rest.Client
	now    func() time.Time
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{
		cfg: cfg, scheme: signature.Hex{Header: "Linear-Signature", Secrets: cfg.WebhookSecrets}, now: time.Now,
		client: rest.Client{HTTP: deps.HTTP, Base: cfg.URL, Authorize: func(r *http.Request) {
			token := cfg.Token.Reveal()
			if !strings.HasPrefix(token, "lin_api_") {
				token = "Bearer " + token
			}
			r.Header.Set("Authorization", token)
		}},
	}, nil
}

// Name is "linear".
func (*Source) Name() string { return Name }

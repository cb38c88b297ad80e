package pagerduty

import (
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
const Name = "pagerduty"

const (
	defaultInterval = 5 * time.Minute
	defaultHistory  = 180 * 24 * time.Hour
	defaultURL      = "https://api.pagerduty.com"
)

// Config is the part of the configuration under sources.pagerduty.
type Config struct {
	// WebhookSecrets sign the deliveries; several while one is being replaced.
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Signing secrets of the v3 webhook subscriptions"`
	// Token of the REST API; empty asks nothing.
	Token secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=REST API key with read access; without it only webhooks are taken"`
	// URL of the REST API.
	URL string `yaml:"url" json:"url,omitempty" jsonschema:"description=REST API; https://api.eu.pagerduty.com in Europe,default=https://api.pagerduty.com"`
	// Interval between two polls.
	Interval time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=5m"`
	// History is how far back the first poll reads.
	History time.Duration `yaml:"history" json:"history,omitempty" jsonschema:"type=string,description=How far back the first poll reads,default=4320h"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:      Name,
		Title:     "PagerDuty",
		Group:     collectors.GroupIncidents,
		Facts:     []string{"incident_updates"},
		Signature: "`X-PagerDuty-Signature`, hex HMAC-SHA256 of the body, any of several",
		Polls:     "incidents by time of creation, and those that were open",
		Config: func() any {
			return &Config{URL: defaultURL, Interval: defaultInterval, History: defaultHistory}
		},
		New: collectors.Made(Name, New),
	}
}

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	if len(c.WebhookSecrets) == 0 && c.Token == "" {
		errs = append(errs, errors.New("webhook_secrets and token are both missing: set one of them, or both"))
	}
	errs = append(errs, signature.EmptySecrets(c.WebhookSecrets, "secret")...)
	if err := rest.CheckBase(c.URL); err != nil {
		errs = append(errs, fmt.Errorf("url %w", err))
	}
	if c.Interval < 10*time.Second {
		errs = append(errs, fmt.Errorf("interval is %s: give at least 10s, such as 5m", c.Interval))
	}
	if c.History < 0 || c.History > 10*366*24*time.Hour {
		errs = append(errs, fmt.Errorf("history is %s: give between 0s and ten years, such as 4320h", c.History))
	}
	return errors.Join(errs...)
}

// Source takes and asks for PagerDuty's incidents.
type Source struct {
	cfg    Config
	scheme signature.Hex
	http   *http.Client
	log    *slog.Logger
	now    func() time.Time
	// maxOffset is the last offset that the list serves.
	maxOffset uint
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Source{
		cfg: cfg, http: deps.HTTP, log: deps.Logger, now: time.Now, maxOffset: defaultMaxOffset,
		scheme: signature.Hex{Header: "X-PagerDuty-Signature", Prefix: "v1=", Secrets: cfg.WebhookSecrets},
	}
	if s.http == nil {
		s.http = &http.Client{Timeout: time.Minute}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// Name is "pagerduty".
func (*Source) Name() string { return Name }

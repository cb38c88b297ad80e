package snyk

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "snyk"

const (
	defaultURL      = "https://api.snyk.io"
	defaultInterval = 15 * time.Minute
	apiVersion      = "2024-10-15"
)

// Config is the part of the configuration under sources.snyk.
type Config struct {
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Secrets of the webhooks; several while one is being replaced"`
	Token          secret.String   `yaml:"token" json:"token,omitempty" jsonschema:"description=API token of a service account; without it only webhooks are taken"`
	URL            string          `yaml:"url" json:"url,omitempty" jsonschema:"description=API of your region without /rest: https://api.eu.snyk.io,default=https://api.snyk.io"`
	Organizations  []string        `yaml:"organizations" json:"organizations,omitempty" jsonschema:"description=Ids of the organisations to ask for"`
	Interval       time.Duration   `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=15m"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "Snyk",
		Group: collectors.GroupSecurity,
		Facts: []string{"finding_starts", "findings", "scans"},

		Signature: "`X-Hub-Signature`, `sha256=` and hex HMAC-SHA256",
		Polls:     "issues of the configured organisations that changed, and the names of their projects",

		Config: func() any { return &Config{URL: defaultURL, Interval: defaultInterval} },
		New:    collectors.Made(Name, New),
	}
}

var validID = regexp.MustCompile(`^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.WebhookSecrets) == 0 && c.Token == "" {
		bad("webhook_secrets and token are both missing: set one of them, or both")
	}
	errs = append(errs, signature.EmptySecrets(c.WebhookSecrets, "secret")...)
	if (c.Token == "") != (len(c.Organizations) == 0) {
		bad("token and organizations belong together: set both, or neither to take webhooks only")
	}
	for i, o := range c.Organizations {
		if !validID.MatchString(o) {
			bad("organizations[%d] is %q: write the Organization ID of its settings", i, o)
		}
	}
	if err := rest.CheckBase(c.URL); err != nil {
		bad("url %w", err)
	}
	if c.Interval < 10*time.Second {
		bad("interval is %s: give at least 10s, such as 15m", c.Interval)
	}
	return errors.Join(errs...)
}

// Source takes and asks for Snyk's issues.
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
		cfg: cfg, now: time.Now,
		scheme: signature.Hex{Header: "X-Hub-Signature", Prefix: "sha256=", Secrets: cfg.WebhookSecrets},
		client: rest.Client{HTTP: deps.HTTP, Base: cfg.URL, Authorize: func(r *http.Request) {
			r.Header.Set("Authorization", "token "+cfg.Token.Reveal())
		}},
	}, nil
}

// Name is "snyk".
func (*Source) Name() string { return Name }

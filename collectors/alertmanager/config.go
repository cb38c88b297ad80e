package alertmanager

import (
	"errors"
	"net/http"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "alertmanager"

// Config is the part of the configuration under sources.alertmanager.
type Config struct {
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Bearer tokens (or basic passwords) of the receiver's http_config; several while one is being replaced"`
	Rules          `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:      Name,
		Title:     "Alertmanager",
		Group:     collectors.GroupIncidents,
		Facts:     []string{"incident_updates"},
		Signature: "`Authorization`, a shared secret as bearer token or as basic authentication's password",
		Config:    func() any { return &Config{Rules: DefaultRules()} },
		New:       collectors.Made(Name, func(c Config, _ collectors.Deps) (*Source, error) { return New(c) }),
	}
}

// Source takes Alertmanager's groups.
type Source struct {
	Alerts
	scheme signature.Shared
}

// New checks the configuration; its error names every key that is wrong.
func New(cfg Config) (*Source, error) {
	var errs []error
	if len(cfg.WebhookSecrets) == 0 {
		errs = append(errs, errors.New("webhook_secrets is missing: set the token of the receiver"))
	}
	errs = append(errs, signature.EmptySecrets(cfg.WebhookSecrets, "secret")...)
	alerts, err := NewAlerts(Name, cfg.Rules, nil)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return &Source{alerts, signature.Shared{Secrets: cfg.WebhookSecrets}}, nil
}

// Name is "alertmanager".
func (*Source) Name() string { return Name }

// Verify checks the shared secret.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

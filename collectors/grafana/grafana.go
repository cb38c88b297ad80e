package grafana

import (
	"errors"
	"net/http"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/alertmanager"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "grafana"

// signatureHeader is Grafana's default.
const signatureHeader = "X-Grafana-Alerting-Signature"

// Config is the part of the configuration under sources.grafana.
type Config struct {
	WebhookSecrets     []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=HMAC secrets of the contact point\\, or what it sends as credentials of the Authorization header; several while one is being replaced"`
	TimestampHeader    string          `yaml:"timestamp_header" json:"timestamp_header,omitempty" jsonschema:"description=The contact point's timestamp header when it has one; deliveries older than five minutes are then refused"`
	alertmanager.Rules `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:      Name,
		Title:     "Grafana Alerting",
		Group:     collectors.GroupIncidents,
		Facts:     []string{"incident_updates"},
		Signature: "`X-Grafana-Alerting-Signature`, hex HMAC-SHA256 of the body, or of timestamp and body; or a shared secret in `Authorization`",
		Config:    func() any { return &Config{Rules: alertmanager.DefaultRules()} },
		New:       collectors.Made(Name, func(c Config, _ collectors.Deps) (*Source, error) { return New(c) }),
	}
}

// Source takes Grafana's groups.
type Source struct {
	alertmanager.Alerts
	hmac   signature.Hex
	shared signature.Shared
}

// New checks the configuration; its error names every key that is wrong.
func New(cfg Config) (*Source, error) {
	var errs []error
	if len(cfg.WebhookSecrets) == 0 {
		errs = append(errs, errors.New("webhook_secrets is missing: set the HMAC secret of the contact point"))
	}
	errs = append(errs, signature.EmptySecrets(cfg.WebhookSecrets, "secret")...)
	alerts, err := alertmanager.NewAlerts(Name, cfg.Rules, aboutGrafana)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return &Source{
		Alerts: alerts,
		hmac:   signature.Hex{Header: signatureHeader, TimestampHeader: cfg.TimestampHeader, Separator: ":", Secrets: cfg.WebhookSecrets},
		shared: signature.Shared{Secrets: cfg.WebhookSecrets},
	}, nil
}

// aboutGrafana names the alerts that Grafana makes of its own.
func aboutGrafana(labels map[string]string) string {
	switch labels["alertname"] {
	case "DatasourceNoData", "DatasourceError":
		return "Grafana alert without data"
	case "TestAlert":
		return "Grafana test of a contact point"
	}
	return ""
}

// Name is "grafana".
func (*Source) Name() string { return Name }

// Verify checks the signature, or the token of a Grafana that does not sign. With a
// timestamp header every delivery has to be signed.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	if header.Get(signatureHeader) != "" || s.hmac.TimestampHeader != "" {
		return s.hmac.Verify(header, body, now)
	}
	return s.shared.Verify(header, body, now)
}

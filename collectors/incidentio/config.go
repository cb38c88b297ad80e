package incidentio

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "incidentio"

const (
	defaultURL      = "https://api.incident.io"
	defaultInterval = 5 * time.Minute
	defaultHistory  = 180 * 24 * time.Hour
)

// Config is the part of the configuration under sources.incidentio.
type Config struct {
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Signing secrets of the webhook endpoints (whsec_…); several while one is being replaced"`
	Token          secret.String   `yaml:"token" json:"token,omitempty" jsonschema:"description=API key that may view incidents; without it only webhooks are taken"`
	URL            string          `yaml:"url" json:"url,omitempty" jsonschema:"description=Address of the API,default=https://api.incident.io"`
	Interval       time.Duration   `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=5m"`
	History        time.Duration   `yaml:"history" json:"history,omitempty" jsonschema:"type=string,description=How far back the first poll reads,default=4320h"`
	ServiceField   string          `yaml:"service_field" json:"service_field,omitempty" jsonschema:"description=Name of the custom field that holds the services,default=Affected services"`
	// Started and Resolved are names of timestamps; the first that is set counts.
	Started  []string `yaml:"started" json:"started,omitempty" jsonschema:"description=Timestamps that say when the trouble began\\, the first that is set counts; default Impact started at\\, Reported at"`
	Resolved []string `yaml:"resolved" json:"resolved,omitempty" jsonschema:"description=Timestamps that say when it ended\\, the first that is set counts; default Resolved at\\, Closed at"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "incident.io",
		Group: collectors.GroupIncidents,
		Facts: []string{"incident_updates"},

		Signature: "`webhook-signature`, Standard Webhooks (Svix): base64 HMAC-SHA256 of id, timestamp and body",
		Polls:     "incidents by time of change",

		Config: func() any {
			return &Config{
				URL: defaultURL, Interval: defaultInterval, History: defaultHistory, ServiceField: "Affected services",
				Started: []string{"Impact started at", "Reported at"}, Resolved: []string{"Resolved at", "Closed at"},
			}
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
	for i, s := range c.WebhookSecrets {
		if b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.Reveal(), "whsec_")); err != nil || len(b) == 0 {
			bad("webhook_secrets[%d] is no signing secret: copy it from the endpoint, whsec_ and all", i)
		}
	}
	if err := rest.CheckBase(c.URL); err != nil {
		bad("url %w", err)
	}
	if c.Interval < 10*time.Second {
		bad("interval is %s: give at least 10s, such as 5m", c.Interval)
	}
	if c.History < 0 {
		bad("history is %s: give 0s or more, such as 4320h", c.History)
	}
	return errors.Join(errs...)
}

// Source takes and asks for incident.io's incidents.
type Source struct {
	cfg    Config
	scheme signature.StandardWebhooks
	client rest.Client
	log    *slog.Logger
	now    func() time.Time
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{
		cfg: cfg, scheme: signature.StandardWebhooks{Secrets: cfg.WebhookSecrets}, now: time.Now,
		client: rest.Client{HTTP: deps.HTTP, Base: cfg.URL, Authorize: func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+cfg.Token.Reveal())
		}},
		log: cmp.Or(deps.Logger, slog.New(slog.DiscardHandler)),
	}, nil
}

// Name is "incidentio".
func (*Source) Name() string { return Name }

package opsgenie

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "opsgenie"

// Kinds of thing that count as an incident.
const (
	Alerts    = "alerts"
	Incidents = "incidents"
)

const (
	defaultURL      = "https://api.opsgenie.com"
	defaultInterval = 5 * time.Minute
	defaultHistory  = 180 * 24 * time.Hour
)

// Config is the part of the configuration under sources.opsgenie.
type Config struct {
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Bearer tokens (or basic passwords) that the Webhook integration sends in a custom header Authorization"`
	Token          secret.String   `yaml:"token" json:"token,omitempty" jsonschema:"description=API key with read access; without it only webhooks are taken"`
	URL            string          `yaml:"url" json:"url,omitempty" jsonschema:"description=REST API; https://api.eu.opsgenie.com in Europe,default=https://api.opsgenie.com"`
	Interval       time.Duration   `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=5m"`
	History        time.Duration   `yaml:"history" json:"history,omitempty" jsonschema:"type=string,description=How far back the first poll reads,default=4320h"`
	// Kind is Alerts or Incidents.
	Kind       string   `yaml:"kind" json:"kind,omitempty" jsonschema:"description=What counts as an incident; incidents are told by the REST API only,enum=alerts,enum=incidents,default=alerts"`
	Priorities []string `yaml:"priorities" json:"priorities,omitempty" jsonschema:"description=Priorities that count; default P1 and P2"`
	ServiceTag string   `yaml:"service_tag" json:"service_tag,omitempty" jsonschema:"description=Beginning of the tag that names the service of an alert\\, which else is its entity,default=service:"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "Opsgenie",
		Group: collectors.GroupIncidents,
		Facts: []string{"incident_updates"},

		Signature: "`Authorization`, a shared secret as bearer token or as basic authentication's password",
		Polls:     "alerts or incidents by time of change",

		Config: func() any {
			return &Config{
				URL: defaultURL, Interval: defaultInterval, History: defaultHistory, Kind: Alerts,
				Priorities: []string{"P1", "P2"}, ServiceTag: "service:",
			}
		},
		New: collectors.Made(Name, New),
	}
}

var priority = regexp.MustCompile(`^P[1-5]$`)

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.WebhookSecrets) == 0 && c.Token == "" {
		bad("webhook_secrets and token are both missing: set one of them, or both")
	}
	errs = append(errs, signature.EmptySecrets(c.WebhookSecrets, "secret")...)
	if c.Kind != Alerts && c.Kind != Incidents {
		bad("kind is %q: write alerts or incidents", c.Kind)
	}
	if c.Kind == Incidents && c.Token == "" {
		bad("token is missing: incidents are told by the REST API only")
	}
	if err := rest.CheckBase(c.URL); err != nil {
		bad("url %w", err)
	}
	if len(c.Priorities) == 0 {
		bad("priorities is empty: name those that count, such as [P1, P2]")
	}
	for i, p := range c.Priorities {
		if !priority.MatchString(p) {
			bad("priorities[%d] is %q: write P1 to P5", i, p)
		}
	}
	if c.Interval < 10*time.Second {
		bad("interval is %s: give at least 10s, such as 5m", c.Interval)
	}
	if c.History < 0 {
		bad("history is %s: give 0s or more, such as 4320h", c.History)
	}
	return errors.Join(errs...)
}

// Source takes and asks for Opsgenie's alerts or incidents.
type Source struct {
	cfg    Config
	scheme signature.Shared
	client rest.Client
	log    *slog.Logger
	now    func() time.Time
	// maxOffset is the last offset that lists serve.
	maxOffset int
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{
		cfg: cfg, scheme: signature.Shared{Secrets: cfg.WebhookSecrets}, now: time.Now, maxOffset: defaultMaxOffset,
		client: rest.Client{HTTP: deps.HTTP, Base: cfg.URL, Authorize: func(r *http.Request) {
			r.Header.Set("Authorization", "GenieKey "+cfg.Token.Reveal())
		}},
		log: cmp.Or(deps.Logger, slog.New(slog.DiscardHandler)),
	}, nil
}

// Name is "opsgenie".
func (*Source) Name() string { return Name }

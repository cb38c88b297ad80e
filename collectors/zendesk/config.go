package zendesk

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/collectors/ticket"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "zendesk"

const (
	defaultInterval = time.Minute
	defaultHistory  = 180 * 24 * time.Hour
	// minInterval keeps to the export's own limit of ten requests a minute.
	minInterval = 30 * time.Second
)

// Config is the part of the configuration under sources.zendesk.
type Config struct {
	URL            string          `yaml:"url" json:"url,omitempty" jsonschema:"description=Address of Zendesk: https://acme.zendesk.com"`
	Email          string          `yaml:"email" json:"email,omitempty" jsonschema:"description=E-mail address of the administrator whose API token it is; without it the token is an OAuth token"`
	Token          secret.String   `yaml:"token" json:"token,omitempty" jsonschema:"description=API token or OAuth token with read access; without it only webhooks are taken"`
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Signing secrets of the webhooks; several while one is being replaced"`
	Interval       time.Duration   `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two exports,default=1m"`
	History        time.Duration   `yaml:"history" json:"history,omitempty" jsonschema:"type=string,description=How far back the first export reads,default=4320h"`
	// Fields are the numbers of custom fields.
	Fields ticket.Fields `yaml:"fields" json:"fields,omitzero" jsonschema:"description=Numbers of custom fields such as 27642"`
	// Rules type the tickets; the first that matches counts.
	Rules []Rule `yaml:"rules" json:"rules,omitempty" jsonschema:"description=What types the tickets; the first that matches counts"`
	// Cancelled are tags of requests that were not served.
	Cancelled []string `yaml:"cancelled" json:"cancelled,omitempty" jsonschema:"description=Tags of requests that were not served; default closed_by_merge"`
}

// Rule matches tickets that have one of each list that is not empty; names are
// compared without case.
type Rule struct {
	Types  []string `yaml:"types" json:"types,omitempty" jsonschema:"description=Zendesk's own types: question\\, incident\\, problem\\, task; an empty list matches all"`
	Tags   []string `yaml:"tags" json:"tags,omitempty" jsonschema:"description=Tags"`
	Groups []string `yaml:"groups" json:"groups,omitempty" jsonschema:"description=Ids of the groups that tickets are assigned to"`
	Forms  []string `yaml:"forms" json:"forms,omitempty" jsonschema:"description=Ids of ticket forms"`
	Brands []string `yaml:"brands" json:"brands,omitempty" jsonschema:"description=Ids of brands"`

	ticket.Kind `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "Zendesk",
		Group: collectors.GroupTickets,
		Facts: []string{"incident_updates", "requests", "tickets"},

		Signature: "`X-Zendesk-Webhook-Signature`, base64 HMAC-SHA256 of timestamp and body",
		Polls:     "tickets with their metrics, by the incremental export",

		Config: func() any {
			return &Config{Interval: defaultInterval, History: defaultHistory, Cancelled: []string{"closed_by_merge"}}
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
		bad("interval is %s: give at least %s, such as 1m", c.Interval, minInterval)
	}
	if c.History < 0 {
		bad("history is %s: give 0s or more, such as 4320h", c.History)
	}
	number := func(key, v string) {
		if _, err := strconv.ParseUint(v, 10, 64); err != nil {
			bad("%s holds %q: give the id, a number that the address of its page in the Admin Center ends with", key, v)
		}
	}
	for _, f := range c.Fields.All() {
		number("fields", f)
	}
	for i, r := range c.Rules {
		if err := r.Check(i); err != nil {
			errs = append(errs, err)
		}
		for _, id := range slices.Concat(r.Groups, r.Forms, r.Brands) {
			number(fmt.Sprintf("rules[%d]", i), id)
		}
	}
	return errors.Join(errs...)
}

// Source takes and asks for Zendesk's tickets.
type Source struct {
	cfg    Config
	scheme signature.Timestamped
	client rest.Client
	now    func() time.Time
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	return &Source{
		cfg: cfg, now: time.Now,
		scheme: signature.Timestamped{
			Header: "X-Zendesk-Webhook-Signature", TimestampHeader: "X-Zendesk-Webhook-Signature-Timestamp", Secrets: cfg.WebhookSecrets,
		},
		client: rest.Client{HTTP: deps.HTTP, Base: cfg.URL, Authorize: func(r *http.Request) {
			if cfg.Email != "" {
				r.SetBasicAuth(cfg.Email+"/token", cfg.Token.Reveal())
				return
			}
			r.Header.Set("Authorization", "Bearer "+cfg.Token.Reveal())
		}},
	}, nil
}

// Name is "zendesk".
func (*Source) Name() string { return Name }

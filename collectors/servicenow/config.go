package servicenow

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
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
const Name = "servicenow"

const (
	defaultInterval = 2 * time.Minute
	defaultHistory  = 180 * 24 * time.Hour
)

// Config is the part of the configuration under sources.servicenow.
type Config struct {
	URL            string          `yaml:"url" json:"url,omitempty" jsonschema:"description=Address of the instance: https://acme.service-now.com"`
	User           string          `yaml:"user" json:"user,omitempty" jsonschema:"description=User whose password the token is; without it the token is an OAuth token"`
	Token          secret.String   `yaml:"token" json:"token,omitempty" jsonschema:"description=Password of the user or OAuth token; without it only what business rules send is taken"`
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Secrets that business rules send as bearer token or as basic authentication's password"`
	Interval       time.Duration   `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=2m"`
	History        time.Duration   `yaml:"history" json:"history,omitempty" jsonschema:"type=string,description=How far back the first poll reads,default=4320h"`
	Tables         []string        `yaml:"tables" json:"tables,omitempty" jsonschema:"description=Tables to read\\, each a task; default incident and sc_req_item"`
	// Query narrows what is read; it holds no order and no second query.
	Query string `yaml:"query" json:"query,omitempty" jsonschema:"description=Encoded query that narrows what is read: assignment_group.name=Platform"`
	// Fields are names of columns.
	Fields ticket.Fields `yaml:"fields" json:"fields,omitzero" jsonschema:"description=Columns such as cat_item or u_team; by default the category is category and the service business_service"`
	// FirstResponse is a column with a time.
	FirstResponse string `yaml:"first_response" json:"first_response,omitempty" jsonschema:"description=Column with the time of the first response,default=work_start"`
	// Rules type the tickets; the first that matches counts.
	Rules []Rule `yaml:"rules" json:"rules,omitempty" jsonschema:"description=What types the tickets; the first that matches counts"`
	// Cancelled are states or close codes as the asking user reads them.
	Cancelled []string `yaml:"cancelled" json:"cancelled,omitempty" jsonschema:"description=States and close codes of requests that were not served and of incidents that were none"`
}

// Rule matches tickets that have one of each list that is not empty; values and what
// ServiceNow shows for them are compared without case.
type Rule struct {
	Tables     []string `yaml:"tables" json:"tables,omitempty" jsonschema:"description=Tables; an empty list matches all"`
	Groups     []string `yaml:"groups" json:"groups,omitempty" jsonschema:"description=Assignment groups"`
	Categories []string `yaml:"categories" json:"categories,omitempty" jsonschema:"description=Categories"`
	Priorities []string `yaml:"priorities" json:"priorities,omitempty" jsonschema:"description=Priorities: 1 or 1 - Critical"`
	Items      []string `yaml:"items" json:"items,omitempty" jsonschema:"description=Catalogue items"`

	ticket.Kind `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "ServiceNow",
		Group: collectors.GroupTickets,
		Facts: []string{"incident_updates", "requests", "tickets"},

		Signature: "`Authorization`, a shared secret as bearer token or as basic authentication's password",
		Polls:     "rows of task tables by time of change",

		Config: func() any {
			return &Config{
				Interval: defaultInterval, History: defaultHistory, Tables: []string{"incident", "sc_req_item"},
				Fields: ticket.Fields{Category: "category", Service: "business_service"}, FirstResponse: "work_start",
				Cancelled: []string{"Canceled", "Cancelled", "Closed Incomplete", "Closed Skipped"},
			}
		},
		New: collectors.Made(Name, New),
	}
}

var column = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

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
	if c.Interval < 10*time.Second {
		bad("interval is %s: give at least 10s, such as 2m", c.Interval)
	}
	if c.History < 0 {
		bad("history is %s: give 0s or more, such as 4320h", c.History)
	}
	if len(c.Tables) == 0 {
		bad("tables is empty: name those to read, such as [incident, sc_req_item]")
	}
	for i, t := range c.Tables {
		if !column.MatchString(t) {
			bad("tables[%d] is %q: give the name of a table, such as sc_task", i, t)
		}
	}
	for _, f := range append(c.Fields.All(), c.FirstResponse) {
		if f != "" && !column.MatchString(f) {
			bad("%q is no column: give the name that the dictionary shows, such as u_team", f)
		}
	}
	for _, part := range []string{"^NQ", "ORDERBY", "GROUPBY"} {
		if strings.Contains(c.Query, part) {
			bad("query holds %s: take it out, rows are read in the order of their changes", part)
		}
	}
	for i, r := range c.Rules {
		if err := r.Check(i); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Source takes and asks for ServiceNow's tasks.
type Source struct {
	cfg    Config
	scheme signature.Shared
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
		cfg: cfg, scheme: signature.Shared{Secrets: cfg.WebhookSecrets}, now: time.Now,
		client: rest.Client{HTTP: deps.HTTP, Base: cfg.URL, Authorize: func(r *http.Request) {
			if cfg.User != "" {
				r.SetBasicAuth(cfg.User, cfg.Token.Reveal())
				return
			}
			r.Header.Set("Authorization", "Bearer "+cfg.Token.Reveal())
		}},
	}, nil
}

// Name is "servicenow".
func (*Source) Name() string { return Name }

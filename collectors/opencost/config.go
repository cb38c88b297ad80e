package opencost

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
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "opencost"

const (
	defaultService  = "label:app.kubernetes.io/name"
	defaultTeam     = "label:team"
	defaultCurrency = "USD"
	defaultInterval = 6 * time.Hour
	defaultHistory  = 14 * day
	day             = 24 * time.Hour
)

// Config is the part of the configuration under sources.opencost.
type Config struct {
	Clusters []Cluster     `yaml:"clusters" json:"clusters" jsonschema:"required,description=The OpenCost of each cluster"`
	Service  string        `yaml:"service" json:"service,omitempty" jsonschema:"description=What names the service of a workload: label:NAME or namespace,default=label:app.kubernetes.io/name"`
	Team     string        `yaml:"team" json:"team,omitempty" jsonschema:"description=What names the team: label:NAME or namespace,default=label:team"`
	Currency string        `yaml:"currency" json:"currency,omitempty" jsonschema:"description=Currency of OpenCost's prices as in ISO 4217,default=USD"`
	Interval time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=6h"`
	History  time.Duration `yaml:"history" json:"history,omitempty" jsonschema:"type=string,description=How far back the first poll reads; Prometheus keeps 15 days unless told otherwise,default=336h"`
}

// Cluster is an OpenCost to ask.
type Cluster struct {
	Name  string        `yaml:"name" json:"name" jsonschema:"required,description=What the cluster is called"`
	URL   string        `yaml:"url" json:"url" jsonschema:"required,description=Address of OpenCost's API with its prefix when it has one: http://opencost.opencost:9003"`
	Token secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=Bearer token of a proxy in front; OpenCost itself asks for none"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "OpenCost",
		Group: collectors.GroupCost,
		Facts: []string{"costs"},
		Polls: "the allocations of each day that has ended, and of the last three days again",

		Config: func() any {
			return &Config{Service: defaultService, Team: defaultTeam, Currency: defaultCurrency, Interval: defaultInterval, History: defaultHistory}
		},
		New: collectors.Made(Name, New),
	}
}

var (
	validCluster  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	validCurrency = regexp.MustCompile(`^[A-Z]{3}$`)
	// validBy holds what OpenCost can aggregate by that cannot hold the slash of its names.
	validBy = regexp.MustCompile(`^(?:namespace|label:[A-Za-z0-9][A-Za-z0-9._/-]*)$`)
)

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.Clusters) == 0 {
		bad("clusters is missing: name at least one with its url")
	}
	names := map[string]bool{}
	for i, k := range c.Clusters {
		if !validCluster.MatchString(k.Name) {
			bad("clusters[%d].name is %q: use letters, digits, dot, dash and underscore", i, k.Name)
		}
		if names[k.Name] {
			bad("clusters[%d].name %q is there twice: give each OpenCost a name of its own", i, k.Name)
		}
		names[k.Name] = true
		if err := rest.CheckBase(k.URL); err != nil {
			bad("clusters[%d].url %w", i, err)
		}
	}
	for key, by := range map[string]string{"service": c.Service, "team": c.Team} {
		if !validBy.MatchString(by) {
			bad("%s is %q: write namespace or label:NAME", key, by)
		}
	}
	if !validCurrency.MatchString(c.Currency) {
		bad("currency is %q: write the three letters of ISO 4217, such as EUR", c.Currency)
	}
	if c.Interval < time.Minute {
		bad("interval is %s: give at least 1m, such as 6h", c.Interval)
	}
	if c.History < day {
		bad("history is %s: give at least 24h, such as 336h", c.History)
	}
	return errors.Join(errs...)
}

// Source asks OpenCost.
type Source struct {
	cfg     Config
	clients map[string]rest.Client
	log     *slog.Logger
	now     func() time.Time
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, clients: map[string]rest.Client{}, now: time.Now, log: cmp.Or(deps.Logger, slog.New(slog.DiscardHandler))}
	for _, k := range cfg.Clusters {
		s.clients[k.Name] = rest.Client{HTTP: deps.HTTP, Base: k.URL, Authorize: func(r *http.Request) {
			if k.Token != "" {
				r.Header.Set("Authorization", "Bearer "+k.Token.Reveal())
			}
		}}
	}
	return s, nil
}

// Name is "opencost".
func (*Source) Name() string { return Name }

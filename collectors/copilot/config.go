package copilot

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "copilot"

const (
	defaultURL        = "https://api.github.com"
	defaultCapability = "github-copilot"
	defaultInterval   = 6 * time.Hour
	defaultHistory    = 90 * day
	// kept is how long GitHub keeps reports.
	kept       = 365 * day
	day        = 24 * time.Hour
	apiVersion = "2026-03-10"
)

// Config is the part of the configuration under sources.copilot.
type Config struct {
	Token         secret.String `yaml:"token" json:"token" jsonschema:"required,description=Token that may read the organisations' Copilot metrics"`
	URL           string        `yaml:"url" json:"url,omitempty" jsonschema:"description=REST API; https://api.SUBDOMAIN.ghe.com with data residency,default=https://api.github.com"`
	Organizations []string      `yaml:"organizations" json:"organizations" jsonschema:"required,description=Organisations to ask for"`
	Capability    string        `yaml:"capability" json:"capability,omitempty" jsonschema:"description=Id of the capability in the catalogue,default=github-copilot"`
	Interval      time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=6h"`
	History       time.Duration `yaml:"history" json:"history,omitempty" jsonschema:"type=string,description=How far back the first poll reads; GitHub keeps a year,default=2160h"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "GitHub Copilot",
		Group: collectors.GroupAssistants,
		Facts: []string{"capability_uses"},
		Polls: "the usage reports of each day, of which only how many people of a team were active is kept",

		Config: func() any {
			return &Config{URL: defaultURL, Capability: defaultCapability, Interval: defaultInterval, History: defaultHistory}
		},
		New: collectors.Made(Name, New),
	}
}

var validLogin = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Token == "" {
		bad("token is missing: give token_file with a token that may read Copilot metrics")
	}
	if err := rest.CheckBase(c.URL); err != nil {
		bad("url %w", err)
	}
	if len(c.Organizations) == 0 {
		bad("organizations is missing: name at least one")
	}
	for i, o := range c.Organizations {
		if !validLogin.MatchString(o) {
			bad("organizations[%d] is %q: write its login, as in github.com/LOGIN", i, o)
		}
	}
	if c.Capability == "" {
		bad("capability is empty: give its id in the catalogue, such as %s", defaultCapability)
	}
	if c.Interval < time.Minute {
		bad("interval is %s: give at least 1m, such as 6h", c.Interval)
	}
	if c.History < day || c.History > kept {
		bad("history is %s: give 24h to 8760h, since GitHub keeps reports for a year", c.History)
	}
	return errors.Join(errs...)
}

// Source asks for Copilot's reports.
type Source struct {
	cfg    Config
	client rest.Client
	now    func() time.Time
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	httpClient := deps.HTTP
	if httpClient == nil {
		httpClient = &http.Client{Timeout: time.Minute}
	}
	return &Source{cfg: cfg, now: time.Now, client: rest.Client{HTTP: httpClient, Base: cfg.URL, Authorize: func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+cfg.Token.Reveal())
		r.Header.Set("X-GitHub-Api-Version", apiVersion)
	}}}, nil
}

// Name is "copilot".
func (*Source) Name() string { return Name }

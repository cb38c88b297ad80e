package statuspage

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
const Name = "statuspage"

const (
	defaultURL      = "https://api.statuspage.io"
	defaultInterval = 5 * time.Minute
	defaultHistory  = 365 * 24 * time.Hour
)

// Config is the part of the configuration under sources.statuspage.
type Config struct {
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Bearer tokens (or basic passwords) of whoever posts incidents as JSON"`
	Token          secret.String   `yaml:"token" json:"token,omitempty" jsonschema:"description=API key; without it only JSON is taken"`
	URL            string          `yaml:"url" json:"url,omitempty" jsonschema:"description=REST API,default=https://api.statuspage.io"`
	Pages          []string        `yaml:"pages" json:"pages,omitempty" jsonschema:"description=Ids of the pages to ask for"`
	Interval       time.Duration   `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=5m"`
	History        time.Duration   `yaml:"history" json:"history,omitempty" jsonschema:"type=string,description=How far back incidents are read,default=8760h"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "Statuspage",
		Group: collectors.GroupIncidents,
		Facts: []string{"incident_updates"},

		Signature: "`Authorization`, a shared secret as bearer token or as basic authentication's password",
		Polls:     "incidents of the configured pages with their updates",

		Config: func() any { return &Config{URL: defaultURL, Interval: defaultInterval, History: defaultHistory} },
		New:    collectors.Made(Name, New),
	}
}

var pageID = regexp.MustCompile(`^[a-z0-9]+$`)

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.WebhookSecrets) == 0 && c.Token == "" {
		bad("webhook_secrets and token are both missing: set one of them, or both")
	}
	errs = append(errs, signature.EmptySecrets(c.WebhookSecrets, "secret")...)
	if (c.Token == "") != (len(c.Pages) == 0) {
		bad("token and pages belong together: set both, or neither to take JSON only")
	}
	for i, p := range c.Pages {
		if !pageID.MatchString(p) {
			bad("pages[%d] is %q: write the page's id, as in manage.statuspage.io/pages/ID", i, p)
		}
	}
	if err := rest.CheckBase(c.URL); err != nil {
		bad("url %w", err)
	}
	if c.Interval < 10*time.Second {
		bad("interval is %s: give at least 10s, such as 5m", c.Interval)
	}
	if c.History < 0 {
		bad("history is %s: give 0s or more, such as 8760h", c.History)
	}
	return errors.Join(errs...)
}

// Source takes and asks for Statuspage's incidents.
type Source struct {
	cfg    Config
	scheme signature.Shared
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
		cfg: cfg, scheme: signature.Shared{Secrets: cfg.WebhookSecrets}, now: time.Now,
		client: rest.Client{HTTP: deps.HTTP, Base: cfg.URL, Authorize: func(r *http.Request) {
			r.Header.Set("Authorization", "OAuth "+cfg.Token.Reveal())
		}},
		log: cmp.Or(deps.Logger, slog.New(slog.DiscardHandler)),
	}, nil
}

// Name is "statuspage".
func (*Source) Name() string { return Name }

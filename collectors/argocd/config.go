package argocd

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/pattern"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "argocd"

const (
	defaultInterval = time.Minute
	// defaultHelmParameter is what image updaters and pipelines set.
	defaultHelmParameter = "image.tag"
)

// Config is the part of the configuration under sources.argocd.
type Config struct {
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Bearer tokens (or basic passwords) of the notifications; several while one is being replaced"`
	// URL and Token of the API; empty asks nothing.
	URL      string        `yaml:"url" json:"url,omitempty" jsonschema:"description=Address of Argo CD\\, for its API and for links"`
	Token    secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=Token of an account that may get applications; without it only notifications are taken"`
	Interval time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=1m"`
	// Applications say which service and environment an application is; the first
	// that matches counts, and others are left out.
	Applications []Rule `yaml:"applications" json:"applications,omitempty" jsonschema:"description=Which service and environment an application is; the first rule that matches counts\\, others are left out"`
}

// Rule reads the name of an application.
type Rule struct {
	Application string `yaml:"application" json:"application" jsonschema:"required,description=Pattern of the application's name: {service}-{environment}"`
	Project     string `yaml:"project" json:"project,omitempty" jsonschema:"description=Pattern of the application's project; empty is every project"`
	Image       string `yaml:"image" json:"image,omitempty" jsonschema:"description=Pattern of the service's image without its tag: ghcr.io/acme/{service}; empty takes the only one\\, or the one named like the service"`
	// HelmParameter is image.tag when empty.
	HelmParameter  string `yaml:"helm_parameter" json:"helm_parameter,omitempty" jsonschema:"description=Helm parameter of the source that holds the version,default=image.tag"`
	pattern.Target `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "Argo CD",
		Group: collectors.GroupDelivery,
		Facts: []string{"deployments"},

		Signature: "`Authorization`, a shared secret as bearer token or as basic authentication's password",
		Polls:     "the applications' histories, operations and images",

		Config: func() any { return &Config{Interval: defaultInterval} },
		New:    collectors.Made(Name, New),
	}
}

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.WebhookSecrets) == 0 && c.Token == "" {
		bad("webhook_secrets and token are both missing: set one of them, or both")
	}
	errs = append(errs, signature.EmptySecrets(c.WebhookSecrets, "secret")...)
	if c.URL != "" || c.Token != "" {
		if err := rest.CheckBase(c.URL); err != nil {
			bad("url %w", err)
		}
	}
	if c.Interval < 10*time.Second {
		bad("interval is %s: give at least 10s, such as 1m", c.Interval)
	}
	if len(c.Applications) == 0 {
		bad("applications is empty: say which service and environment they are, such as {application: '{service}-{environment}'}")
	}
	if _, err := compile(c.Applications); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// rule is a Rule made ready.
type rule struct {
	application, project pattern.Pattern
	image, helmParameter string
	pattern.Target
}

func compile(rules []Rule) ([]rule, error) {
	var out []rule
	var errs []error
	for i, r := range rules {
		made := rule{Target: r.Target, image: r.Image, helmParameter: cmp.Or(r.HelmParameter, defaultHelmParameter)}
		var err error
		if made.application, err = pattern.Compile(r.Application); err != nil {
			errs = append(errs, fmt.Errorf("applications[%d].application %w: write for example {service}-{environment}", i, err))
		}
		if made.project, err = pattern.Compile(cmp.Or(r.Project, "**")); err != nil {
			errs = append(errs, fmt.Errorf("applications[%d].project %w", i, err))
		}
		if _, err := pattern.Compile(cmp.Or(r.Image, "**")); err != nil {
			errs = append(errs, fmt.Errorf("applications[%d].image %w", i, err))
		}
		if err := r.Check(r.Application+r.Project, []string{"namespace"}); err != nil {
			errs = append(errs, fmt.Errorf("applications[%d]: %w", i, err))
		}
		out = append(out, made)
	}
	return out, errors.Join(errs...)
}

// Source takes and asks for Argo CD's applications.
type Source struct {
	cfg    Config
	scheme signature.Shared
	client rest.Client
	rules  []rule
	log    *slog.Logger
	now    func() time.Time
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	rules, err := compile(cfg.Applications)
	if err != nil {
		return nil, err
	}
	return &Source{
		cfg: cfg, rules: rules, now: time.Now, scheme: signature.Shared{Secrets: cfg.WebhookSecrets},
		client: rest.Client{HTTP: deps.HTTP, Base: cfg.URL, Authorize: func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+cfg.Token.Reveal())
		}},
		log: cmp.Or(deps.Logger, slog.New(slog.DiscardHandler)),
	}, nil
}

// Name is "argocd".
func (*Source) Name() string { return Name }

package atlantis

import (
	"errors"
	"fmt"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/provision"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "atlantis"

// Config is the part of the configuration under sources.atlantis.
type Config struct {
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Bearer tokens (or basic passwords) of --webhook-http-headers; several while one is being replaced"`
	Rules          []Rule          `yaml:"rules" json:"rules,omitempty" jsonschema:"description=Which project is which capability; the first rule that fits counts; applies of other projects are ignored"`
}

// Rule says what the applies of a project provision.
type Rule struct {
	Project          string `yaml:"project" json:"project" jsonschema:"description=Pattern of OWNER/REPOSITORY//DIRECTORY//WORKSPACE//PROJECT: acme/infra//databases/{service}//**"`
	provision.Target `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:      Name,
		Title:     "Atlantis",
		Group:     collectors.GroupInfrastructure,
		Facts:     []string{"capability_uses", "requests"},
		Signature: "`Authorization`, a shared secret as bearer token or as basic authentication's password",
		Config:    func() any { return &Config{} },
		New: func(cfg any, _ collectors.Deps) (collectors.Source, error) {
			c, ok := cfg.(*Config)
			if !ok {
				return nil, fmt.Errorf("atlantis: configuration is a %T", cfg)
			}
			return New(*c)
		},
	}
}

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	_, err := c.compile()
	return err
}

func (c Config) compile() (provision.Rules, error) {
	var errs []error
	if len(c.WebhookSecrets) == 0 {
		errs = append(errs, errors.New("webhook_secrets is missing: give the secret that Atlantis sends in Authorization"))
	}
	errs = append(errs, signature.EmptySecrets(c.WebhookSecrets, "secret")...)
	var list []provision.Rule
	for _, r := range c.Rules {
		list = append(list, provision.Rule{Pattern: r.Project, Target: r.Target})
	}
	rules, err := provision.Compile("project", list)
	return rules, errors.Join(append(errs, err)...)
}

// Source takes Atlantis' webhooks.
type Source struct {
	scheme signature.Shared
	rules  provision.Rules
}

// New checks the configuration.
func New(cfg Config) (*Source, error) {
	rules, err := cfg.compile()
	if err != nil {
		return nil, err
	}
	return &Source{rules: rules, scheme: signature.Shared{Secrets: cfg.WebhookSecrets}}, nil
}

// Name is "atlantis".
func (*Source) Name() string { return Name }

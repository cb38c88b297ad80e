package atlantis

import (
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
		New:       collectors.Made(Name, func(c Config, _ collectors.Deps) (*Source, error) { return New(c) }),
	}
}

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	_, err := c.compile()
	return err
}

func (c Config) compile() (provision.Rules, error) {
	return provision.Hooked(c.WebhookSecrets, "the secret that Atlantis sends in Authorization", "secret", "project", c.Rules, func(r Rule) provision.Rule { return provision.Rule{Pattern: r.Project, Target: r.Target} })
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

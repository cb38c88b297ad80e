package pulumi

import (
	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/provision"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "pulumi"

// Config is the part of the configuration under sources.pulumi.
type Config struct {
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Secrets of the webhooks; several while one is being replaced"`
	Rules          []Rule          `yaml:"rules" json:"rules,omitempty" jsonschema:"description=Which stack is which capability; the first rule that fits counts; updates of other stacks are ignored"`
}

// Rule says what the updates of a stack provision.
type Rule struct {
	Stack            string `yaml:"stack" json:"stack" jsonschema:"description=Pattern of ORGANIZATION/PROJECT/STACK: acme/database/{service}-*"`
	provision.Target `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:      Name,
		Title:     "Pulumi Cloud",
		Group:     collectors.GroupInfrastructure,
		Facts:     []string{"capability_uses", "requests"},
		Signature: "`Pulumi-Webhook-Signature`, hex HMAC-SHA256 of the body",
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
	return provision.Hooked(c.WebhookSecrets, "the secret of the webhook", "secret", "stack", c.Rules, func(r Rule) provision.Rule { return provision.Rule{Pattern: r.Stack, Target: r.Target} })
}

// Source takes Pulumi Cloud's webhooks.
type Source struct {
	scheme signature.Hex
	rules  provision.Rules
}

// New checks the configuration.
func New(cfg Config) (*Source, error) {
	rules, err := cfg.compile()
	if err != nil {
		return nil, err
	}
	return &Source{rules: rules, scheme: signature.Hex{Header: "Pulumi-Webhook-Signature", Secrets: cfg.WebhookSecrets}}, nil
}

// Name is "pulumi".
func (*Source) Name() string { return Name }

package terraform

import (
	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/provision"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "terraform"

// Config is the part of the configuration under sources.terraform.
type Config struct {
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Tokens of the notification configurations; several while one is being replaced"`
	Rules          []Rule          `yaml:"rules" json:"rules,omitempty" jsonschema:"description=Which workspace is which capability; the first rule that fits counts; runs of other workspaces are ignored"`
}

// Rule says what the runs of a workspace provision.
type Rule struct {
	Workspace        string `yaml:"workspace" json:"workspace" jsonschema:"description=Pattern of ORGANIZATION/WORKSPACE: acme/{service}-database-*"`
	provision.Target `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:      Name,
		Title:     "HCP Terraform",
		Group:     collectors.GroupInfrastructure,
		Facts:     []string{"capability_uses", "requests"},
		Signature: "`X-TFE-Notification-Signature`, hex HMAC-SHA512 of the body",
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
	return provision.Hooked(c.WebhookSecrets, "the token of the notification configuration", "token", "workspace", c.Rules, func(r Rule) provision.Rule { return provision.Rule{Pattern: r.Workspace, Target: r.Target} })
}

// Source takes HCP Terraform's notifications.
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
	return &Source{rules: rules, scheme: signature.Hex{Header: "X-Tfe-Notification-Signature", SHA512: true, Secrets: cfg.WebhookSecrets}}, nil
}

// Name is "terraform".
func (*Source) Name() string { return Name }

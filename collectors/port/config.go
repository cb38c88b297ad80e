package port

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/provision"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

// Name of the source.
const Name = "port"

// Config is the part of the configuration under sources.port.
type Config struct {
	WebhookSecrets []secret.String `yaml:"webhook_secrets" json:"webhook_secrets,omitempty" jsonschema:"description=Client secret of the organization in Port\\, which signs its webhooks; several while it is being replaced"`
	URL            string          `yaml:"url" json:"url,omitempty" jsonschema:"description=Address of the portal for links; https://app.us.port.io in the US,default=https://app.port.io"`
	Rules          []Rule          `yaml:"rules" json:"rules,omitempty" jsonschema:"description=Which action is which capability; the first rule that fits counts; an action without one is a capability of its own"`
	// ServiceBlueprint and TeamBlueprint say which entities are read.
	ServiceBlueprint   string   `yaml:"service_blueprint" json:"service_blueprint,omitempty" jsonschema:"description=Blueprint of services,default=service"`
	RepositoryProperty string   `yaml:"repository_property" json:"repository_property,omitempty" jsonschema:"description=Property of a service with the address of its repository,default=url"`
	TeamBlueprint      string   `yaml:"team_blueprint" json:"team_blueprint,omitempty" jsonschema:"description=Blueprint of teams,default=_team"`
	PlatformTeams      []string `yaml:"platform_teams" json:"platform_teams,omitempty" jsonschema:"description=Identifiers of the teams that build the platform"`
}

// Rule says what the runs of an action are.
type Rule struct {
	Action           string `yaml:"action" json:"action" jsonschema:"description=Pattern of the action's identifier: create_{capability}"`
	provision.Target `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:      Name,
		Title:     "Port",
		Group:     collectors.GroupPortal,
		Facts:     []string{"capability_uses", "ownerships", "requests", "services", "teams"},
		Signature: "`X-Port-Signature`, base64 HMAC-SHA256 of `X-Port-Timestamp`, a dot and the body",
		Config: func() any {
			return &Config{URL: "https://app.port.io", ServiceBlueprint: "service", RepositoryProperty: "url", TeamBlueprint: "_team"}
		},
		New: collectors.Made(Name, func(c Config, _ collectors.Deps) (*Source, error) { return New(c) }),
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
		errs = append(errs, errors.New("webhook_secrets is missing: give the client secret of the organization in Port"))
	}
	errs = append(errs, signature.EmptySecrets(c.WebhookSecrets, "secret")...)
	if err := rest.CheckBase(c.URL); err != nil {
		errs = append(errs, fmt.Errorf("url %w", err))
	}
	if c.ServiceBlueprint == c.TeamBlueprint {
		errs = append(errs, fmt.Errorf("service_blueprint and team_blueprint are both %q: they are two blueprints", c.TeamBlueprint))
	}
	if len(c.Rules) == 0 {
		return nil, errors.Join(errs...)
	}
	var list []provision.Rule
	for _, r := range c.Rules {
		// Only an action that asks the platform team to do the work is no self-service.
		r.Channel = cmp.Or(r.Channel, schema.ChannelSelfService)
		list = append(list, provision.Rule{Pattern: r.Action, Target: r.Target})
	}
	rules, err := provision.Compile("action", list)
	return rules, errors.Join(append(errs, err)...)
}

// Source takes Port's webhooks.
type Source struct {
	cfg    Config
	scheme signature.Timestamped
	rules  provision.Rules
}

// New checks the configuration.
func New(cfg Config) (*Source, error) {
	rules, err := cfg.compile()
	if err != nil {
		return nil, err
	}
	return &Source{cfg: cfg, rules: rules, scheme: signature.Timestamped{
		Header: "X-Port-Signature", Prefix: "v1,", TimestampHeader: "X-Port-Timestamp", Separator: ".", Secrets: cfg.WebhookSecrets,
	}}, nil
}

// Name is "port".
func (*Source) Name() string { return Name }

package crossplane

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/inventory"
	"github.com/headway-metrics/headway/collectors/kubeapi"
	"github.com/headway-metrics/headway/collectors/provision"
)

// Name of the source.
const Name = "crossplane"

const defaultInterval = 15 * time.Minute

// Config is the part of the configuration under sources.crossplane.
type Config struct {
	Clusters []kubeapi.Cluster `yaml:"clusters" json:"clusters" jsonschema:"required,description=The clusters in which Crossplane runs"`
	Rules    []Rule            `yaml:"rules" json:"rules,omitempty" jsonschema:"description=Which resource is which capability; the first rule that fits counts; other resources are ignored"`
	Service  []string          `yaml:"service" json:"service,omitempty" jsonschema:"description=What names the service where the rule does not: label:NAME or annotation:NAME; the first that is set counts"`
	Team     []string          `yaml:"team" json:"team,omitempty" jsonschema:"description=What names the team where the rule does not, as for service"`
	Interval time.Duration     `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls,default=15m"`
}

// Rule says what a resource provisions.
type Rule struct {
	Resource         string `yaml:"resource" json:"resource" jsonschema:"description=Pattern of KIND/NAMESPACE/NAME or of KIND/NAME where there is no namespace: Database/{team}/*"`
	provision.Target `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "Crossplane",
		Group: collectors.GroupInfrastructure,
		Facts: []string{"capability_uses", "requests"},
		Polls: "claims and composite resources, and when they became ready",

		Config: func() any {
			return &Config{
				Service: []string{"label:backstage.io/kubernetes-id", "label:app.kubernetes.io/name"}, Team: []string{"label:team", "label:owner"},
				Interval: defaultInterval,
			}
		},
		New: collectors.Made(Name, New),
	}
}

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	_, err := New(c, collectors.Deps{})
	return err
}

// Source asks API servers.
type Source struct {
	cfg           Config
	rules         provision.Rules
	service, team inventory.Names
	http          *http.Client
	now           func() time.Time
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	var list []provision.Rule
	for _, r := range cfg.Rules {
		list = append(list, provision.Rule{Pattern: r.Resource, Target: r.Target})
	}
	rules, rulesErr := provision.Compile("resource", list)
	service, serviceErr := inventory.ParseNames("service", cfg.Service)
	team, teamErr := inventory.ParseNames("team", cfg.Team)
	errs := []error{kubeapi.Check(cfg.Clusters), rulesErr, serviceErr, teamErr}
	if cfg.Interval < time.Minute {
		errs = append(errs, fmt.Errorf("interval is %s: give at least 1m, such as 15m", cfg.Interval))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Source{cfg: cfg, rules: rules, service: service, team: team, http: deps.HTTP, now: time.Now}, nil
}

// Name is "crossplane".
func (*Source) Name() string { return Name }

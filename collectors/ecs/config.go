package ecs

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"golang.org/x/time/rate"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/inventory"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "ecs"

const defaultInterval = 6 * time.Hour

// Requests a second to one account and region, and how many at once: half of what ECS
// refills for reading (ECS developer guide, "Request throttling").
const (
	perSecond = 10
	atOnce    = 20
)

// Config is the part of the configuration under sources.ecs.
type Config struct {
	Accounts         []Account `yaml:"accounts" json:"accounts" jsonschema:"required,description=The accounts and regions to ask; each has a region"`
	inventory.Config `yaml:",inline"`
	Interval         time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls; the inventory is taken at the first one of a day of UTC,default=6h"`
}

// Account is one region of an account.
type Account struct {
	Name            string        `yaml:"name" json:"name" jsonschema:"required,description=What it is called; its clusters are NAME/CLUSTER"`
	Region          string        `yaml:"region" json:"region" jsonschema:"required,description=Region: eu-west-1"`
	Environment     string        `yaml:"environment" json:"environment,omitempty" jsonschema:"description=Environment of what runs there: production"`
	RoleARN         string        `yaml:"role_arn" json:"role_arn,omitempty" jsonschema:"description=Role to assume there; empty is what the credentials are themselves"`
	AccessKeyID     string        `yaml:"access_key_id" json:"access_key_id,omitempty" jsonschema:"description=Access key; empty is the role of the pod or task or machine or what the environment says"`
	AccessKeySecret secret.String `yaml:"access_key_secret" json:"access_key_secret,omitempty" jsonschema:"description=Secret of the access key; use access_key_secret_file or ${env:NAME}"`
	Endpoint        string        `yaml:"endpoint" json:"endpoint,omitempty" jsonschema:"description=Address of ECS's API when it is another than the region's such as that of a VPC endpoint"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "ECS and Fargate",
		Group: collectors.GroupWorkloads,
		Facts: []string{"workloads"},
		Polls: "the services of each cluster once a day, with their tags",

		Config: func() any {
			return &Config{
				Config:   inventory.Config{Service: []string{"label:service", "label:app"}, Team: []string{"label:team", "label:owner"}},
				Interval: defaultInterval,
			}
		},
		New: collectors.Made(Name, New),
	}
}

var (
	validName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	validRegion = regexp.MustCompile(`^[a-z]{2,4}(?:-[a-z]+)+-\d$`)
	validRole   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)
)

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	_, err := c.compile()
	return err
}

func (c Config) compile() (inventory.Rules, error) {
	rules, err := c.Compile()
	errs := []error{err}
	bad := func(i int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("accounts[%d].%w", i, fmt.Errorf(format, args...)))
	}
	if len(c.Accounts) == 0 {
		errs = append(errs, errors.New("accounts is missing: name at least one with its region"))
	}
	names := map[string]bool{}
	for i, a := range c.Accounts {
		if !validName.MatchString(a.Name) {
			bad(i, "name is %q: use letters, digits, dot, dash and underscore", a.Name)
		}
		if names[a.Name] {
			bad(i, "name %q is there twice: give each account and region a name of its own", a.Name)
		}
		names[a.Name] = true
		if !validRegion.MatchString(a.Region) {
			bad(i, "region is %q: write for example eu-west-1", a.Region)
		}
		if a.RoleARN != "" && !validRole.MatchString(a.RoleARN) {
			bad(i, "role_arn is %q: write arn:aws:iam::ACCOUNT:role/NAME", a.RoleARN)
		}
		if (a.AccessKeyID == "") != (a.AccessKeySecret == "") {
			bad(i, "access_key_id needs access_key_secret_file beside it, and the other way round")
		}
		if a.Endpoint != "" {
			if err := rest.CheckBase(a.Endpoint); err != nil {
				bad(i, "endpoint %w", err)
			}
		}
		if a.Environment == "" && len(c.Environment) == 0 {
			bad(i, "environment is missing: write production, or say in environment which tag names it")
		}
	}
	if c.Interval < time.Minute {
		errs = append(errs, fmt.Errorf("interval is %s: give at least 1m, such as 6h", c.Interval))
	}
	return rules, errors.Join(errs...)
}

// Source asks ECS.
type Source struct {
	cfg   Config
	rules inventory.Rules
	// timeout of one request.
	timeout time.Duration
	pace    map[string]*rate.Limiter
	now     func() time.Time
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	rules, err := cfg.compile()
	if err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, rules: rules, timeout: time.Minute, pace: map[string]*rate.Limiter{}, now: time.Now}
	if deps.HTTP != nil && deps.HTTP.Timeout > 0 {
		s.timeout = deps.HTTP.Timeout
	}
	for _, a := range cfg.Accounts {
		s.pace[a.Name] = rate.NewLimiter(perSecond, atOnce)
	}
	return s, nil
}

// Name is "ecs".
func (*Source) Name() string { return Name }

// Interval between two polls.
func (s *Source) Interval() time.Duration { return s.cfg.Interval }

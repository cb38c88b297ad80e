package cloudrun

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/inventory"
	"github.com/headway-metrics/headway/collectors/rest"
)

// Name of the source.
const Name = "cloudrun"

const (
	defaultInterval = 6 * time.Hour
	defaultURL      = "https://run.googleapis.com"
)

// Config is the part of the configuration under sources.cloudrun.
type Config struct {
	Projects         []Project `yaml:"projects" json:"projects" jsonschema:"required,description=The projects to ask"`
	inventory.Config `yaml:",inline"`
	CredentialsFile  string        `yaml:"credentials_file" json:"credentials_file,omitempty" jsonschema:"description=Key of a service account or configuration of workload identity federation as JSON; it is read again before each reading. Empty is GOOGLE_APPLICATION_CREDENTIALS or the account of the machine"`
	URL              string        `yaml:"url" json:"url,omitempty" jsonschema:"description=Address of the API,default=https://run.googleapis.com"`
	Interval         time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls; the inventory is taken at the first one of a day of UTC,default=6h"`
}

// Project is one to ask.
type Project struct {
	ID          string   `yaml:"id" json:"id" jsonschema:"required,description=Id of the project; it is the cluster of what runs there"`
	Environment string   `yaml:"environment" json:"environment,omitempty" jsonschema:"description=Environment of what runs there: production"`
	Regions     []string `yaml:"regions" json:"regions,omitempty" jsonschema:"description=Regions to list; empty is all"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "Cloud Run",
		Group: collectors.GroupWorkloads,
		Facts: []string{"workloads"},
		Polls: "the services and jobs of each project once a day, with their labels",

		Config: func() any {
			return &Config{
				Config:   inventory.Config{Service: []string{"label:service", "label:app"}, Team: []string{"label:team", "label:owner"}},
				Interval: defaultInterval, URL: defaultURL,
			}
		},
		New: collectors.Made(Name, New),
	}
}

var (
	// validProject is a project's id (Resource Manager, "Creating and managing projects"),
	// also one of an organisation's own domain.
	validProject = regexp.MustCompile(`^(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	validRegion  = regexp.MustCompile(`^[a-z]+-[a-z]+\d+$`)
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
		errs = append(errs, fmt.Errorf("projects[%d].%w", i, fmt.Errorf(format, args...)))
	}
	if len(c.Projects) == 0 {
		errs = append(errs, errors.New("projects is missing: name at least one by its id"))
	}
	ids := map[string]bool{}
	for i, p := range c.Projects {
		if !validProject.MatchString(p.ID) {
			bad(i, "id is %q: write the project's id, such as acme-production", p.ID)
		}
		if ids[p.ID] {
			bad(i, "id %q is there twice: keep one of them", p.ID)
		}
		ids[p.ID] = true
		for _, r := range p.Regions {
			if !validRegion.MatchString(r) {
				bad(i, "regions has %q: write for example europe-west1", r)
			}
		}
		if p.Environment == "" && len(c.Environment) == 0 {
			bad(i, "environment is missing: write production, or say in environment which label names it")
		}
	}
	if err := rest.CheckBase(c.URL); err != nil {
		errs = append(errs, fmt.Errorf("url %w", err))
	}
	if c.Interval < time.Minute {
		errs = append(errs, fmt.Errorf("interval is %s: give at least 1m, such as 6h", c.Interval))
	}
	return rules, errors.Join(errs...)
}

// Source asks Cloud Run.
type Source struct {
	cfg   Config
	rules inventory.Rules
	http  *http.Client
	now   func() time.Time
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	rules, err := cfg.compile()
	if err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, rules: rules, http: deps.HTTP, now: time.Now}
	if s.http == nil {
		s.http = &http.Client{Timeout: time.Minute}
	}
	return s, nil
}

// Name is "cloudrun".
func (*Source) Name() string { return Name }

// Interval between two polls.
func (s *Source) Interval() time.Duration { return s.cfg.Interval }

package gitops

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/git/mirror"
	"github.com/headway-metrics/headway/internal/secret"
)

// Name of the source.
const Name = "gitops"

// DefaultInterval between two fetches.
const DefaultInterval = time.Minute

// Config is the part of the configuration under sources.gitops.
type Config struct {
	// Interval between two fetches.
	Interval time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two fetches,default=60s"`
	// Rules say which files of which repositories hold versions.
	Rules []Rule `yaml:"rules" json:"rules,omitempty" jsonschema:"description=Which files of which repositories hold versions"`
}

// Rule names the files of one configuration repository that hold the version of
// a service in an environment.
type Rule struct {
	// URL is an address (https, ssh, git, file) or a path.
	URL string `yaml:"url" json:"url,omitempty" jsonschema:"description=Address (https ssh git file) or path of the configuration repository"`
	// Branch that is applied; empty is the repository's own default.
	Branch string `yaml:"branch" json:"branch,omitempty" jsonschema:"description=Branch that is applied; empty is the default branch of the repository"`
	// Files is a glob in which {environment} and {service} stand for one part of a
	// path: 'apps/{environment}/{service}.yaml'. Other names in braces tell
	// deployments of one service and environment apart, such as {cluster}.
	Files string `yaml:"files" json:"files,omitempty" jsonschema:"description=Glob in which {environment} and {service} stand for one part of a path; other names in braces tell deployments apart"`
	// Key is the path of the version in the YAML: image.tag, images[0].newTag. The
	// first document of the file that has it counts.
	Key string `yaml:"key" json:"key,omitempty" jsonschema:"description=Path of the version in the YAML: image.tag or images[0].newTag"`
	// Environment and Service stand in when Files does not name them.
	Environment string `yaml:"environment" json:"environment,omitempty" jsonschema:"description=Environment when files does not name it"`
	Service     string `yaml:"service" json:"service,omitempty" jsonschema:"description=Service when files does not name it"`
	// ServiceRepo is the repository of the service's code, with the same braces:
	// 'github.com/acme/{service}'. Empty leaves it to the catalogue.
	ServiceRepo string `yaml:"service_repo" json:"service_repo,omitempty" jsonschema:"description=Repository of the code with the same braces: github.com/acme/{service}; empty leaves it to the catalogue"`
	// Token is the password for https.
	Token secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=Password for https; use token_file or ${env:NAME}"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:   Name,
		Title:  "GitOps",
		Group:  collectors.GroupDelivery,
		Facts:  []string{"deployments"},
		Polls:  "the files of configuration repositories, commit by commit, by fetching into a bare partial clone",
		Config: func() any { return &Config{Interval: DefaultInterval} },
		New:    collectors.Made(Name, New),
	}
}

var branchName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._/+@#-]{0,199}$`)

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s %s", key, fmt.Sprintf(format, args...)))
	}
	if c.Interval < time.Second {
		bad("interval", "is %s: give at least 1s, such as 60s", c.Interval)
	}
	for i, r := range c.Rules {
		key := fmt.Sprintf("rules[%d]", i)
		if _, err := mirror.Canonical(r.URL); err != nil {
			bad(key+".url", "%s", err)
		} else if _, err := mirror.New(mirror.Options{URL: r.URL, Token: r.Token}); err != nil {
			bad(key+".token", "%s", err)
		}
		if r.Branch != "" && !branchName.MatchString(r.Branch) {
			bad(key+".branch", "%q is no name of a branch", r.Branch)
		}
		p, err := compilePattern(r.Files)
		if err != nil {
			bad(key+".files", "%s: write for example 'apps/{environment}/{service}.yaml'", err)
			continue
		}
		if _, err := compileKey(r.Key); err != nil {
			bad(key+".key", "%s: write for example image.tag or images[0].newTag", err)
		}
		if !p.has("environment") && r.Environment == "" {
			bad(key+".environment", "is missing: put {environment} into files, or name it here")
		}
		if !p.has("service") && r.Service == "" {
			bad(key+".service", "is missing: put {service} into files, or name it here")
		}
		for _, m := range braces.FindAllStringSubmatch(r.ServiceRepo, -1) {
			if n := m[1]; !p.has(n) && n != "service" && n != "environment" {
				bad(key+".service_repo", "uses {%s}, which files does not name", n)
			}
		}
	}
	return errors.Join(errs...)
}

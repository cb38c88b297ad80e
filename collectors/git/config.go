package git

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/git/mirror"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

// Name of the source.
const Name = "git"

// NoReleases in place of a glob says that tags are read but release nothing.
const NoReleases = "none"

// DefaultInterval between two fetches.
const DefaultInterval = time.Minute

// Config is the part of the configuration under sources.git.
type Config struct {
	// Interval between two fetches.
	Interval time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two fetches,default=60s"`
	// Repositories to read.
	Repositories []Repository `yaml:"repositories" json:"repositories,omitempty" jsonschema:"description=Repositories to read; one with several services is listed once for each"`
}

// Repository is one service and the repository that it is built from. A
// repository with several services is listed once for each, with its paths.
type Repository struct {
	// Name is the id of the service.
	Name string `yaml:"name" json:"name,omitempty" jsonschema:"description=Id of the service"`
	// URL is an address (https, ssh, git, file) or the path of a repository.
	URL string `yaml:"url" json:"url,omitempty" jsonschema:"description=Address (https ssh git file) or path of the repository"`
	// Tags is the glob of tags that are releases: "v*". Empty means every tag
	// that looks like a version: v1.2.3, 1.2, release-7. NoReleases takes none, for
	// a service whose deployments another source knows (GitOps, GitHub).
	Tags string `yaml:"tags" json:"tags,omitempty" jsonschema:"description=Glob of the tags that are releases; empty takes those that look like a version and none releases nothing"`
	// Prereleases says whether alpha, beta, rc and the like count as releases.
	Prereleases bool `yaml:"prereleases" json:"prereleases,omitempty" jsonschema:"description=Whether alpha beta rc and the like count as releases"`
	// Branch that is deployed; empty is the repository's own default.
	Branch string `yaml:"branch" json:"branch,omitempty" jsonschema:"description=Branch that is deployed; empty is the default branch of the repository"`
	// Paths are the path prefixes that belong to the service; empty is all.
	Paths []string `yaml:"paths" json:"paths,omitempty" jsonschema:"description=Path prefixes that belong to the service; empty is all"`
	// Token is the password for https.
	Token secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=Password for https; use token_file or ${env:NAME}"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:   Name,
		Title:  "git",
		Group:  collectors.GroupCode,
		Facts:  []string{"commits", "deployments", "services", "tags"},
		Polls:  "branches, tags and commits, by fetching into a bare partial clone",
		Config: func() any { return &Config{Interval: DefaultInterval} },
		New:    collectors.Made(Name, New),
	}
}

var (
	serviceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:-]{0,199}$`)
	branchName  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._/+@#-]{0,199}$`)
)

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s %s", key, fmt.Sprintf(format, args...)))
	}
	if c.Interval < time.Second {
		bad("interval", "is %s: give at least 1s, such as 60s", c.Interval)
	}
	names := map[string]bool{}
	whole := map[string]int{}
	for i, r := range c.Repositories {
		key := fmt.Sprintf("repositories[%d]", i)
		switch {
		case !serviceName.MatchString(r.Name):
			bad(key+".name", "%q is no name: use letters, digits, dots, dashes and slashes", r.Name)
		case names[r.Name]:
			bad(key+".name", "%q is listed twice: give each service its own name", r.Name)
		}
		names[r.Name] = true
		url, err := mirror.Canonical(r.URL)
		if err != nil {
			bad(key+".url", "%s", err)
			continue
		}
		if _, err := mirror.New(mirror.Options{URL: r.URL, Token: r.Token}); err != nil {
			bad(key+".token", "%s", err)
		}
		if _, err := path.Match(r.Tags, ""); err != nil {
			bad(key+".tags", "%q is no glob: write for example 'v*'", r.Tags)
		}
		if r.Branch != "" && !branchName.MatchString(r.Branch) {
			bad(key+".branch", "%q is no name of a branch", r.Branch)
		}
		if len(r.Paths) == 0 {
			whole[schema.RepoID(url)]++
		}
		if whole[schema.RepoID(url)] > 1 {
			bad(key+".url", "is listed for another service too: give both of them paths")
		}
	}
	return errors.Join(errs...)
}

package derive

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/headway-metrics/headway/schema"
)

// catalogue resolves the names that senders use to services. What nobody has
// catalogued is a service of its own: a repository under its id, else the
// sender's name for it.
type catalogue struct {
	services map[string]*schema.Service
	byRef    map[string][]string
	byRepo   map[string][]string
	names    *names
	patterns *patterns
}

// newCatalogue takes the newest row of each service, also of those that were
// withdrawn: what was deployed under their names is theirs still, as long as no
// other service has the name.
func newCatalogue(services []schema.Service, called *names) *catalogue {
	c := &catalogue{names: called, services: map[string]*schema.Service{}, byRef: map[string][]string{}, byRepo: map[string][]string{}, patterns: &patterns{compiled: map[string]*regexp.Regexp{}}}
	services = slices.Clone(services)
	slices.SortFunc(services, func(a, b schema.Service) int {
		return cmp.Or(cmp.Compare(a.ServiceID, b.ServiceID), cmp.Compare(b.Version, a.Version))
	})
	services = slices.CompactFunc(services, func(a, b schema.Service) bool { return a.ServiceID == b.ServiceID })
	for i := range services {
		s := &services[i]
		s.Repo, s.Aliases = called.of(s.Repo), called.ids(s.Aliases)
		if services[i].Deleted == 0 {
			c.add(&services[i], c.byRef, c.byRepo)
		}
	}
	byRef, byRepo := map[string][]string{}, map[string][]string{}
	for i := range services {
		// A withdrawal that does not say of what tells nothing.
		if s := &services[i]; s.Deleted != 0 && (s.Repo != "" || len(s.Aliases) > 0) {
			c.add(s, byRef, byRepo)
		}
	}
	addFree(c.byRef, byRef)
	addFree(c.byRepo, byRepo)
	return c
}

// addFree adds the names that nobody has.
func addFree(names, more map[string][]string) {
	for name, ids := range more {
		if len(names[name]) == 0 {
			names[name] = ids
		}
	}
}

// add notes a service and its names.
func (c *catalogue) add(s *schema.Service, byRef, byRepo map[string][]string) {
	note := func(m map[string][]string, name string) {
		if name != "" && !slices.Contains(m[name], s.ServiceID) {
			m[name] = append(m[name], s.ServiceID)
		}
	}
	c.services[s.ServiceID] = s
	note(byRef, s.ServiceID)
	for _, a := range s.Aliases {
		note(byRef, a)
	}
	note(byRepo, s.Repo)
}

// deployed lists the services that a deployment concerns. One without a service's
// name deploys its whole repository, which may be an alias of the service that was
// there before it moved; one with a name that the catalogue does not
// know is of the repository's only service, if there is just one.
func (c *catalogue) deployed(ref, repo string) []string {
	ref, repo = c.names.of(ref), c.names.of(repo)
	of := c.byRepo[repo]
	switch {
	case ref == "" && len(of) > 0:
		return of
	case ref == "" && len(c.byRef[repo]) > 0:
		return c.byRef[repo]
	case ref == "" && repo != "":
		return []string{repo}
	case ref == "":
		return nil
	case len(c.byRef[ref]) > 0:
		return c.byRef[ref]
	case len(c.byRepo[ref]) > 0:
		return c.byRepo[ref]
	case len(of) == 1:
		return of
	}
	return []string{ref}
}

// named lists the services that an incident's ref concerns.
func (c *catalogue) named(ref string) []string { return c.deployed(ref, "") }

// ofRepo lists the services of a repository.
func (c *catalogue) ofRepo(repo string) []string { return c.deployed("", repo) }

// ofRepos and namedBy are ofRepo and named of several names.
func (c *catalogue) ofRepos(repos []string) (ids []string) {
	for _, r := range repos {
		ids = append(ids, c.ofRepo(r)...)
	}
	return ids
}

func (c *catalogue) namedBy(refs []string) (ids []string) {
	for _, r := range refs {
		ids = append(ids, c.named(r)...)
	}
	return ids
}

// service is the catalogued service of this id, or the one that nobody has
// catalogued.
func (c *catalogue) service(id string) schema.Service {
	if s := c.services[id]; s != nil {
		return *s
	}
	return schema.Service{ServiceID: id, Name: id}
}

// refs are the names under which facts may speak of the service.
func (c *catalogue) refs(id string) []string {
	out := []string{id}
	if s := c.services[id]; s != nil {
		out = append(out, s.Aliases...)
		if s.Repo != "" {
			out = append(out, s.Repo)
		}
	}
	return out
}

// repo is the repository that a service may be deployed from without being named.
func (c *catalogue) repo(id string) string {
	if s := c.services[id]; s != nil {
		return s.Repo
	}
	return id
}

// repos are repo and the names under which the service may have been in others.
func (c *catalogue) repos(id string) []string {
	var out []string
	if r := c.repo(id); r != "" {
		out = append(out, r)
	}
	if s := c.services[id]; s != nil {
		out = append(out, s.Aliases...)
	}
	return out
}

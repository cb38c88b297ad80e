package derive

import (
	"cmp"
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
}

func newCatalogue(services []schema.Service) *catalogue {
	c := &catalogue{services: map[string]*schema.Service{}, byRef: map[string][]string{}, byRepo: map[string][]string{}}
	services = newest(services, func(s *schema.Service) string { return s.ServiceID })
	slices.SortFunc(services, func(a, b schema.Service) int { return cmp.Compare(a.ServiceID, b.ServiceID) })
	add := func(m map[string][]string, name, id string) {
		if name != "" && !slices.Contains(m[name], id) {
			m[name] = append(m[name], id)
		}
	}
	for i := range services {
		s := &services[i]
		c.services[s.ServiceID] = s
		add(c.byRef, s.ServiceID, s.ServiceID)
		for _, a := range s.Aliases {
			add(c.byRef, a, s.ServiceID)
		}
		add(c.byRepo, s.Repo, s.ServiceID)
	}
	return c
}

// deployed lists the services that a deployment concerns. One without a service's
// name deploys its whole repository; one with a name that the catalogue does not
// know is of the repository's only service, if there is just one.
func (c *catalogue) deployed(ref, repo string) []string {
	of := c.byRepo[repo]
	switch {
	case ref == "" && len(of) > 0:
		return of
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

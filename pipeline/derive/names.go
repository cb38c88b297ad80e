package derive

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// names are what repositories were and are called. A name is of the repository that
// took it last; facts told under any name of one are its, under its present name.
// The view repo_aliases knows the same. The zero value knows no other names.
type names struct {
	// now is the present name of a name.
	now map[string]string
	// all are the names of a repository, by its present one.
	all map[string][]string
	// touched are the present names of all repositories that ever had a name, and
	// the name itself.
	touched map[string][]string
}

func newNames(rows []schema.RepoName) *names {
	type held struct {
		uid string
		at  time.Time
	}
	later := func(a, b time.Time, x, y string) bool { return cmp.Or(a.Compare(b), strings.Compare(x, y)) > 0 }
	holder := map[string]held{}
	had := map[string][]string{}
	for _, r := range newest(rows, func(r *schema.RepoName) string { return r.FactID() }) {
		for _, h := range []struct {
			name string
			at   time.Time
		}{{r.Repo, r.Since}, {r.Before, schema.MinTime}} {
			if h.name == "" {
				continue
			}
			had[h.name] = append(had[h.name], r.UID)
			if was, ok := holder[h.name]; !ok || later(h.at, was.at, r.UID, was.uid) {
				holder[h.name] = held{r.UID, h.at}
			}
		}
	}
	present := map[string]string{}
	for name, h := range holder {
		if was := present[h.uid]; was == "" || later(h.at, holder[was].at, name, was) {
			present[h.uid] = name
		}
	}
	out := &names{now: map[string]string{}, all: map[string][]string{}, touched: map[string][]string{}}
	for name, h := range holder {
		now := present[h.uid]
		out.now[name] = now
		out.all[now] = append(out.all[now], name)
		out.touched[name] = []string{name}
		for _, uid := range had[name] {
			if p := present[uid]; p != "" && !slices.Contains(out.touched[name], p) {
				out.touched[name] = append(out.touched[name], p)
			}
		}
	}
	return out
}

// of is the present name of a repository.
func (n *names) of(repo string) string { return cmp.Or(n.now[repo], repo) }

// every gives all names of each of the repositories, each once.
func (n *names) every(repos []string) []string {
	out := make([]string, 0, len(repos))
	seen := make(map[string]bool, len(repos))
	for _, r := range repos {
		for _, name := range append([]string{r}, n.all[n.of(r)]...) {
			if !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	return out
}

// concerned gives the names under which something may have to be derived again when
// these repositories changed: a name that another repository took is no longer its.
func (n *names) concerned(repos []string) []string {
	out := slices.Clone(repos)
	for _, r := range repos {
		out = append(out, n.touched[r]...)
	}
	return out
}

// id is an id that begins with a repository's name, such as "host/path#12" or
// "host/path/deployment/7", under the present name.
func (n *names) id(id string) string {
	if len(n.now) == 0 {
		return id
	}
	if now, ok := n.now[id]; ok {
		return now
	}
	for at := len(id) - 1; at > 0; at-- {
		if c := id[at]; c != '#' && c != '@' && c != '/' {
			continue
		}
		if now, ok := n.now[id[:at]]; ok {
			return now + id[at:]
		}
	}
	return id
}

func (n *names) ids(ids []string) []string {
	out := ids
	for i, id := range ids {
		if now := n.id(id); now != id {
			if &out[0] == &ids[0] {
				out = slices.Clone(ids)
			}
			out[i] = now
		}
	}
	return out
}

func (n *names) deployment(d *schema.Deployment) {
	d.Repo, d.DeploymentID, d.ServiceRef = n.of(d.Repo), n.id(d.DeploymentID), n.of(d.ServiceRef)
}

func (n *names) update(u *schema.IncidentUpdate) {
	u.Cause = n.id(u.Cause)
	u.ServiceRefs = n.ids(u.ServiceRefs)
}

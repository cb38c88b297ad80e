package oracle

import (
	"slices"
	"time"

	"github.com/headway-metrics/headway/internal/sample"
)

// fanOut is how long after the first deployment of a version others belong to
// the same release.
const fanOut = 4 * time.Hour

// newService is the age up to which a first release claims what is in it.
const newService = 90 * 24 * time.Hour

// service is what can be known of one service.
type service struct {
	*sample.Service
	// line is the deployed branch, oldest commit first.
	line []*sample.Commit
	// all are the releases by their first deployment, live those that succeeded
	// by their first success.
	all, live []*release
	incidents []*sample.Incident
}

// release is one version that was put into production.
type release struct {
	sha         string
	deployments []*sample.Deployment
	// place of the commit on the deployed branch.
	place int
	// introduced is the first success, zero when there was none.
	began, introduced, finished time.Time
	baseline, fresh             bool
	changes                     []change

	failed, rework bool
	recovered      []time.Time
}

// change is a merged request, or a commit without one.
type change struct {
	pull   *sample.Pull
	commit *sample.Commit
}

// follow finds the releases of a service, their changes, and which failed.
func (o *Oracle) follow(svc *sample.Service) *service {
	s := &service{Service: svc}
	for _, c := range svc.Repo.Commits {
		if c.Branch == "main" {
			s.line = append(s.line, c)
		}
	}
	for _, i := range o.history.Incidents {
		// Who names a cause tells of an incident once it is acknowledged.
		if i.Service == svc && (!namesCause(i) || !i.AckAt.After(o.history.End)) {
			s.incidents = append(s.incidents, i)
		}
	}
	s.group(o.known(svc))
	s.claim()
	s.judge()
	return s
}

// known are the finished production deployments that the service's systems tell
// of, in the order in which they finished.
func (o *Oracle) known(svc *sample.Service) []*sample.Deployment {
	var out []*sample.Deployment
	for _, d := range svc.Deployments {
		if d.Production && !d.FinishedAt.After(o.history.End) {
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b *sample.Deployment) int { return a.FinishedAt.Compare(b.FinishedAt) })
	if svc.Channel != sample.ByGitHub && svc.Channel != sample.ByAPI {
		out = slices.DeleteFunc(out, func(d *sample.Deployment) bool { return d.Status != sample.Succeeded })
	}
	if svc.Channel == sample.ByGitOps {
		shown := map[string]string{}
		out = slices.DeleteFunc(out, func(d *sample.Deployment) bool {
			same := shown[d.Environment] == d.SHA
			shown[d.Environment] = d.SHA
			return same
		})
	}
	return out
}

// group makes releases: the same version, within the fan-out window, unless
// another version has been put into that environment since.
func (s *service) group(deployments []*sample.Deployment) {
	for _, d := range deployments {
		var r *release
		for _, have := range s.all {
			if have.sha == d.SHA {
				r = have
			}
		}
		if r == nil || d.FinishedAt.Sub(r.began) > fanOut || s.replaced(r, d.Environment) {
			r = &release{
				sha: d.SHA, began: d.FinishedAt,
				place: slices.IndexFunc(s.line, func(c *sample.Commit) bool { return c.SHA == d.SHA }),
			}
			s.all = append(s.all, r)
		}
		r.deployments = append(r.deployments, d)
	}
	for _, r := range s.all {
		ends := map[string]*sample.Deployment{}
		for _, d := range r.deployments {
			if e := ends[d.Environment]; e == nil || e.Status != sample.Succeeded {
				ends[d.Environment] = d
			}
			if d.Status == sample.Succeeded && r.introduced.IsZero() {
				r.introduced = d.FinishedAt
			}
		}
		for _, d := range ends {
			if d.FinishedAt.After(r.finished) {
				r.finished = d.FinishedAt
			}
		}
		if !r.introduced.IsZero() {
			s.live = append(s.live, r)
		}
	}
	slices.SortStableFunc(s.live, func(a, b *release) int { return a.introduced.Compare(b.introduced) })
}

// replaced says that a release after r has succeeded in the environment.
func (s *service) replaced(r *release, environment string) bool {
	after := s.all[slices.Index(s.all, r)+1:]
	return slices.ContainsFunc(after, func(later *release) bool {
		return slices.ContainsFunc(later.deployments, func(d *sample.Deployment) bool {
			return d.Environment == environment && d.Status == sample.Succeeded
		})
	})
}

// claim gives every release the changes that no earlier one contained.
func (s *service) claim() {
	highest := -1
	for i, r := range s.live {
		if i == 0 {
			age := r.introduced.Sub(s.CreatedAt)
			r.baseline = s.CreatedAt.IsZero() || age < 0 || age > newService
		}
		r.fresh = r.place > highest
		for _, c := range s.changes(highest+1, r.place) {
			if !r.baseline {
				r.changes = append(r.changes, c)
			}
		}
		highest = max(highest, r.place)
	}
}

// changes are those of the service among the commits of the deployed branch from
// one place to another, both included.
func (s *service) changes(from, to int) []change {
	var out []change
	for i := from; i <= to; i++ {
		c := s.line[i]
		pull, last := s.pullOf(i)
		switch {
		case pull != nil && last && pull.Touches(s.Service):
			out = append(out, change{pull: pull, commit: c})
		case pull == nil && !c.Merge && s.touches(c):
			out = append(out, change{commit: c})
		}
	}
	return out
}

// pullOf is the request that brought a commit of the deployed branch, and whether
// the commit is its last. A repository that is only on disk has none.
func (s *service) pullOf(place int) (*sample.Pull, bool) {
	if s.Channel == sample.ByTag {
		return nil, false
	}
	for _, p := range s.Repo.Pulls {
		if p.MergedAt.IsZero() {
			continue
		}
		merge := slices.IndexFunc(s.line, func(c *sample.Commit) bool { return c.SHA == p.MergeSHA })
		length := 1
		if s.Repo.Kind == sample.Rebase {
			length = len(p.Commits)
		}
		if place <= merge && place > merge-length {
			return p, place == merge
		}
	}
	return nil, false
}

func (s *service) touches(c *sample.Commit) bool {
	p := sample.Pull{Paths: c.Paths}
	return p.Touches(s.Service)
}

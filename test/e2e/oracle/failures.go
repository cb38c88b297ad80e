package oracle

import (
	"slices"
	"time"

	"github.com/headway-metrics/headway/internal/sample"
)

// blameWindow is how long after a release an incident may be blamed on it by
// time alone.
const blameWindow = 24 * time.Hour

// namesCause says that the system which raises the incident names the deployment.
func namesCause(i *sample.Incident) bool {
	return i.Deployment != nil && (i.Service.Channel == sample.ByAPI || i.Service.Channel == sample.ByCDEvents)
}

// judge marks failed releases and repairs, by the evidence in its order: named
// by an incident, put back, reverted or fixed in haste, and time only for a
// service that has none of these.
func (s *service) judge() {
	for _, i := range s.incidents {
		if r := s.named(i); r != nil {
			r.fail(i.ResolvedAt)
		}
	}
	back := s.rollbacks()
	s.repairs(back)
	if !slices.ContainsFunc(s.all, func(r *release) bool { return r.failed }) {
		s.blameByTime()
	}
	s.answersToIncidents()
}

func (r *release) fail(recovered time.Time) {
	r.failed = true
	r.mend(recovered)
}

func (r *release) mend(at time.Time) {
	if !at.IsZero() {
		r.recovered = append(r.recovered, at)
	}
}

// named is the release of the deployment that an incident names. Where it is
// named by its commit, it is the last of that commit before the incident.
func (s *service) named(i *sample.Incident) *release {
	if !namesCause(i) {
		return nil
	}
	var found *release
	for _, r := range s.all {
		if s.Channel == sample.ByAPI && slices.Contains(r.deployments, i.Deployment) {
			return r
		}
		if s.Channel == sample.ByCDEvents && r.sha == i.Deployment.SHA && !r.began.After(i.StartedAt) {
			found = r
		}
	}
	return found
}

// rollbacks: in an environment, a version that is older than the one it replaces.
// The first release after the version restored has failed; all that were taken
// out have recovered.
func (s *service) rollbacks() map[*release]bool {
	back := map[*release]bool{}
	taken := map[*release][]*release{}
	for _, environment := range s.Regions {
		had := s.inEnvironment(environment)
		for k, r := range had {
			if k == 0 || r.place >= had[k-1].place {
				continue
			}
			back[r] = true
			for j := k - 1; j >= 0 && had[j].place > r.place; j-- {
				taken[r] = append(taken[r], had[j])
			}
		}
	}
	for _, r := range s.live {
		if !back[r] {
			continue
		}
		r.rework = true
		var blamed *release
		for _, out := range s.live {
			if slices.Contains(taken[r], out) {
				out.mend(r.finished)
				if blamed == nil {
					blamed = out
				}
			}
		}
		blamed.failed = true
	}
	return back
}

// inEnvironment are the releases by the time at which the environment had them.
func (s *service) inEnvironment(environment string) []*release {
	at := map[*release]time.Time{}
	var out []*release
	for _, r := range s.live {
		for _, d := range r.deployments {
			if _, has := at[r]; d.Environment == environment && d.Status == sample.Succeeded && !has {
				at[r] = d.FinishedAt
				out = append(out, r)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *release) int { return at[a].Compare(at[b]) })
	return out
}

// repairs: a deployed revert blames the release that deployed what it reverts, a
// deployed hotfix the last release that brought something new.
func (s *service) repairs(back map[*release]bool) {
	var latest *release
	for n, r := range s.live {
		for _, c := range r.changes {
			switch {
			case c.pull == nil:
			case c.pull.Reverts != nil:
				s.revert(n, c.pull.Reverts)
			case slices.Contains(c.pull.Labels, "hotfix"):
				r.rework = true
				if latest != nil {
					latest.fail(r.finished)
				}
			}
		}
		if r.fresh && !back[r] {
			latest = r
		}
	}
}

// revert: what was deployed before its revert has failed. What a baseline
// contains was deployed nobody knows when.
func (s *service) revert(by int, reverted *sample.Pull) {
	r := s.live[by]
	merge := slices.IndexFunc(s.line, func(c *sample.Commit) bool { return c.SHA == reverted.MergeSHA })
	for _, earlier := range s.live[:by] {
		deployed := slices.ContainsFunc(earlier.changes, func(c change) bool { return c.pull == reverted })
		if deployed {
			earlier.fail(r.finished)
		}
		if deployed || earlier.baseline && merge >= 0 && merge <= earlier.place {
			r.rework = true
		}
	}
}

func (s *service) blameByTime() {
	for _, i := range s.incidents {
		var last *release
		for _, r := range s.live {
			if !r.introduced.After(i.StartedAt) {
				last = r
			}
		}
		if last != nil && i.StartedAt.Before(last.finished.Add(blameWindow)) {
			last.fail(i.ResolvedAt)
		}
	}
}

// answersToIncidents: the last new release while an incident with a known cause
// was open is the answer to it.
func (s *service) answersToIncidents() {
	for _, i := range s.incidents {
		cause := s.named(i)
		if cause == nil || i.ResolvedAt.IsZero() {
			continue
		}
		var last *release
		for _, r := range s.live {
			during := r.finished.After(i.StartedAt) && !r.finished.After(i.ResolvedAt)
			if during && r.fresh && r.began.After(cause.began) && (last == nil || !r.finished.Before(last.finished)) {
				last = r
			}
		}
		if last != nil {
			last.rework = true
		}
	}
}

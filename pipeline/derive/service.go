package derive

import (
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Input is all that is known of one service. Facts may come in any order and in
// any number of versions: the highest counts.
type Input struct {
	Service    schema.Service
	Ownerships []schema.Ownership
	// Deployments that resolve to the service, in every environment and state.
	Deployments []schema.Deployment
	// Incidents are all updates of the incidents that name the service.
	Incidents []schema.IncidentUpdate
	// Repo is the service's repository; nil when it has none. Former are those that
	// it was deployed from before it moved.
	Repo   *Repo
	Former []*Repo
	// Now decides which times are absurd, and nothing else.
	Now time.Time
}

// Output is what follows from an Input, each kind in the order of its key, with
// no version set.
type Output struct {
	Releases  []schema.Release
	Changes   []schema.ChangeDeployed
	Incidents []schema.Incident
}

// Service concludes what happened to a service. It is pure: equal facts in any
// order give equal rows (invariant 3). The options must be valid.
func Service(in Input, opt Options) Output {
	if in.Repo == nil {
		in.Repo = NewRepo(RepoFacts{})
	}
	in.Ownerships = owners(in.Ownerships)
	all := group(attempts(&in, &opt), &in, &opt)
	c := claim(&in, &opt, liveOrder(all))
	incidents := slices.DeleteFunc(foldIncidents(in.Incidents, in.Now), func(i *incident) bool { return i.withdrawn })
	judge(c, all, incidents)

	var out Output
	for _, r := range all {
		out.Releases = append(out.Releases, r.row)
	}
	out.Changes = c.rows()
	for _, i := range incidents {
		i.row.ServiceID = in.Service.ServiceID
		i.row.TeamID = teamAt(in.Ownerships, i.row.StartedAt)
		out.Incidents = append(out.Incidents, i.row)
	}
	slices.SortFunc(out.Releases, func(a, b schema.Release) int { return strings.Compare(a.ReleaseID, b.ReleaseID) })
	slices.SortFunc(out.Incidents, func(a, b schema.Incident) int { return strings.Compare(a.IncidentID, b.IncidentID) })
	return out
}

// repoOf is the repository that a deployment is of: the one that it names, if the
// service was ever in that, else the service's own.
func (in *Input) repoOf(d *schema.Deployment) *Repo {
	for _, r := range in.Former {
		if r.id == d.Repo {
			return r
		}
	}
	return in.Repo
}

package derive

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// release is a Release in the making.
type release struct {
	row schema.Release
	// key is the identity of its version: the commit, else the version's text.
	key string
	// commit is an id in the graph of repo, or none.
	repo   *Repo
	commit int32
	// began and introduced are when its first deployment finished and first
	// succeeded; only a release that succeeded is introduced.
	began, introduced time.Time
	// at is when each environment first had the version, started when the
	// deployment that brought it began.
	at, started map[string]time.Time
	// position of its first deployment among all of the service.
	position int
	// flagged: the sender itself says that it is a rollback.
	flagged bool
	// live releases succeeded at a believable time; order is the place among them.
	live  bool
	order int
	// fresh: contains commits or a version that no earlier release had.
	fresh   bool
	changes []int32
}

// attempt is one finished production deployment, resolved.
type attempt struct {
	*schema.Deployment
	key        string
	sha        string
	repo       *Repo
	commit     int32
	finishedAt time.Time
}

func (a *attempt) succeeded() bool { return a.Status == schema.StatusSuccess }

// attempts lists the finished production deployments in the order they finished.
func attempts(in *Input, opt *Options) []attempt {
	var out []attempt
	deployments := toldOnce(newest(in.Deployments, func(d *schema.Deployment) string { return d.DeploymentID }))
	for i := range deployments {
		d := &deployments[i]
		finished := d.Status == schema.StatusSuccess || d.Status == schema.StatusFailure
		if !finished || opt.tier(in.Service.ServiceID, d) != schema.TierProduction {
			continue
		}
		a := attempt{Deployment: d, repo: in.repoOf(d), finishedAt: finishedAt(d)}
		a.sha, a.commit = a.repo.resolve(d)
		switch {
		case a.sha != "":
			a.key = "commit " + a.sha
		case d.Version != "":
			a.key = "version " + d.Version
		default:
			a.key = "deployment " + d.DeploymentID
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b attempt) int {
		return cmp.Or(a.finishedAt.Compare(b.finishedAt), strings.Compare(a.DeploymentID, b.DeploymentID))
	})
	return out
}

// finishedAt falls back on the times that a sender does give.
func finishedAt(d *schema.Deployment) time.Time {
	switch {
	case d.FinishedAt != nil:
		return *d.FinishedAt
	case d.StartedAt != nil:
		return *d.StartedAt
	}
	return d.CreatedAt
}

func startedAt(d *schema.Deployment, now time.Time) time.Time {
	at := d.CreatedAt
	if d.StartedAt != nil {
		at = *d.StartedAt
	}
	if absurd(at, now) {
		return finishedAt(d)
	}
	return at
}

// group makes releases of attempts (DEFINITIONS, "Release").
func group(tries []attempt, in *Input, opt *Options) []*release {
	var out []*release
	open := map[string]*release{}
	// overtaken is, by environment, the position of the latest release to succeed.
	overtaken := map[string]int{}
	members := map[*release][]*attempt{}
	for i := range tries {
		a := &tries[i]
		r := open[a.key]
		if r == nil || a.finishedAt.Sub(r.began) > opt.FanOutWindow || overtaken[a.Environment] > r.position {
			r = &release{key: a.key, repo: a.repo, commit: a.commit, began: a.finishedAt, position: i}
			open[a.key] = r
			out = append(out, r)
		}
		members[r] = append(members[r], a)
		if a.succeeded() {
			overtaken[a.Environment] = max(overtaken[a.Environment], r.position)
		}
	}
	for _, r := range out {
		r.fill(members[r], in)
	}
	return out
}

// fill computes the release from its attempts, which come in the order they
// finished.
func (r *release) fill(tries []*attempt, in *Input) {
	first := tries[0]
	r.at, r.started = map[string]time.Time{}, map[string]time.Time{}
	r.row = schema.Release{
		DerivedMeta: schema.DerivedMeta{ServiceID: in.Service.ServiceID},
		ReleaseID:   first.DeploymentID,
		Repo:        first.Repo,
		Commit:      first.sha,
	}
	if r.row.Repo == "" {
		r.row.Repo = r.repo.id
	}
	if r.commit != none {
		r.row.CommitKnown = 1
	}
	ends := map[string]time.Time{}
	for _, a := range tries {
		if r.row.DeployedVersion == "" {
			r.row.DeployedVersion = a.Version
		}
		if r.row.URL == "" {
			r.row.URL = a.URL
		}
		started := startedAt(a.Deployment, in.Now)
		if r.row.StartedAt.IsZero() || started.Before(r.row.StartedAt) {
			r.row.StartedAt = started
		}
		r.row.Deployments = append(r.row.Deployments, a.DeploymentID)
		r.flagged = r.flagged || (a.IsRollback != 0 && a.succeeded())
		if _, has := r.at[a.Environment]; has {
			continue
		}
		ends[a.Environment] = a.finishedAt
		if a.succeeded() {
			r.at[a.Environment], r.started[a.Environment] = a.finishedAt, started
			if r.row.Succeeded == 0 {
				r.row.Succeeded, r.introduced = 1, a.finishedAt
			}
		}
	}
	for env, end := range ends {
		r.row.Environments = append(r.row.Environments, env)
		if end.After(r.row.FinishedAt) {
			r.row.FinishedAt = end
		}
	}
	slices.Sort(r.row.Environments)
	r.live = r.row.Succeeded == 1
	if absurd(r.row.FinishedAt, in.Now) || absurd(r.began, in.Now) {
		r.row.Excluded, r.live = schema.ExcludedAbsurd, false
	}
	r.row.TeamID = teamAt(in.Ownerships, r.row.FinishedAt)
}

// liveOrder gives the live releases in the order they were introduced, ancestors
// first where two were introduced at once.
func liveOrder(releases []*release) []*release {
	generation := func(r *release) int32 {
		if r.commit == none {
			return none
		}
		return r.repo.graph.generation[r.commit]
	}
	var out []*release
	for _, r := range releases {
		if r.live {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *release) int {
		return cmp.Or(a.introduced.Compare(b.introduced), cmp.Compare(generation(a), generation(b)), strings.Compare(a.row.ReleaseID, b.row.ReleaseID))
	})
	for i, r := range out {
		r.order = i
	}
	return out
}

package derive

import (
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// unclaimed and history are places in claims.by beside the order of a release.
const (
	unclaimed = int32(-1)
	// history: contained in a baseline, so deployed at a time that is not known.
	history = int32(-2)
	// elsewhere: deployed, and not a change of this service.
	elsewhere = int32(-3)
)

// claims is which release first contains each commit and deploys each change.
type claims struct {
	in    *Input
	opt   *Options
	repo  *Repo
	live  []*release
	first []int32 // by commit: order of the first release that contains it, or unclaimed
	by    []int32 // by change: order of the release that deploys it, or one of the above
	rows  map[int32]*schema.ChangeDeployed
	// copied are the commits of requests of several commits of which a copy is
	// in production.
	copied map[int32]bool
	walker *walker
}

// claim walks the graph from every live release down to what earlier ones
// contain, so that all of them together touch each commit once.
func claim(in *Input, opt *Options, live []*release) *claims {
	c := &claims{in: in, opt: opt, repo: in.Repo, live: live, rows: map[int32]*schema.ChangeDeployed{}, copied: map[int32]bool{}, walker: newWalker(in.Repo.graph)}
	c.first = filled(len(c.repo.graph.commits))
	c.by = filled(len(c.repo.requests) + len(c.repo.graph.commits))
	versions := map[string]bool{}
	known := false
	for i, r := range live {
		r.fresh = !versions[r.key]
		versions[r.key] = true
		if i == 0 && !c.claimsHistory(r) {
			r.row.Baseline = 1
		}
		if r.commit == none {
			continue
		}
		// A first release of unknown content leaves the next without a basis.
		if !known && i > 0 && !c.claimsHistory(live[0]) {
			r.row.Baseline = 1
		}
		known = true
		fresh := c.walk(r)
		r.fresh = len(fresh) > 0
		c.deploy(r, fresh)
	}
	return c
}

func filled(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = unclaimed
	}
	return out
}

// claimsHistory says that the service was new at its first release, so that all
// that is in it was deployed by it (DEFINITIONS, "Baseline").
func (c *claims) claimsHistory(first *release) bool {
	created := c.in.Service.CreatedAt
	if created == nil || absurd(*created, c.in.Now) {
		return false
	}
	age := first.introduced.Sub(*created)
	return age >= 0 && age <= time.Duration(c.opt.BaselineDays)*24*time.Hour
}

// walk lists the commits that r is the first to contain.
func (c *claims) walk(r *release) []int32 {
	order := int32(r.order) //nolint:gosec // Fewer releases than 2³¹.
	if c.first[r.commit] != unclaimed {
		return nil
	}
	c.first[r.commit] = order
	fresh := []int32{r.commit}
	for i := 0; i < len(fresh); i++ {
		for _, p := range c.repo.graph.parents(fresh[i]) {
			if p != none && c.first[p] == unclaimed {
				c.first[p] = order
				fresh = append(fresh, p)
			}
		}
	}
	return fresh
}

// deploy claims for r the changes that its fresh commits carry, whole changes
// before copies of them.
func (c *claims) deploy(r *release, fresh []int32) {
	slices.Sort(fresh)
	trunk := c.trunk(r, fresh)
	for _, k := range fresh {
		for _, l := range c.repo.links[k] {
			if l.rule == schema.LinkAncestor {
				c.take(r, l.change, l.rule, l.evidence)
			}
		}
		switch n := c.repo.commitChange(k); {
		case !c.repo.isOwnChange(k):
		case trunk(k):
			c.take(r, n, schema.LinkCommit, c.repo.graph.commits[k].SHA)
		case c.by[n] == unclaimed:
			c.by[n] = elsewhere
		}
	}
	for _, k := range fresh {
		for _, l := range c.repo.links[k] {
			if l.rule == schema.LinkCherryPick && c.complete(l, trunk(k)) {
				c.take(r, l.change, l.rule, l.evidence)
			}
		}
	}
	r.row.Changes = uint32(len(r.changes)) //nolint:gosec // Fewer changes than 2³².
}

// trunk says which commits may be changes of their own (Options.DirectCommits).
func (c *claims) trunk(r *release, fresh []int32) func(int32) bool {
	switch c.opt.DirectCommits {
	case DirectOff:
		return func(int32) bool { return false }
	case DirectFirstParent:
		line := make(map[int32]bool, len(fresh))
		order := c.first[r.commit]
		for k := r.commit; k != none && c.first[k] == order && !line[k]; k = c.repo.graph.firstParent(k) {
			line[k] = true
		}
		return func(k int32) bool { return line[k] }
	}
	return func(int32) bool { return true }
}

// complete says that with this copy all of the change is in production. The copy
// of a commit without request counts where the commit itself would.
func (c *claims) complete(l link, trunk bool) bool {
	if l.part == none {
		_, isCommit := c.repo.isCommit(l.change)
		return !isCommit || trunk
	}
	c.copied[l.part] = true
	q := &c.repo.requests[l.change]
	all := func(commits []int32) bool {
		return len(commits) > 0 && !slices.ContainsFunc(commits, func(k int32) bool { return !c.copied[k] })
	}
	return all(q.result) || all(q.branch)
}

// take gives a change to r unless an earlier release has it.
func (c *claims) take(r *release, change int32, rule, evidence string) {
	if c.by[change] != unclaimed {
		return
	}
	if r.row.Baseline != 0 {
		c.by[change] = history
		return
	}
	touches, note := c.touches(change)
	if !touches {
		c.by[change] = elsewhere
		return
	}
	c.by[change] = int32(r.order) //nolint:gosec // Fewer releases than 2³¹.
	r.changes = append(r.changes, change)
	row := c.row(r, change)
	row.Rule = rule
	row.Evidence = evidence
	if note != "" {
		row.Evidence += "; " + note
	}
	c.rows[change] = row
}

// row describes a change, without saying why r deploys it.
func (c *claims) row(r *release, change int32) *schema.ChangeDeployed {
	out := &schema.ChangeDeployed{
		DerivedMeta: schema.DerivedMeta{ServiceID: c.in.Service.ServiceID, TeamID: teamAt(c.in.Ownerships, r.row.FinishedAt)},
		ReleaseID:   r.row.ReleaseID,
		Repo:        c.repo.id,
		DeployedAt:  r.row.FinishedAt,
	}
	var landed *time.Time
	if k, ok := c.repo.isCommit(change); ok {
		commit := &c.repo.graph.commits[k]
		landed = &commit.CommittedAt
		out.ChangeID = c.repo.id + "@" + commit.SHA
		out.Kind, out.Title, out.URL = schema.ChangeKindCommit, commit.Title, commit.URL
		out.FirstCommitAt = &commit.AuthoredAt
	} else {
		q := &c.repo.requests[change]
		out.ChangeID = q.ChangeID
		out.Kind, out.Title, out.URL = schema.ChangeKindRequest, q.Title, q.URL
		out.FirstCommitAt, out.FirstReviewAt, out.MergedAt = q.firstCommit, q.firstReview, q.MergedAt
		if q.OpenedAt.After(schema.MinTime) {
			out.OpenedAt = &q.OpenedAt
		}
	}
	measure(out, landed, c.in.Now)
	return out
}

// touches says whether a change touches the service's paths, and what is not
// known about that. A change whose paths are not known counts.
func (c *claims) touches(change int32) (yes bool, note string) {
	g := c.repo.graph
	var commits []int32
	k, isCommit := c.repo.isCommit(change)
	if isCommit {
		commits = []int32{k}
	} else {
		q := &c.repo.requests[change]
		note = q.gap
		commits = q.result
		switch {
		case q.merge == none:
		case g.isMerge(q.merge) && len(g.commits[q.merge].Paths) > 0:
			commits = []int32{q.merge}
		case len(commits) == 1 && !allKnown(g, commits) && len(q.branch) > 0:
			commits = q.branch
		}
	}
	if len(c.in.Service.Paths) == 0 {
		return true, note
	}
	for _, k := range commits {
		if slices.ContainsFunc(g.commits[k].Paths, c.inPaths) {
			return true, note
		}
	}
	if len(commits) == 0 || !allKnown(g, commits) {
		return true, strings.TrimPrefix(note+"; paths are not known", "; ")
	}
	return false, ""
}

func allKnown(g *graph, commits []int32) bool {
	return !slices.ContainsFunc(commits, func(k int32) bool { return g.commits[k].PathsKnown == 0 })
}

// inPaths compares whole segments: "shop" has "shop/main.go", not "shopping/x".
func (c *claims) inPaths(path string) bool {
	return slices.ContainsFunc(c.in.Service.Paths, func(p string) bool {
		p = strings.Trim(strings.TrimPrefix(p, "."), "/")
		return p == "" || path == p || strings.HasPrefix(path, p+"/")
	})
}

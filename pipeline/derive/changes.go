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
	in   *Input
	opt  *Options
	live []*release
	// paths are the service's, each ending in a slash; "/" is the whole repository.
	paths []string
	// books are those of the service's repositories, the present one first.
	books []*book
}

// book is the claims in one repository.
type book struct {
	repo  *Repo
	first []int32                  // by commit: order of the first release that contains it, or unclaimed
	by    []int32                  // by change: order of the release that deploys it, or one of the above
	rows  []*schema.ChangeDeployed // by change; nil where none is deployed
	// copied are the commits of requests of several commits of which a copy is
	// in production.
	copied map[int32]bool
	walker *walker
	// based: a release has shown what was in production before the next.
	based bool
	// infrastructure says of the paths looked at whether they are: many commits touch
	// the same files.
	infrastructure map[string]bool
}

func newBook(r *Repo) *book {
	changes := len(r.requests) + len(r.graph.commits)
	return &book{
		repo: r, first: filled(len(r.graph.commits)), by: filled(changes),
		rows: make([]*schema.ChangeDeployed, changes), copied: map[int32]bool{}, walker: newWalker(r.graph),
		infrastructure: map[string]bool{},
	}
}

// claim walks the graph from every live release down to what earlier ones
// contain, so that all of them together touch each commit once.
func claim(in *Input, opt *Options, live []*release) *claims {
	c := &claims{in: in, opt: opt, live: live, books: []*book{newBook(in.Repo)}}
	for _, p := range in.Service.Paths {
		c.paths = append(c.paths, strings.Trim(strings.TrimPrefix(p, "."), "/")+"/")
	}
	for _, r := range in.Former {
		c.books = append(c.books, newBook(r))
	}
	versions := map[string]bool{}
	for i, r := range live {
		r.fresh = !versions[r.key]
		versions[r.key] = true
		if i == 0 && !c.claimsHistory(r) {
			r.row.Baseline = 1
		}
		if r.commit != none {
			c.enter(r)
		}
	}
	return c
}

// enter claims what a live release of a known commit contains. A commit that the
// service's other repositories have too is in production as theirs as well, so
// that a repository that was moved with its history goes on where it was.
func (c *claims) enter(r *release) {
	b := c.book(r)
	moved := slices.ContainsFunc(c.books, func(o *book) bool { return o.based })
	// A first release of unknown content leaves the next without a basis, and so
	// does a move to where nothing is known of what was before.
	if !b.based && (moved || (r.order > 0 && !c.claimsHistory(c.live[0]))) {
		r.row.Baseline = 1
	}
	for _, o := range c.books {
		k := r.commit
		if o != b {
			k = o.repo.graph.id(r.row.Commit)
		}
		if k == none {
			continue
		}
		o.based = true
		fresh := o.walk(r, k)
		if o == b {
			r.fresh = len(fresh) > 0
		}
		c.deploy(o, r, k, fresh)
	}
	r.row.Changes = uint32(len(r.changes)) //nolint:gosec // Fewer changes than 2³².
}

// book is the one of the release's repository.
func (c *claims) book(r *release) *book {
	return c.books[slices.IndexFunc(c.books, func(b *book) bool { return b.repo == r.repo })]
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

// walk lists the commits of the repository that r, at commit k, is the first to
// contain.
func (b *book) walk(r *release, k int32) []int32 {
	order := int32(r.order) //nolint:gosec // Fewer releases than 2³¹.
	if b.first[k] != unclaimed {
		return nil
	}
	b.first[k] = order
	fresh := []int32{k}
	for i := 0; i < len(fresh); i++ {
		for _, p := range b.repo.graph.parents(fresh[i]) {
			if p != none && b.first[p] == unclaimed {
				b.first[p] = order
				fresh = append(fresh, p)
			}
		}
	}
	return fresh
}

// deploy claims for r, at commit tip of a book's repository, the changes that its
// fresh commits carry, whole changes before copies of them.
func (c *claims) deploy(b *book, r *release, tip int32, fresh []int32) {
	slices.SortFunc(fresh, func(x, y int32) int {
		if b.repo.graph.less(x, y) {
			return -1
		}
		return 1
	})
	trunk := c.trunk(b, tip, fresh)
	for _, k := range fresh {
		for _, l := range b.repo.links[k] {
			if l.rule == schema.LinkAncestor {
				c.take(b, r, l.change, l.rule, l.evidence)
			}
		}
		switch n := b.repo.commitChange(k); {
		case !b.repo.isOwnChange(k):
		case trunk(k):
			c.take(b, r, n, schema.LinkCommit, b.repo.graph.commits[k].SHA)
		case b.by[n] == unclaimed:
			b.by[n] = elsewhere
		}
	}
	for _, k := range fresh {
		for _, l := range b.repo.links[k] {
			if l.rule == schema.LinkCherryPick && b.complete(l, trunk(k)) {
				c.take(b, r, l.change, l.rule, l.evidence)
			}
		}
	}
}

// trunk says which commits may be changes of their own (Options.DirectCommits).
func (c *claims) trunk(b *book, tip int32, fresh []int32) func(int32) bool {
	switch c.opt.DirectCommits {
	case DirectOff:
		return func(int32) bool { return false }
	case DirectFirstParent:
		line := make(map[int32]bool, len(fresh))
		order := b.first[tip]
		for k := tip; k != none && b.first[k] == order && !line[k]; k = b.repo.graph.firstParent(k) {
			line[k] = true
		}
		return func(k int32) bool { return line[k] }
	}
	return func(int32) bool { return true }
}

// complete says that with this copy all of the change is in production. The copy
// of a commit without request counts where the commit itself would.
func (b *book) complete(l link, trunk bool) bool {
	if l.part == none {
		_, isCommit := b.repo.isCommit(l.change)
		return !isCommit || trunk
	}
	b.copied[l.part] = true
	q := &b.repo.requests[l.change]
	all := func(commits []int32) bool {
		return len(commits) > 0 && !slices.ContainsFunc(commits, func(k int32) bool { return !b.copied[k] })
	}
	return all(q.result) || all(q.branch)
}

// take gives a change to r unless an earlier release has it. What is in
// production from another repository is history here.
func (c *claims) take(b *book, r *release, change int32, rule, evidence string) {
	if b.by[change] != unclaimed {
		return
	}
	if r.row.Baseline != 0 || b.repo != r.repo {
		b.by[change] = history
		return
	}
	touches, note := c.touches(b, change)
	if !touches {
		b.by[change] = elsewhere
		return
	}
	b.by[change] = int32(r.order) //nolint:gosec // Fewer releases than 2³¹.
	r.changes = append(r.changes, change)
	row := c.row(b, r, change)
	row.Rule = rule
	row.Evidence = evidence
	if note != "" {
		row.Evidence += "; " + note
	}
	b.rows[change] = row
}

// rows are the changes that were deployed, in the order of their ids. Requests and
// commits come in that order by themselves, and as a rule one after the other.
func (c *claims) rows() []schema.ChangeDeployed {
	var rows []*schema.ChangeDeployed
	for _, b := range c.books {
		add := func(change int32) {
			if r := b.rows[change]; r != nil {
				rows = append(rows, r)
			}
		}
		for n := range b.repo.requests {
			add(int32(n))
		}
		for k := range b.repo.graph.inOrder() {
			add(b.repo.commitChange(k))
		}
	}
	byID := func(a, b *schema.ChangeDeployed) int { return strings.Compare(a.ChangeID, b.ChangeID) }
	if !slices.IsSortedFunc(rows, byID) {
		slices.SortFunc(rows, byID)
	}
	out := make([]schema.ChangeDeployed, len(rows))
	for i, r := range rows {
		out[i] = *r
	}
	return out
}

// row describes a change, without saying why r deploys it.
func (c *claims) row(b *book, r *release, change int32) *schema.ChangeDeployed {
	out := &schema.ChangeDeployed{
		DerivedMeta: schema.DerivedMeta{ServiceID: c.in.Service.ServiceID, TeamID: teamAt(c.in.Ownerships, r.row.FinishedAt)},
		ReleaseID:   r.row.ReleaseID,
		Repo:        b.repo.id,
		DeployedAt:  r.row.FinishedAt,
	}
	var landed *time.Time
	result, ok := b.repo.isCommit(change)
	if ok {
		commit := &b.repo.graph.commits[result]
		landed = &commit.CommittedAt
		out.ChangeID = b.repo.id + "@" + commit.SHA
		out.Kind, out.Title, out.URL = schema.ChangeKindCommit, commit.Title, commit.URL
		out.FirstCommitAt = &commit.AuthoredAt
	} else {
		q := &b.repo.requests[change]
		result = q.merge
		out.ChangeID = q.ChangeID
		out.Kind, out.Title, out.URL = schema.ChangeKindRequest, q.Title, q.URL
		out.FirstCommitAt, out.FirstReviewAt, out.MergedAt = q.firstCommit, q.firstReview, q.MergedAt
		if q.OpenedAt.After(schema.MinTime) {
			out.OpenedAt = &q.OpenedAt
		}
	}
	measure(out, landed, c.in.Now)
	c.infrastructure(b, out, result)
	return out
}

// infrastructure notes the first file of infrastructure that the resulting commit
// touches. A merge commit without files is one whose sender does not list them.
func (c *claims) infrastructure(b *book, out *schema.ChangeDeployed, result int32) {
	if result == none {
		return
	}
	commit := &b.repo.graph.commits[result]
	if commit.PathsKnown == 0 || (len(commit.Paths) == 0 && len(commit.Parents) > 1) {
		return
	}
	out.FilesKnown = 1
	for _, path := range commit.Paths {
		is, seen := b.infrastructure[path]
		if !seen {
			is = slices.ContainsFunc(c.opt.InfrastructurePaths, func(p Pattern) bool { return p.match(path) })
			b.infrastructure[path] = is
		}
		if is {
			out.InfrastructurePath = path
			return
		}
	}
}

// touches says whether a change touches the service's paths, and what is not
// known about that. A change whose paths are not known counts.
func (c *claims) touches(b *book, change int32) (yes bool, note string) {
	g := b.repo.graph
	var commits []int32
	if k, ok := b.repo.isCommit(change); ok {
		commits = []int32{k}
	} else {
		q := &b.repo.requests[change]
		note = q.gap
		commits = q.result
		switch {
		case len(c.paths) == 0, q.merge == none:
		case g.isMerge(q.merge) && len(g.commits[q.merge].Paths) > 0:
			commits = []int32{q.merge}
		case len(commits) == 1 && !allKnown(g, commits) && len(q.branch) > 0:
			commits = q.branch
		}
	}
	if len(c.paths) == 0 {
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
	return slices.ContainsFunc(c.paths, func(p string) bool {
		return p == "/" || path == p[:len(p)-1] || strings.HasPrefix(path, p)
	})
}

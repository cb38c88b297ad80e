package derive_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// oracle computes what must follow from a history with sets and loops only, from
// the truth of the history instead of guesses about it. It shares no code with
// the package.
type oracle struct {
	h        *history
	commits  map[string]*schema.Commit
	owner    map[string]string // commit → request, by truth
	requests map[string]*mergedRequest
	facts    map[string]*schema.Change
	releases []*oracleRelease
	live     []*oracleRelease
	changes  map[string]*schema.ChangeDeployed
	// at is the live release that first has a change. isChange says that it counts
	// as one (DirectCommits), claimed that it is one of the service and not in a
	// baseline.
	at                map[string]*oracleRelease
	isChange, claimed map[string]bool
	memo              map[string]map[string]bool
}

type oracleRelease struct {
	row        schema.Release
	key        string
	tries      []schema.Deployment
	began      int // place of its first deployment
	introduced time.Time
	flagged    bool
	content    map[string]bool // all commits it contains
	before     map[string]bool // all commits that earlier live releases contain
	order      int
	blames     []oracleBlame
	mends      []oracleBlame
}

type oracleBlame struct {
	rank     int
	rule     string
	at       time.Time
	evidence string
}

func expect(h *history) derive.Output {
	o := &oracle{
		h: h, commits: map[string]*schema.Commit{}, owner: map[string]string{}, requests: map[string]*mergedRequest{}, facts: map[string]*schema.Change{},
		changes: map[string]*schema.ChangeDeployed{}, at: map[string]*oracleRelease{}, isChange: map[string]bool{}, claimed: map[string]bool{}, memo: map[string]map[string]bool{},
	}
	for i := range h.rep.Commits {
		o.commits[h.rep.Commits[i].SHA] = &h.rep.Commits[i]
	}
	for i := range h.rep.Changes {
		o.facts[h.rep.Changes[i].ChangeID] = &h.rep.Changes[i]
	}
	for _, m := range h.merged {
		o.requests[m.id] = m
		for _, s := range append(append([]string{m.merge}, m.result...), m.branch...) {
			if _, taken := o.owner[s]; !taken {
				o.owner[s] = m.id
			}
		}
	}
	o.makeReleases()
	o.makeChanges()
	return o.outcome()
}

func (o *oracle) ancestors(sha string) map[string]bool {
	if o.memo[sha] == nil {
		seen := map[string]bool{}
		var visit func(string)
		visit = func(s string) {
			if c := o.commits[s]; c != nil && !seen[s] {
				seen[s] = true
				for _, p := range c.Parents {
					visit(p)
				}
			}
		}
		visit(sha)
		o.memo[sha] = seen
	}
	return o.memo[sha]
}

func (o *oracle) commitOf(d schema.Deployment) string {
	if d.Commit != "" {
		return d.Commit
	}
	for _, t := range o.h.rep.Tags {
		if t.Name == d.Version || t.Name == "v"+d.Version {
			return t.Commit
		}
	}
	return ""
}

func (o *oracle) makeReleases() {
	var tries []schema.Deployment
	for _, d := range o.h.in.Deployments {
		if (d.Status == schema.StatusSuccess || d.Status == schema.StatusFailure) && strings.HasPrefix(d.Environment, "prod") {
			tries = append(tries, d)
		}
	}
	slices.SortFunc(tries, func(a, b schema.Deployment) int {
		return cmp.Or(a.FinishedAt.Compare(*b.FinishedAt), cmp.Compare(a.DeploymentID, b.DeploymentID))
	})
	for i, d := range tries {
		key := cmp.Or(o.commitOf(d), "version "+d.Version)
		var home *oracleRelease
		for _, r := range o.releases {
			if r.key == key {
				home = r
			}
		}
		if home != nil && d.FinishedAt.Sub(*home.tries[0].FinishedAt) > 4*time.Hour {
			home = nil
		}
		if home != nil {
			began := home.began
			for _, later := range o.releases {
				for _, other := range later.tries {
					if later.began > began && other.Environment == d.Environment && other.Status == schema.StatusSuccess {
						home = nil
					}
				}
			}
		}
		if home == nil {
			home = &oracleRelease{key: key, began: i}
			o.releases = append(o.releases, home)
		}
		home.tries = append(home.tries, d)
	}
	for _, r := range o.releases {
		o.describe(r)
	}
	slices.SortFunc(o.live, func(a, b *oracleRelease) int {
		depth := func(r *oracleRelease) int {
			if r.row.CommitKnown == 0 {
				return -1
			}
			return o.depth(r.row.Commit)
		}
		return cmp.Or(a.introduced.Compare(b.introduced), cmp.Compare(depth(a), depth(b)), cmp.Compare(a.row.ReleaseID, b.row.ReleaseID))
	})
	union := map[string]bool{}
	for i, r := range o.live {
		r.order = i
		r.before = map[string]bool{}
		for s := range union {
			r.before[s] = true
		}
		for s := range r.content {
			union[s] = true
		}
	}
}

// depth is the length of the longest way to a commit without known parents.
func (o *oracle) depth(sha string) int {
	n := 0
	for _, p := range o.commits[sha].Parents {
		if o.commits[p] != nil {
			n = max(n, o.depth(p)+1)
		}
	}
	return n
}

func (o *oracle) describe(r *oracleRelease) {
	first := r.tries[0]
	r.row = schema.Release{ReleaseID: first.DeploymentID, Repo: repo, Commit: o.commitOf(first), StartedAt: first.CreatedAt}
	r.row.ServiceID = service
	if o.commits[r.row.Commit] != nil {
		r.row.CommitKnown = 1
		r.content = o.ancestors(r.row.Commit)
	}
	ends := map[string]time.Time{}
	had := map[string]bool{}
	for _, d := range r.tries {
		r.row.DeployedVersion = cmp.Or(r.row.DeployedVersion, d.Version)
		if d.CreatedAt.Before(r.row.StartedAt) {
			r.row.StartedAt = d.CreatedAt
		}
		r.row.Deployments = append(r.row.Deployments, d.DeploymentID)
		if !slices.Contains(r.row.Environments, d.Environment) {
			r.row.Environments = append(r.row.Environments, d.Environment)
		}
		ok := d.Status == schema.StatusSuccess
		r.flagged = r.flagged || (ok && d.IsRollback == 1)
		if !had[d.Environment] {
			ends[d.Environment] = *d.FinishedAt
			had[d.Environment] = ok
		}
		if ok && r.row.Succeeded == 0 {
			r.row.Succeeded, r.introduced = 1, *d.FinishedAt
			o.live = append(o.live, r)
		}
	}
	slices.Sort(r.row.Environments)
	for _, end := range ends {
		if end.After(r.row.FinishedAt) {
			r.row.FinishedAt = end
		}
	}
	r.row.TeamID = team(r.row.FinishedAt)
}

func team(t time.Time) string {
	if t.Before(day.Add(30 * time.Hour)) {
		return "before"
	}
	return "after"
}

// original follows cherry-picks to the first commit that is known and can be a
// change.
func (o *oracle) original(sha string) string {
	for {
		from := o.commits[sha].CherryPickedFrom
		if from == "" {
			return sha
		}
		next := ""
		for s, c := range o.commits {
			if strings.HasPrefix(s, from) && (len(c.Parents) < 2 || o.owner[s] != "") {
				next = s
			}
		}
		if next == "" {
			return sha
		}
		sha = next
	}
}

// changeOf is the id of the change that a commit belongs to, or "".
func (o *oracle) changeOf(sha string) string {
	if id := o.owner[sha]; id != "" {
		return id
	}
	root := o.original(sha)
	if id := o.owner[root]; id != "" {
		return id
	}
	if len(o.commits[root].Parents) > 1 {
		return ""
	}
	return repo + "@" + root
}

// present says by which rule a set of commits holds a change, or "".
func (o *oracle) present(id string, set map[string]bool) string {
	m := o.requests[id]
	if m == nil {
		root := strings.TrimPrefix(id, repo+"@")
		if set[root] {
			return schema.LinkCommit
		}
		for s := range set {
			if o.owner[s] == "" && s != root && o.original(s) == root {
				return schema.LinkCherryPick
			}
		}
		return ""
	}
	for _, c := range m.carriers {
		if set[c] {
			return schema.LinkAncestor
		}
	}
	copied := map[string]bool{}
	for s := range set {
		if root := o.original(s); root != s && o.owner[s] != id {
			copied[root] = true
		}
	}
	all := func(list []string) bool {
		return len(list) > 0 && !slices.ContainsFunc(list, func(s string) bool { return !copied[s] })
	}
	if copied[m.merge] || all(m.result) || all(m.branch) {
		return schema.LinkCherryPick
	}
	return ""
}

func (o *oracle) makeChanges() {
	ids := map[string]bool{}
	for id := range o.requests {
		ids[id] = true
	}
	for s := range o.commits {
		if id := o.changeOf(s); id != "" {
			ids[id] = true
		}
	}
	known := false
	for i, r := range o.live {
		isNew := o.h.in.Service.CreatedAt != nil && !o.live[0].introduced.Before(*o.h.in.Service.CreatedAt)
		if !isNew && (i == 0 || (!known && r.row.CommitKnown == 1)) {
			r.row.Baseline = 1
		}
		known = known || r.row.CommitKnown == 1
		after := map[string]bool{}
		for s := range r.before {
			after[s] = true
		}
		for s := range r.content {
			after[s] = true
		}
		for id := range ids {
			if o.at[id] != nil {
				continue
			}
			rule := o.present(id, after)
			if rule == "" {
				continue
			}
			if o.requests[id] == nil && !o.mayBeCommit(id, rule, r) {
				if rule == schema.LinkCommit {
					o.at[id] = r // Deployed, and no change.
				}
				continue
			}
			o.at[id], o.isChange[id] = r, true
			if r.row.Baseline == 1 || !o.touches(id) {
				continue
			}
			o.claimed[id] = true
			r.row.Changes++
			o.changes[id] = o.change(id, rule, r)
		}
	}
}

// mayBeCommit applies Options.DirectCommits: the commit, or one of its new
// copies, must be where commits count.
func (o *oracle) mayBeCommit(id, rule string, r *oracleRelease) bool {
	switch o.h.opt.DirectCommits {
	case derive.DirectAll:
		return true
	case derive.DirectOff:
		return false
	}
	root := strings.TrimPrefix(id, repo+"@")
	for s := r.row.Commit; o.commits[s] != nil && !r.before[s]; {
		if (rule == schema.LinkCommit && s == root) || (rule == schema.LinkCherryPick && o.owner[s] == "" && o.original(s) == root) {
			return true
		}
		if len(o.commits[s].Parents) == 0 {
			break
		}
		s = o.commits[s].Parents[0]
	}
	return false
}

func (o *oracle) touches(id string) bool {
	if len(o.h.in.Service.Paths) == 0 {
		return true
	}
	commits := []string{strings.TrimPrefix(id, repo+"@")}
	if m := o.requests[id]; m != nil {
		commits = m.result
		if c := o.commits[m.merge]; len(c.Parents) < 2 && c.PathsKnown == 0 && len(m.branch) > 0 && len(m.result) == 1 {
			commits = m.branch
		}
	}
	for _, s := range commits {
		c := o.commits[s]
		if c.PathsKnown == 0 || slices.ContainsFunc(c.Paths, func(p string) bool { return strings.HasPrefix(p, "shop/") }) {
			return true
		}
	}
	return false
}

func (o *oracle) change(id, rule string, r *oracleRelease) *schema.ChangeDeployed {
	row := &schema.ChangeDeployed{ChangeID: id, ReleaseID: r.row.ReleaseID, Repo: repo, Rule: rule, DeployedAt: r.row.FinishedAt}
	row.ServiceID, row.TeamID = service, team(r.row.FinishedAt)
	var landed *time.Time
	if m := o.requests[id]; m != nil {
		f := o.facts[id]
		landed = f.MergedAt
		row.Kind, row.Title, row.FirstCommitAt, row.OpenedAt, row.MergedAt = schema.ChangeKindRequest, f.Title, m.first, &f.OpenedAt, f.MergedAt
		row.FirstReviewAt = o.firstReview(f)
	} else {
		c := o.commits[strings.TrimPrefix(id, repo+"@")]
		row.Kind, row.Title, row.FirstCommitAt = schema.ChangeKindCommit, c.Title, &c.AuthoredAt
		landed = &c.CommittedAt
	}
	result := strings.TrimPrefix(id, repo+"@")
	if m := o.requests[id]; m != nil {
		result = m.merge
	}
	if c := o.commits[result]; c.PathsKnown == 1 && (len(c.Paths) > 0 || len(c.Parents) != 2) {
		row.FilesKnown = 1
		for _, p := range c.Paths {
			if row.InfrastructurePath == "" && strings.Contains(p, "/helm/") {
				row.InfrastructurePath = p
			}
		}
	}
	seconds := func(from, to *time.Time) *float64 {
		if from == nil || to == nil || to.Sub(*from) < 0 {
			return nil
		}
		s := to.Sub(*from).Seconds()
		return &s
	}
	row.CodingSeconds = seconds(row.FirstCommitAt, row.OpenedAt)
	row.PickupSeconds = seconds(row.OpenedAt, row.FirstReviewAt)
	row.ReviewSeconds = seconds(row.FirstReviewAt, row.MergedAt)
	row.DeploySeconds = seconds(row.MergedAt, &row.DeployedAt)
	row.MergeToProductionSecs = seconds(landed, &row.DeployedAt)
	row.LeadSeconds = seconds(row.FirstCommitAt, &row.DeployedAt)
	switch {
	case row.FirstCommitAt == nil:
		row.Excluded = schema.ExcludedUnknown
	case row.LeadSeconds == nil:
		row.Excluded = schema.ExcludedNegative
	}
	return row
}

// firstReview is the first look that somebody else took before the merge.
func (o *oracle) firstReview(q *schema.Change) *time.Time {
	looks := slices.Clone(o.h.rep.Reviews)
	slices.SortFunc(looks, func(a, b schema.Review) int { return a.SubmittedAt.Compare(b.SubmittedAt) })
	for _, r := range looks {
		if r.ChangeID == q.ChangeID && r.Reviewer != "ada" && r.Reviewer != "robot" && !r.SubmittedAt.After(*q.MergedAt) {
			return &r.SubmittedAt
		}
	}
	return nil
}

package derive

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// RepoFacts are the facts of one repository, in any order and any number of
// versions.
type RepoFacts struct {
	Repo    string
	Commits []schema.Commit
	Tags    []schema.Tag
	Changes []schema.Change
	Reviews []schema.Review
}

// Repo is what the services of one repository share: its commit graph, and which
// commits belong to which change. It is immutable and safe for concurrent use.
//
// A change has a number: that of a request is its place in requests, that of a
// commit without request is len(requests) plus the commit's id.
type Repo struct {
	id       string
	graph    *graph
	tags     map[string]string
	requests []request
	byID     map[string]int32
	byMerge  map[string]int32
	// owner is the request that a commit belongs to, or none.
	owner []int32
	// into is, by request, the first to carry its result on by squash or rebase,
	// or none.
	into []int32
	// original is the commit that a cherry-pick copies, or none.
	original []int32
	// links says which changes arrive with a commit.
	links map[int32][]link
	// undoes lists what a change reverts.
	undoes map[int32][]target
}

// request is a merged pull or merge request.
type request struct {
	schema.Change
	// merge is the commit that the merge produced, or none when not known.
	merge int32
	// result are the commits that the merge put on the base branch, merges apart:
	// one for a squash, the branch itself for a merge.
	result []int32
	// branch are the request's own commits before a squash or rebase, when known.
	branch []int32
	// walked are the commits that a walk of the graph found for it, from which result
	// and branch were chosen, and from where it walked.
	walked []int32
	ends   walkEnds
	// gap says which part of its history is not known, or "".
	gap         string
	firstCommit *time.Time
	firstReview *time.Time
}

// walkEnds are between which commits a request's own ones were looked for. Equal ends
// give equal commits, also in a longer graph.
type walkEnds struct {
	from, to int32
	count    uint32
}

// link says that a commit carries a change into every release that contains it.
type link struct {
	change int32
	// part is the request's commit of which this is a copy; none when the commit
	// carries the whole change.
	part     int32
	rule     string
	evidence string
}

// target is what a change reverts: a change, or a merge commit without request.
type target struct{ change, commit int32 }

// NewRepo finds out which commits belong to which change.
func NewRepo(f RepoFacts) *Repo { return newRepo(f, newGraph(f.Commits), nil) }

// Extend is NewRepo of the facts with the commits that r has and those added,
// whatever f.Commits says. Where nothing that was known depends on the added commits,
// its walks are only those that they need; else it is not ok. Only the
// latest Repo of a repository may be extended, once.
func (r *Repo) Extend(f RepoFacts, added []schema.Commit) (longer *Repo, ok bool) {
	g, ok := r.graph.extend(added)
	if !ok {
		return nil, false
	}
	return newRepo(f, g, r), true
}

// newRepo takes the walks of before, if that is given, from it.
func newRepo(f RepoFacts, g *graph, before *Repo) *Repo {
	r := &Repo{
		id:      f.Repo,
		graph:   g,
		tags:    make(map[string]string, len(f.Tags)),
		byID:    make(map[string]int32, len(f.Changes)),
		byMerge: make(map[string]int32, len(f.Changes)),
		links:   make(map[int32][]link, len(f.Changes)),
		undoes:  map[int32][]target{},
	}
	for _, t := range newest(f.Tags, func(t *schema.Tag) string { return t.Name }) {
		r.tags[t.Name] = t.Commit
	}
	r.addRequests(f.Changes)
	r.addReviews(f.Reviews)
	order := r.oldestFirst()
	r.assignCommits(newWalker(r.graph), order, before)
	r.linkMerges(order)
	r.linkCopies()
	r.findReverts()
	return r
}

func (r *Repo) addRequests(changes []schema.Change) {
	changes = newest(changes, func(c *schema.Change) string { return c.ChangeID })
	r.requests = make([]request, 0, len(changes))
	for _, c := range sortedBy(changes, func(c *schema.Change) string { return c.ChangeID }) {
		if c.State != schema.ChangeMerged || c.MergeSHA == "" {
			continue
		}
		n := int32(len(r.requests)) //nolint:gosec // A repository has fewer requests than 2³¹.
		r.byID[c.ChangeID] = n
		if _, ok := r.byMerge[c.MergeSHA]; !ok {
			r.byMerge[c.MergeSHA] = n
		}
		r.requests = append(r.requests, request{Change: c, merge: r.graph.id(c.MergeSHA)})
	}
}

// addReviews finds the first review by somebody else. A review after the merge
// held nothing up and is not counted, nor is a bot's.
func (r *Repo) addReviews(reviews []schema.Review) {
	for _, v := range newest(reviews, func(v *schema.Review) string { return v.ChangeID + "\x00" + v.ReviewID }) {
		n, ok := r.byID[v.ChangeID]
		if !ok || v.ReviewerIsBot != 0 || v.Reviewer == r.requests[n].Author {
			continue
		}
		q := &r.requests[n]
		if q.MergedAt != nil && v.SubmittedAt.After(*q.MergedAt) {
			continue
		}
		if q.firstReview == nil || v.SubmittedAt.Before(*q.firstReview) {
			at := v.SubmittedAt
			q.firstReview = &at
		}
	}
}

// changeOf is the number of the change that a commit belongs to, or none for a
// merge commit without request. A copy belongs to its original's change, unless a
// request of its own carried it.
func (r *Repo) changeOf(c int32) int32 {
	for range len(r.graph.commits) {
		switch {
		case r.owner[c] != none:
			return r.owner[c]
		case r.original[c] != none:
			c = r.original[c]
		case r.graph.isMerge(c):
			return none
		default:
			return r.commitChange(c)
		}
	}
	return none
}

func (r *Repo) commitChange(c int32) int32 { return int32(len(r.requests)) + c } //nolint:gosec // As in addRequests.

// isCommit splits a change's number into the commit it is, if it is one.
func (r *Repo) isCommit(change int32) (int32, bool) {
	n := int32(len(r.requests)) //nolint:gosec // As in addRequests.
	return change - n, change >= n
}

// resolve finds the commit of a deployment: its text, and its id when the graph
// has it.
func (r *Repo) resolve(d *schema.Deployment) (sha string, id int32) {
	if r == nil || (d.Repo != "" && d.Repo != r.id) {
		return d.Commit, none
	}
	sha = d.Commit
	if sha == "" {
		sha = r.bySpelling(d.Version)
	}
	if id = r.graph.lookup(sha); id != none {
		sha = r.graph.commits[id].SHA
	}
	if id == none && d.Commit == "" && sha == d.Version {
		return "", none
	}
	return sha, id
}

// bySpelling is the commit of the tag that a version names, with or without its
// leading v, else the version itself, which may be an abbreviated SHA.
func (r *Repo) bySpelling(version string) string {
	for _, name := range []string{version, "v" + version, strings.TrimPrefix(version, "v")} {
		if sha, ok := r.tags[name]; ok && name != "" {
			return sha
		}
	}
	return version
}

// oldestFirst orders requests so that one merged into another's branch comes
// before it. Generations alone would not do: a squash lies below the branch it
// comes from.
func (r *Repo) oldestFirst() []int32 {
	order := make([]int32, 0, len(r.requests))
	for i := range r.requests {
		if r.requests[i].merge != none {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		x, y := &r.requests[a], &r.requests[b]
		return cmp.Or(
			r.mergedAt(x).Compare(r.mergedAt(y)),
			cmp.Compare(r.graph.generation[x.merge], r.graph.generation[y.merge]),
			strings.Compare(x.ChangeID, y.ChangeID),
		)
	})
	return order
}

func (r *Repo) mergedAt(q *request) time.Time {
	if q.MergedAt == nil {
		return r.graph.commits[q.merge].CommittedAt
	}
	return *q.MergedAt
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

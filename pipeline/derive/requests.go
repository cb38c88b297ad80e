package derive

import (
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// rebasedTogether is how far apart the commit times of one rebase may lie: the
// server writes all commits at once.
const rebasedTogether = time.Minute

// assignCommits gives every commit to at most one request, the innermost first:
// a commit of a request that was merged into another's branch stays its own. The
// order is that of oldestFirst.
func (r *Repo) assignCommits(w *walker, order []int32, before *Repo) {
	r.owner, r.into = allNone(len(r.graph.commits)), allNone(len(r.requests))
	for _, n := range order {
		q := &r.requests[n]
		r.walk(w, q, before)
		switch {
		case q.HeadSHA == q.MergeSHA:
			q.result = r.take(n, q.walked)
		case r.graph.isMerge(q.merge):
			r.assignMerge(n, q)
		default:
			r.assignLine(n, q)
		}
		q.firstCommit = r.firstCommit(q)
	}
	for i := range r.requests {
		if q := &r.requests[i]; q.merge == none {
			q.firstCommit = q.FirstCommitAt
		}
	}
}

func allNone(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = none
	}
	return out
}

// take gives free commits to request n and returns those it got that are not
// merges.
func (r *Repo) take(n int32, commits []int32) []int32 {
	got := make([]int32, 0, len(commits))
	for _, c := range commits {
		if r.owner[c] != none {
			continue
		}
		r.owner[c] = n
		if !r.graph.isMerge(c) {
			got = append(got, c)
		}
	}
	return got
}

// walk finds the commits that a request may have brought, unless before has walked
// between the same ends.
func (r *Repo) walk(w *walker, q *request, before *Repo) {
	g := r.graph
	count := max(1, int(q.CommitCount))
	q.ends = walkEnds{q.merge, g.id(q.HeadSHA), q.CommitCount}
	if q.HeadSHA == q.MergeSHA {
		q.ends.from = g.id(q.BaseSHA)
	}
	if before != nil {
		if n, ok := before.byID[q.ChangeID]; ok && before.requests[n].ends == q.ends {
			q.walked = before.requests[n].walked
			return
		}
	}
	parents := g.parents(q.merge)
	switch {
	case q.HeadSHA == q.MergeSHA:
		q.walked = r.forwarded(w, q)
	case g.isMerge(q.merge) && parents[0] == none:
		// Without the base there is no telling where the branch began.
		q.walked = r.line(parents[1], count)
	case g.isMerge(q.merge):
		q.walked = w.between(parents[1:], parents[:1])
	case q.ends.to == none:
		// The branch is not known.
	case g.firstParent(q.merge) == none:
		q.walked = r.line(q.ends.to, count)
	default:
		q.walked = w.between([]int32{q.ends.to}, []int32{q.merge})
	}
}

// assignMerge: the commits of a true merge are those that its further parents
// have and its first parent has not.
func (r *Repo) assignMerge(n int32, q *request) {
	g := r.graph
	r.take(n, []int32{q.merge})
	for i, p := range g.parents(q.merge) {
		if p == none {
			q.gap = "parent " + g.commits[q.merge].Parents[i] + " of the merge commit is not known"
		}
	}
	q.result = r.take(n, q.walked)
}

// assignLine: a merge commit with one parent is a squash or the last commit of a
// rebase. Senders do not say which.
func (r *Repo) assignLine(n int32, q *request) {
	if q.ends.to == none {
		q.result = r.take(n, r.likelyRebase(q))
		return
	}
	for _, c := range q.walked {
		if inner, ok := r.byMerge[r.graph.commits[c].SHA]; ok && inner != n && r.into[inner] == none {
			r.into[inner] = n
		}
	}
	q.result = r.take(n, r.rebased(q, q.walked))
	q.branch = r.take(n, q.walked)
}

// line lists at most limit commits along first parents.
func (r *Repo) line(c int32, limit int) []int32 {
	var out []int32
	for c != none && len(out) < limit {
		out = append(out, c)
		c = r.graph.firstParent(c)
	}
	return out
}

// forwarded lists the commits of a fast-forward, whose head is the merge commit
// itself: those since the base, or as many as the sender counts.
func (r *Repo) forwarded(w *walker, q *request) []int32 {
	count := int(q.CommitCount)
	if base := r.graph.id(q.BaseSHA); base != none && w.reaches(base, q.merge) {
		if commits := w.between([]int32{q.merge}, []int32{base}); count == 0 || len(commits) <= count {
			return commits
		}
	}
	return r.line(q.merge, max(1, count))
}

// rebased lists the commits on the base branch that are copies of the branch's:
// a rebase keeps author time and title. A squash has one commit, unlike them.
func (r *Repo) rebased(q *request, branch []int32) []int32 {
	type likeness struct {
		at    time.Time
		title string
	}
	like := func(c int32) likeness {
		k := &r.graph.commits[c]
		return likeness{k.AuthoredAt, k.Title}
	}
	left := map[likeness]int{}
	for _, c := range branch {
		if !r.graph.isMerge(c) {
			left[like(c)]++
		}
	}
	var out []int32
	for c := q.merge; c != none && !r.graph.isMerge(c) && left[like(c)] > 0; c = r.graph.firstParent(c) {
		if c != q.merge && !r.free(c) {
			break
		}
		left[like(c)]--
		out = append(out, c)
	}
	if len(out) == 0 {
		return []int32{q.merge}
	}
	return out
}

// likelyRebase is rebased when the branch is not known: as many commits as the
// sender counts, in a row, written at one moment, the last not titled as a
// squash would be.
func (r *Repo) likelyRebase(q *request) []int32 {
	g := r.graph
	last := &g.commits[q.merge]
	squash := []int32{q.merge}
	if q.CommitCount < 2 || last.Title == q.Title || strings.Contains(last.Title, "(#"+strconv.FormatUint(q.Number, 10)+")") {
		return squash
	}
	commits := r.line(q.merge, int(q.CommitCount))
	if len(commits) < int(q.CommitCount) {
		return squash
	}
	for _, c := range commits {
		apart := last.CommittedAt.Sub(g.commits[c].CommittedAt).Abs()
		if g.isMerge(c) || apart > rebasedTogether || (c != q.merge && !r.free(c)) {
			return squash
		}
	}
	return commits
}

// free says that a commit belongs to no request and no request ends with it.
func (r *Repo) free(c int32) bool {
	_, ends := r.byMerge[r.graph.commits[c].SHA]
	return !ends && r.owner[c] == none
}

// firstCommit is when work on a request began: what the sender says, else the
// earliest author time of its commits. The author time of a squash is when it was
// squashed; it counts only when it lies before the request was opened, for then
// it is of the work.
func (r *Repo) firstCommit(q *request) *time.Time {
	if q.FirstCommitAt != nil {
		return q.FirstCommitAt
	}
	commits := q.branch
	if len(commits) == 0 {
		commits = q.result
	}
	if r.squashedBlindly(q) {
		opened := q.OpenedAt
		if !opened.After(schema.MinTime) {
			opened = timeOf(q.MergedAt)
		}
		if !r.graph.commits[q.merge].AuthoredAt.Before(opened) {
			return nil
		}
	}
	if len(commits) == 0 {
		return nil
	}
	first := r.graph.commits[commits[0]].AuthoredAt
	for _, c := range commits[1:] {
		if at := r.graph.commits[c].AuthoredAt; at.Before(first) {
			first = at
		}
	}
	return &first
}

// squashedBlindly says that all that is known of a request is one commit which
// may be its squash.
func (r *Repo) squashedBlindly(q *request) bool {
	return len(q.branch) == 0 && len(q.result) <= 1 && !r.graph.isMerge(q.merge) && q.HeadSHA != q.MergeSHA
}

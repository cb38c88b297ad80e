package derive

import (
	"slices"
	"strings"

	"github.com/headway-metrics/headway/schema"
)

// linkMerges says which changes arrive with a merge commit: its own request, and
// requests that were merged into the branch before a squash or rebase, whose own
// merge commits never reach the base branch. The order is that of oldestFirst.
func (r *Repo) linkMerges(order []int32) {
	r.carryByName(order)
	for i := range r.requests {
		n := int32(i)
		q := &r.requests[n]
		if q.merge != none {
			r.addLink(q.merge, link{change: n, part: none, rule: schema.LinkAncestor, evidence: q.MergeSHA})
		}
		// A branch may itself have gone into another's, and so on.
		for outer, hops := r.into[n], 0; outer != none && hops < len(r.requests); outer, hops = r.into[outer], hops+1 {
			o := &r.requests[outer]
			r.addLink(o.merge, link{change: n, part: none, rule: schema.LinkAncestor, evidence: o.MergeSHA + " (merged with " + o.ChangeID + ")"})
		}
	}
}

func (r *Repo) addLink(c int32, l link) { r.links[c] = append(r.links[c], l) }

// carryByName completes into: where a branch or what was merged into it is not
// known, the branch's name tells.
func (r *Repo) carryByName(order []int32) {
	byBranch := map[string][]int32{}
	for _, n := range order {
		q := &r.requests[n]
		if !r.graph.isMerge(q.merge) && q.HeadSHA != q.MergeSHA {
			byBranch[q.HeadBranch] = append(byBranch[q.HeadBranch], n)
		}
	}
	for i := range r.requests {
		if q := &r.requests[i]; q.BaseBranch != "" && r.into[i] == none {
			r.into[i] = r.carrierByName(q, byBranch[q.BaseBranch])
		}
	}
}

// carrierByName chooses the first of the candidates, whose branch the request
// was merged into, that was merged after it.
func (r *Repo) carrierByName(q *request, candidates []int32) int32 {
	best := none
	for _, n := range candidates {
		o := &r.requests[n]
		unknown := q.merge == none || r.graph.id(o.HeadSHA) == none
		if !unknown || o.ChangeID == q.ChangeID || o.BaseBranch == q.BaseBranch || timeOf(o.MergedAt).Before(timeOf(q.MergedAt)) {
			continue
		}
		if best == none || timeOf(o.MergedAt).Before(timeOf(r.requests[best].MergedAt)) {
			best = n
		}
	}
	return best
}

// linkCopies says which changes arrive with a cherry-pick that names its original.
func (r *Repo) linkCopies() {
	g := r.graph
	r.original = allNone(len(g.commits))
	for i := range g.commits {
		if from := g.commits[i].CherryPickedFrom; from != "" {
			if o := g.lookup(from); o != none && o != int32(i) && (!g.isMerge(o) || r.owner[o] != none) {
				r.original[i] = o
			}
		}
	}
	r.breakLoops()
	for i := range g.commits {
		c := int32(i)
		from := g.commits[c].CherryPickedFrom
		if from == "" {
			continue
		}
		l := link{part: none, rule: schema.LinkCherryPick, evidence: g.commits[c].SHA}
		if r.original[c] == none {
			// The original may not have arrived although its request has.
			if n, ok := r.byMerge[from]; ok && g.id(from) == none {
				l.change = n
				r.addLink(c, l)
			}
			continue
		}
		o := r.root(c)
		if l.change = r.changeOf(o); l.change == none || l.change == r.owner[c] {
			continue
		}
		if _, ok := r.isCommit(l.change); !ok && r.requests[l.change].merge != o {
			l.part = o
		}
		r.addLink(c, l)
	}
}

// root follows a copy of a copy to the first original.
func (r *Repo) root(c int32) int32 {
	for r.original[c] != none {
		c = r.original[c]
	}
	return c
}

// breakLoops unlinks commits that name each other as originals, which only
// broken input does.
func (r *Repo) breakLoops() {
	state := make([]uint8, len(r.original))
	for i := range r.original {
		var path []int32
		c := int32(i)
		for c != none && state[c] == 0 {
			state[c] = 1
			path = append(path, c)
			c = r.original[c]
		}
		if c != none && state[c] == 1 {
			r.original[r.firstOfLoop(c)] = none
		}
		for _, p := range path {
			state[p] = 2
		}
	}
}

// firstOfLoop is the commit of c's loop with the first SHA, so that all see the
// same link broken.
func (r *Repo) firstOfLoop(c int32) int32 {
	first := c
	for o := r.original[c]; o != c; o = r.original[o] {
		if r.graph.less(o, first) {
			first = o
		}
	}
	return first
}

// isOwnChange says that a commit is a change of its own: it belongs to no request,
// joins no histories, and copies no other change.
func (r *Repo) isOwnChange(c int32) bool {
	return r.owner[c] == none && !r.graph.isMerge(c) && !slices.ContainsFunc(r.links[c], func(l link) bool { return l.rule == schema.LinkCherryPick })
}

// findReverts resolves what commits and requests say they take back. A commit
// that takes back part of its own request undoes nothing that was deployed.
func (r *Repo) findReverts() {
	for i := range r.requests {
		n := int32(i)
		q := &r.requests[n]
		for _, ref := range q.Reverts {
			r.addRevert(n, ref)
		}
		addReverts := func(commits ...int32) {
			for _, c := range commits {
				for _, ref := range r.graph.commits[c].Reverts {
					r.addRevert(n, ref)
				}
			}
		}
		addReverts(q.result...)
		addReverts(q.branch...)
		if q.merge != none && r.graph.isMerge(q.merge) {
			addReverts(q.merge)
		}
	}
	for i := range r.graph.commits {
		c := int32(i)
		if len(r.graph.commits[c].Reverts) == 0 || !r.isOwnChange(c) {
			continue
		}
		for _, ref := range r.graph.commits[c].Reverts {
			r.addRevert(r.commitChange(c), ref)
		}
	}
}

func (r *Repo) addRevert(n int32, ref string) {
	t := target{change: none, commit: r.graph.lookup(strings.ToLower(ref))}
	if m, ok := r.byID[ref]; ok {
		t.change = m
	} else if t.commit != none {
		t.change = r.changeOf(t.commit)
	} else if m, ok := r.byMerge[ref]; ok {
		t.change = m
	}
	if t.change == n || (t.change == none && t.commit == none) || slices.Contains(r.undoes[n], t) {
		return
	}
	r.undoes[n] = append(r.undoes[n], t)
}

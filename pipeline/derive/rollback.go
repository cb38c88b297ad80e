package derive

import (
	"cmp"
	"slices"
)

// withdrawal says that a release put an earlier version back.
type withdrawal struct {
	by *release
	// blamed is the first release after the version restored; nil when the sender
	// calls it a rollback and nothing came before.
	blamed *release
	// taken are all releases that it took out of production.
	taken []*release
}

// withdrawals finds the rollbacks among the live releases. Environments are looked
// at one by one, so that a version promoted late from one to the next is no
// rollback.
func (c *claims) withdrawals() []*withdrawal {
	byEnvironment := map[string][]*release{}
	for _, r := range c.live {
		for env := range r.at {
			byEnvironment[env] = append(byEnvironment[env], r)
		}
	}
	found := map[*release]*withdrawal{}
	for env, seq := range byEnvironment {
		slices.SortFunc(seq, func(a, b *release) int {
			return cmp.Or(a.at[env].Compare(b.at[env]), cmp.Compare(a.order, b.order))
		})
		c.withdrawnIn(env, seq, found)
	}
	var out []*withdrawal
	for _, r := range c.live {
		w := found[r]
		if w == nil {
			continue
		}
		slices.SortFunc(w.taken, func(a, b *release) int { return cmp.Compare(a.order, b.order) })
		w.taken = slices.Compact(w.taken)
		if len(w.taken) > 0 {
			w.blamed = w.taken[0]
		}
		out = append(out, w)
	}
	return out
}

// withdrawnIn looks at the releases of one environment in their order there.
func (c *claims) withdrawnIn(env string, seq []*release, found map[*release]*withdrawal) {
	firstAt := map[string]int{}
	for k, r := range seq {
		if _, ok := firstAt[r.key]; !ok {
			firstAt[r.key] = k
		}
		if k > 0 && r.key == seq[k-1].key {
			continue
		}
		// What was begun before the release that it replaces was overtaken by it:
		// nobody can have meant to take back what was not there yet.
		overtaken := k > 0 && r.started[env].Before(seq[k-1].started[env])
		back := k > 0 && !overtaken && c.goesBack(r, seq[k-1], firstAt)
		if !back && !r.flagged {
			continue
		}
		if found[r] == nil {
			found[r] = &withdrawal{by: r}
		}
		from := c.restored(seq[:k], r) + 1
		if !back && (from == k || from == 0) {
			// The sender knows what the graph does not show: the version replaced is bad.
			from = max(0, k-1)
		}
		found[r].taken = append(found[r].taken, seq[from:k]...)
	}
}

// goesBack says that r is an earlier version than the one it replaces.
func (c *claims) goesBack(r, replaced *release, firstAt map[string]int) bool {
	if c.includes(replaced, r) {
		return true
	}
	return firstAt[r.key] < firstAt[replaced.key] && !c.includes(r, replaced)
}

// restored is the place of the latest release of which r has nothing less: the
// same version or an ancestor of it; -1 when there is none.
func (c *claims) restored(before []*release, r *release) int {
	for j, b := range slices.Backward(before) {
		if b.key == r.key || c.includes(r, b) {
			return j
		}
	}
	return -1
}

// includes says that r has all that other has.
func (c *claims) includes(r, other *release) bool {
	if r.commit == none || other.commit == none {
		return false
	}
	b, k := c.book(r), other.commit
	if other.repo != r.repo {
		if k = r.repo.graph.id(other.row.Commit); k == none {
			return false
		}
	}
	// A commit's ancestors were in production no later than it: most answers
	// need no walk.
	return b.first[k] <= b.first[r.commit] && b.walker.reaches(k, r.commit)
}

package derive_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/headway-metrics/headway/schema"
)

// merged is a history with one request of two commits, merged in different ways
// onto a0, then deployed. The base moved on to b1 meanwhile.
func merged(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.commit("a0", "01:00")
	w.commit("f1", "02:00", "a0")
	w.commit("f2", "03:00", "f1")
	w.commit("b1", "03:30", "a0")
	w.deploy("d0", "a0", "01:30")
	return w
}

func TestRequestsAreMergedInManyWays(t *testing.T) {
	t.Parallel()
	for name, merge := range map[string]func(*world) *schema.Change{
		"merge commit": func(w *world) *schema.Change {
			w.commit("m1", "05:00", "b1", "f2")
			return w.request(1, "m1", "04:00", "05:00")
		},
		"squash": func(w *world) *schema.Change {
			w.commit("m1", "05:00", "b1").Title = "request (#1)"
			return w.request(1, "m1", "04:00", "05:00")
		},
		"rebase": func(w *world) *schema.Change {
			for _, c := range [][3]string{{"r1", "f1", "b1"}, {"m1", "f2", "r1"}} {
				copied := w.commit(c[0], "05:00", c[2])
				i := slices.IndexFunc(w.rep.Commits, func(k schema.Commit) bool { return k.SHA == c[1] })
				copied.Title, copied.AuthoredAt = w.rep.Commits[i].Title, w.rep.Commits[i].AuthoredAt
			}
			return w.request(1, "m1", "04:00", "05:00")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := merged(t)
			q := merge(w)
			q.HeadSHA, q.CommitCount = "f2", 2
			w.deploy("d1", "m1", "06:00")
			out := w.derive()
			// Neither the merge commit nor the request's commits are changes of their own.
			wantDeployed(t, out, map[string]string{"#1": "d1", "@b1": "d1"})
			c := changeOf(t, out, changeID(1))
			if c.Kind != schema.ChangeKindRequest || c.Rule != schema.LinkAncestor || c.Evidence != "m1" || !c.FirstCommitAt.Equal(at(t, "02:00")) {
				t.Errorf("%+v", c)
			}
			if *c.LeadSeconds != 4*3600 || *c.CodingSeconds != 2*3600 || *c.DeploySeconds != 3600 || *c.MergeToProductionSecs != 3600 || c.PickupSeconds != nil || c.ReviewSeconds != nil {
				t.Errorf("stages: %+v", c)
			}
		})
	}
}

func TestFastForwardOfABranch(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*schema.Change){
		"base known":  func(q *schema.Change) { q.BaseSHA = "a0" },
		"count known": func(q *schema.Change) { q.CommitCount = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := merged(t)
			q := w.request(1, "f2", "04:00", "05:00")
			q.HeadSHA = "f2"
			change(q)
			w.deploy("d1", "f2", "06:00")
			out := w.derive()
			wantDeployed(t, out, map[string]string{"#1": "d1"})
			if c := changeOf(t, out, changeID(1)); !c.FirstCommitAt.Equal(at(t, "02:00")) {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestSquashOfAnUnknownBranchHasNoStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		authored, told, want string
	}{
		"its author time is of the squash":    {"05:00", "", ""},
		"the sender tells":                    {"05:00", "02:00", "02:00"},
		"its author time is of the work":      {"03:00", "", "03:00"},
		"the sender knows better than git is": {"03:00", "02:00", "02:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.commit("a0", "01:00")
			w.commit("m1", c.authored, "a0")
			q := w.request(1, "m1", "04:00", "05:00")
			q.HeadSHA, q.CommitCount = "gone", 3
			if c.told != "" {
				told := at(t, c.told)
				q.FirstCommitAt = &told
			}
			w.deploy("d0", "a0", "01:30")
			w.deploy("d1", "m1", "06:00")
			got := changeOf(t, w.derive(), changeID(1))
			if c.want == "" {
				if got.FirstCommitAt != nil || got.LeadSeconds != nil || got.Excluded != schema.ExcludedUnknown || *got.DeploySeconds != 3600 {
					t.Errorf("%+v", got)
				}
				return
			}
			if got.FirstCommitAt == nil || !got.FirstCommitAt.Equal(at(t, c.want)) || got.Excluded != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestRebaseOfAnUnknownBranchIsSeenByItsCommitTimes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		title   string
		earlier bool
		want    map[string]string
	}{
		"written at one moment":      {"third step", false, map[string]string{"#1": "d1"}},
		"titled as a squash":         {"request (#1)", false, map[string]string{"#1": "d1", "@r1": "d1"}},
		"the other was there before": {"third step", true, map[string]string{"#1": "d1", "@r1": "d1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.commit("a0", "01:00")
			r1 := w.commit("r1", "02:00", "a0")
			r1.CommittedAt = at(t, "05:00")
			if c.earlier {
				r1.CommittedAt = at(t, "04:50")
			}
			m := w.commit("m1", "03:00", "r1")
			m.CommittedAt, m.Title = at(t, "05:00"), c.title
			q := w.request(1, "m1", "04:00", "05:00")
			q.HeadSHA, q.CommitCount = "gone", 2
			w.deploy("d0", "a0", "01:30")
			w.deploy("d1", "m1", "06:00")
			wantDeployed(t, w.derive(), c.want)
		})
	}
}

func TestRequestMergedIntoAnothersBranchGoesWithIt(t *testing.T) {
	t.Parallel()
	for name, outer := range map[string]func(w *world){
		"merged":   func(w *world) { w.commit("m1", "07:00", "b1", "n2") },
		"squashed": func(w *world) { w.commit("m1", "07:00", "b1") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := merged(t)
			w.commit("g1", "04:00", "f2")
			w.commit("n2", "05:00", "f2", "g1")
			inner := w.request(2, "n2", "04:30", "05:00")
			inner.HeadSHA, inner.BaseBranch = "g1", "feature"
			outer(w)
			q := w.request(1, "m1", "04:00", "07:00")
			q.HeadSHA, q.HeadBranch, q.BaseBranch = "n2", "feature", "main"
			w.deploy("d1", "m1", "08:00")
			out := w.derive()
			wantDeployed(t, out, map[string]string{"#1": "d1", "#2": "d1", "@b1": "d1"})
			if a, b := changeOf(t, out, changeID(1)), changeOf(t, out, changeID(2)); !a.FirstCommitAt.Equal(at(t, "02:00")) || !b.FirstCommitAt.Equal(at(t, "04:00")) {
				t.Errorf("began %v and %v", a.FirstCommitAt, b.FirstCommitAt)
			}
		})
	}
	t.Run("branches known by name only", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.commit("a0", "01:00")
		w.commit("m1", "07:00", "a0")
		w.request(2, "never-seen", "04:30", "05:00").BaseBranch = "feature"
		q := w.request(1, "m1", "04:00", "07:00")
		q.HeadBranch, q.BaseBranch = "feature", "main"
		w.deploy("d0", "a0", "01:30")
		w.deploy("d1", "m1", "08:00")
		wantDeployed(t, w.derive(), map[string]string{"#1": "d1", "#2": "d1"})
	})
}

func TestMedianByRequestAndByCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit("a0", "01:00")
	w.deploy("d0", "a0", "01:30")
	tip := "a0"
	add := func(number uint64, commits int, began string) {
		branch := tip
		for i := range commits {
			sha := fmt.Sprintf("c%d-%d", number, i)
			w.commit(sha, began, branch)
			branch = sha
		}
		sha := fmt.Sprintf("m%d", number)
		w.commit(sha, "09:00", tip, branch)
		w.request(number, sha, began, "09:00")
		tip = sha
	}
	add(1, 1, "09:55")
	add(2, 1, "09:53")
	add(3, 100, "09:10")
	w.deploy("d1", tip, "10:00")
	out := w.derive()
	var minutes []float64
	for _, c := range out.Changes {
		minutes = append(minutes, *c.LeadSeconds/60)
	}
	slices.Sort(minutes)
	if !slices.Equal(minutes, []float64{5, 7, 50}) {
		t.Errorf("lead times by request: %v, want 5, 7 and 50 minutes", minutes)
	}
}

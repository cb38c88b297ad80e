package derive_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// deployedBy says which release deployed each change, by the end of its id.
func deployedBy(out derive.Output) map[string]string {
	got := map[string]string{}
	for _, c := range out.Changes {
		got[strings.TrimPrefix(c.ChangeID, repo)] = c.ReleaseID
	}
	return got
}

func wantDeployed(t *testing.T, out derive.Output, want map[string]string) {
	t.Helper()
	if got := deployedBy(out); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("deployed %v, want %v", got, want)
	}
}

func TestCherryPicksDeployTheirOriginal(t *testing.T) {
	t.Parallel()
	// main: a0 – m1 (a request) – m2 (another); release branch: a0 – copies.
	base := func(t *testing.T) *world {
		t.Helper()
		w := newWorld(t)
		w.commit("a000000", "01:00")
		w.commit("f100000", "02:00", "a000000")
		w.commit("f200000", "02:30", "f100000")
		w.commit("b100000", "03:00", "a000000")
		w.commit("m100000", "04:00", "b100000", "f200000")
		w.request(1, "m100000", "03:00", "04:00").HeadSHA = "f200000"
		w.deploy("d0", "a000000", "01:30")
		return w
	}
	pick := func(w *world, sha, from, parent string) {
		c := w.commit(sha, "05:00", parent)
		c.CherryPickedFrom = from
	}
	t.Run("of the merge commit", func(t *testing.T) {
		t.Parallel()
		w := base(t)
		pick(w, "e1", "m100000", "a000000")
		w.deploy("hotfix", "e1", "06:00")
		w.deploy("main", "m100000", "07:00")
		out := w.derive()
		wantDeployed(t, out, map[string]string{"#1": "hotfix", "@b100000": "main"})
		if c := changeOf(t, out, changeID(1)); c.Rule != schema.LinkCherryPick || c.Evidence != "e1" || !c.FirstCommitAt.Equal(at(t, "02:00")) {
			t.Errorf("%+v", c)
		}
	})
	t.Run("of all its commits, one by one", func(t *testing.T) {
		t.Parallel()
		w := base(t)
		pick(w, "e1", "f100000", "a000000")
		pick(w, "e2", "f200000", "e1")
		w.deploy("half", "e1", "06:00")
		w.deploy("whole", "e2", "07:00")
		wantDeployed(t, w.derive(), map[string]string{"#1": "whole"})
	})
	t.Run("of a commit without request, abbreviated, and of the copy", func(t *testing.T) {
		t.Parallel()
		w := base(t)
		pick(w, "e100000", "b100000"[:7], "a000000")
		pick(w, "e200000", "e100000", "a000000")
		w.deploy("one", "e200000", "06:00")
		w.deploy("two", "e100000", "12:00")
		w.deploy("main", "m100000", "18:00")
		out := w.derive()
		wantDeployed(t, out, map[string]string{"@b100000": "one", "#1": "main"})
	})
	t.Run("of what has not arrived, by its request", func(t *testing.T) {
		t.Parallel()
		w := base(t)
		pick(w, "e1", "later", "a000000")
		w.request(2, "later", "03:00", "04:00")
		w.deploy("hotfix", "e1", "06:00")
		wantDeployed(t, w.derive(), map[string]string{"#2": "hotfix"})
	})
	t.Run("of nobody knows what", func(t *testing.T) {
		t.Parallel()
		w := base(t)
		pick(w, "e1", "elsewhere", "a000000")
		w.deploy("hotfix", "e1", "06:00")
		wantDeployed(t, w.derive(), map[string]string{"@e1": "hotfix"})
	})
	t.Run("of each other", func(t *testing.T) {
		t.Parallel()
		w := base(t)
		pick(w, "e100000", "e200000", "a000000")
		pick(w, "e200000", "e100000", "e100000")
		w.deploy("hotfix", "e200000", "06:00")
		if got := w.derive(); len(got.Changes) != 1 {
			t.Errorf("%+v", got.Changes)
		}
	})
}

func TestFirstReleaseThatContainsAChangeDeploysIt(t *testing.T) {
	t.Parallel()
	const ok, failed = schema.StatusSuccess, schema.StatusFailure
	for name, c := range map[string]struct {
		deployments []deployed
		want        map[string]string
	}{
		"in order": {
			[]deployed{{"d1", "a1", "prod", ok, "10:00"}, {"d2", "a2", "prod", ok, "11:00"}, {"d3", "a3", "prod", ok, "12:00"}},
			map[string]string{"@a2": "d2", "@a3": "d3"},
		},
		"an older commit in between claims nothing and hides nothing": {
			[]deployed{{"d1", "a1", "prod", ok, "10:00"}, {"d3", "a3", "prod", ok, "11:00"}, {"d2", "a2", "prod", ok, "12:00"}, {"d4", "a3", "prod", ok, "13:00"}},
			map[string]string{"@a2": "d3", "@a3": "d3"},
		},
		"a redeployment claims nothing": {
			[]deployed{{"d1", "a1", "prod", ok, "10:00"}, {"d2", "a3", "prod", ok, "11:00"}, {"d3", "a3", "prod", ok, "19:00"}},
			map[string]string{"@a2": "d2", "@a3": "d2"},
		},
		"a failed release claims nothing": {
			[]deployed{{"d1", "a1", "prod", ok, "10:00"}, {"d2", "a3", "prod", failed, "11:00"}, {"d3", "a3", "prod", ok, "19:00"}},
			map[string]string{"@a2": "d3", "@a3": "d3"},
		},
		"a failed first release is no baseline": {
			[]deployed{{"d1", "a1", "prod", failed, "10:00"}, {"d2", "a2", "prod", ok, "11:00"}, {"d3", "a3", "prod", ok, "12:00"}},
			map[string]string{"@a3": "d3"},
		},
		"two at once are taken in the order of the graph": {
			[]deployed{{"d1", "a1", "prod", ok, "10:00"}, {"d2", "a3", "prod", ok, "11:00"}, {"d3", "a2", "prod", ok, "11:00"}},
			map[string]string{"@a2": "d3", "@a3": "d2"},
		},
		"overlapping fan-outs are ordered by their first success": {
			[]deployed{{"d1", "a1", "prod-eu", ok, "09:00"}, {"d2", "a2", "prod-eu", ok, "10:00"}, {"d3", "a3", "prod-eu", ok, "10:30"}, {"d4", "a3", "prod-us", ok, "11:00"}, {"d5", "a2", "prod-asia", ok, "12:00"}},
			map[string]string{"@a2": "d2", "@a3": "d3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.line(3)
			w.deployAll(c.deployments...)
			wantDeployed(t, w.derive(), c.want)
		})
	}
}

func TestBaselineOfANewService(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		created  string
		days     int
		baseline uint8
	}{
		"age unknown":                  {"", 90, 1},
		"created shortly before":       {"00:30", 90, 0},
		"created too long before":      {"00:30", 0, 1},
		"registered after its release": {"1d 00:00", 90, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.line(3)
			w.opt.BaselineDays = c.days
			if c.created != "" {
				created := at(t, c.created)
				w.in.Service.CreatedAt = &created
			}
			w.deploy("d1", "a2", "10:00")
			w.deploy("d2", "a3", "11:00")
			out := w.derive()
			r := releaseOf(t, out, "d1")
			if r.Baseline != c.baseline || r.Changes != 2*(1-uint32(c.baseline)) {
				t.Errorf("%+v", r)
			}
			if changeOf(t, out, repo+"@a3").ReleaseID != "d2" {
				t.Errorf("%v", deployedBy(out))
			}
		})
	}
}

func TestDeploymentsMayArriveBeforeTheirCommits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(3)
	w.deploy("d1", "a1", "10:00")
	w.deploy("d2", "a2", "11:00")
	w.deploy("d3", "a3", "12:00")
	all := w.rep.Commits
	w.rep.Commits = all[:1]
	out := w.derive()
	for id, known := range map[string]uint8{"d1": 1, "d2": 0, "d3": 0} {
		if r := releaseOf(t, out, id); r.CommitKnown != known || r.Changes != 0 {
			t.Errorf("%s: %+v", id, r)
		}
	}
	w.rep.Commits = all
	wantDeployed(t, w.derive(), map[string]string{"@a2": "d2", "@a3": "d3"})

	// Without the first release's content the next one has no basis.
	w.rep.Commits = slices.Clone(all[1:])
	out = w.derive()
	wantDeployed(t, out, map[string]string{"@a3": "d3"})
	if a, b := releaseOf(t, out, "d1"), releaseOf(t, out, "d2"); a.Baseline != 1 || a.CommitKnown != 0 || b.Baseline != 1 {
		t.Errorf("%+v\n%+v", a, b)
	}
}

func TestUnknownParentsAreMarked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit("a1", "01:00", "shallow")
	w.commit("m1", "03:00", "a1", "missing")
	w.request(1, "m1", "02:00", "03:00")
	w.deploy("d0", "a1", "02:00")
	w.deploy("d1", "m1", "04:00")
	c := changeOf(t, w.derive(), changeID(1))
	if c.ReleaseID != "d1" || c.FirstCommitAt != nil || c.Excluded != schema.ExcludedUnknown || !strings.Contains(c.Evidence, "parent missing of the merge commit is not known") {
		t.Errorf("%+v", c)
	}
}

func TestMonorepoCountsChangesOfThePaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in.Service.Paths = []string{"./services/shop/"}
	paths := func(c *schema.Commit, paths ...string) { c.Paths, c.PathsKnown = paths, 1 }
	paths(w.commit("a0", "01:00"), "README")
	paths(w.commit("in", "02:00", "a0"), "services/shop/main.go")
	paths(w.commit("out", "02:01", "in"), "services/shopping/main.go")
	w.commit("unknown", "02:02", "out")
	paths(w.commit("f1", "02:03", "unknown"), "services/pay/x")
	paths(w.commit("f2", "02:04", "f1"), "services/shop/y")
	paths(w.commit("m1", "02:05", "unknown", "f2")) // Git lists no paths of a merge.
	w.request(1, "m1", "02:04", "02:05").HeadSHA = "f2"
	paths(w.commit("m2", "02:06", "m1"), "docs/x")
	w.request(2, "m2", "02:04", "02:06").HeadSHA = "gone"
	w.deploy("d0", "a0", "01:30")
	w.deploy("d1", "m2", "03:00")
	out := w.derive()
	wantDeployed(t, out, map[string]string{"@in": "d1", "@unknown": "d1", "#1": "d1"})
	if c := changeOf(t, out, repo+"@unknown"); !strings.Contains(c.Evidence, "paths are not known") {
		t.Errorf("%+v", c)
	}
	if r := releaseOf(t, out, "d1"); r.Changes != 3 {
		t.Errorf("%+v", r)
	}
}

func TestDirectCommits(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]map[string]string{
		derive.DirectAll:         {"@b1": "d1", "@f1": "d1", "@f2": "d1"},
		derive.DirectFirstParent: {"@b1": "d1"},
		derive.DirectOff:         {},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := merged(t)
			w.commit("m1", "05:00", "b1", "f2") // Its request was never seen.
			w.deploy("d1", "m1", "06:00")
			w.opt.DirectCommits = mode
			wantDeployed(t, w.derive(), want)
		})
	}
}

func TestReviewsOfOthersEndThePickup(t *testing.T) {
	t.Parallel()
	w := merged(t)
	w.commit("m1", "05:00", "b1", "f2")
	w.request(1, "m1", "04:00", "05:00").HeadSHA = "f2"
	review := func(id, reviewer, when string) *schema.Review {
		w.rep.Reviews = append(w.rep.Reviews, schema.Review{Repo: repo, ChangeID: changeID(1), ReviewID: id, Reviewer: reviewer, SubmittedAt: at(t, when)})
		return &w.rep.Reviews[len(w.rep.Reviews)-1]
	}
	review("own", "ada", "04:05")
	review("bot", "ci", "04:10").ReviewerIsBot = 1
	review("second", "bea", "04:40")
	review("first", "cleo", "04:30")
	review("late", "dora", "05:30")
	w.deploy("d1", "m1", "06:00")
	c := changeOf(t, w.derive(), changeID(1))
	if !c.FirstReviewAt.Equal(at(t, "04:30")) || *c.PickupSeconds != 1800 || *c.ReviewSeconds != 1800 {
		t.Errorf("%+v", c)
	}
	w.rep.Reviews = w.rep.Reviews[len(w.rep.Reviews)-1:]
	if c := changeOf(t, w.derive(), changeID(1)); c.FirstReviewAt != nil || c.PickupSeconds != nil || c.ReviewSeconds != nil {
		t.Errorf("a review after the merge counts: %+v", c)
	}
}

func TestBadTimesOfChangesAreExcluded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		authored time.Time
		excluded string
	}{
		"after the release":   {day.Add(20 * time.Hour), schema.ExcludedNegative},
		"before all belief":   {time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), schema.ExcludedAbsurd},
		"in the far future":   {day.AddDate(3, 0, 0), schema.ExcludedAbsurd},
		"the tables' own 0":   {schema.MinTime, schema.ExcludedAbsurd},
		"of twenty years ago": {day.AddDate(-20, 0, 0), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.line(2)
			w.rep.Commits[1].AuthoredAt = c.authored
			w.deploy("d1", "a1", "10:00")
			w.deploy("d2", "a2", "11:00")
			got := changeOf(t, w.derive(), repo+"@a2")
			if got.Excluded != c.excluded || (got.LeadSeconds == nil) != (c.excluded != "") || !got.FirstCommitAt.Equal(c.authored) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestNegativeStagesAreMissing(t *testing.T) {
	t.Parallel()
	w := merged(t)
	w.commit("m1", "05:00", "b1", "f2")
	w.request(1, "m1", "01:45", "05:00").HeadSHA = "f2" // Opened before the first commit.
	w.deploy("d1", "m1", "06:00")
	if c := changeOf(t, w.derive(), changeID(1)); c.CodingSeconds != nil || *c.LeadSeconds != 4*3600 || c.Excluded != "" {
		t.Errorf("%+v", c)
	}
	w.rep.Changes[0].OpenedAt = schema.MinTime // Not known.
	if c := changeOf(t, w.derive(), changeID(1)); c.OpenedAt != nil || c.CodingSeconds != nil {
		t.Errorf("%+v", c)
	}
}

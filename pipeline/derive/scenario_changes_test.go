package derive_test

import (
	"testing"

	"github.com/headway-metrics/headway/schema"
)

// Which changes a release deploys, and how long each took from its first commit,
// for every way in which people bring code to the branch that is deployed.

func TestScenario_LeadTimeIsFromEachCommitToItsRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 10:00", "a1 15:00", "a2 16:00")
	w.deploys("r0 a0 11:00", "r1 a2 19:00")
	w.tells(`
		r0 11:00 (baseline)
		r1 19:00 deploys a1 after 4h, a2 after 3h
		0 of 2 failed`)
}

func TestScenario_MergeCommitWorkflow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00")
	w.deploys("r0 a0 08:30")
	w.commits("a0", "b1 09:00", "b2 10:00") // A branch of two commits.
	w.commit("m1", "11:00", "a0", "b2")
	w.request(1, "m1", "09:30", "11:00").HeadSHA = "b2"
	w.deploys("r1 m1 12:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 12:00 deploys #1 after 3h
		0 of 2 failed`)
}

func TestScenario_SquashWorkflow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00")
	w.deploys("r0 a0 08:30")
	w.commits("a0", "b1 09:00", "b2 10:00")
	w.commits("a0", "s1 11:00") // One commit takes the place of both.
	w.request(1, "s1", "09:30", "11:00").HeadSHA = "b2"
	w.deploys("r1 s1 12:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 12:00 deploys #1 after 3h
		0 of 2 failed`)
}

func TestScenario_RebaseWorkflow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00")
	w.deploys("r0 a0 08:30")
	w.commits("a0", "b1 09:00", "b2 10:00")
	w.commits("a0", "a1 10:30")
	w.rebased("a1", "11:00", "b1", "b2") // New commits b1' and b2', written before.
	w.request(1, "b2'", "09:30", "11:00").HeadSHA = "b2"
	w.deploys("r1 b2' 12:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 12:00 deploys #1 after 3h, a1 after 1h30m
		0 of 2 failed`)
}

func TestScenario_TrunkBasedWorkWithoutRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00", "a2 09:30", "a3 10:00")
	w.deploys("r0 a0 08:30", "r1 a1 09:10", "r2 a3 11:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 09:10 deploys a1 after 10m
		r2 11:00 deploys a2 after 1h30m, a3 after 1h
		0 of 3 failed`)
}

// The fix is deployed with the copy on the release branch; when trunk follows
// weeks later the original is no second change.
func TestScenario_CherryPickedHotfixOnAReleaseBranch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00", "fix 10:00")
	w.request(1, "fix", "10:05", "10:10").Labels = []string{"hotfix"}
	w.commits("a0", "copy 10:20")
	w.rep.Commits[len(w.rep.Commits)-1].CherryPickedFrom = "fix"
	w.deploys("r0 a0 08:30", "r1 copy 10:30", "r2 fix 9d 12:00")
	w.rep.Changes[0].FirstCommitAt = new(at(t, "10:00"))
	w.tells(`
		r0 08:30 (baseline); failed: hotfix ` + changeID(1) + `, recovered 10:30 by fix r1
		r1 10:30 deploys #1 by cherry-pick after 30m; rework: hotfix ` + changeID(1) + `
		r2 9d 12:00 deploys a1 after 219h
		1 of 3 failed`)
}

// A branch was pushed, rewritten and pushed with force. What was thrown away
// never arrives and is never counted.
func TestScenario_ForcePushOfABranch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00")
	w.deploys("r0 a0 08:30")
	w.commits("a0", "thrown1 08:45", "thrown2 08:50")
	w.commits("a0", "b1 09:00")
	w.commit("m1", "11:00", "a0", "b1")
	w.request(1, "m1", "08:55", "11:00").HeadSHA = "b1"
	w.deploys("r1 m1 12:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 12:00 deploys #1 after 3h
		0 of 2 failed`)
}

// The deployed branch itself was rewritten: a1 gave way to a1b. The next release
// contains not all of what it replaces, and yet puts back nothing.
func TestScenario_ForcePushOfTheDeployedBranchIsNoRollback(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00")
	w.commits("a0", "a1b 09:20", "a2 10:00")
	w.deploys("r0 a0 08:30", "r1 a1 09:10", "r2 a2 11:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 09:10 deploys a1 after 10m
		r2 11:00 deploys a1b after 1h40m, a2 after 1h
		0 of 3 failed`)
}

// #1 was merged into the branch of #2, and #2 was squashed: the commit of #1
// never comes to trunk, and yet #2 brings it.
func TestScenario_RequestMergedIntoAnotherRequestsBranch(t *testing.T) {
	t.Parallel()
	for name, outer := range map[string]func(w *world) string{
		"by squash": func(w *world) string {
			w.commits("a0", "s2 12:00")
			return "s2"
		},
		"by a merge commit": func(w *world) string {
			w.commit("m2", "12:00", "a0", "m1")
			return "m2"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.commits("", "a0 08:00")
			w.deploys("r0 a0 08:30")
			w.commits("a0", "outer 09:00")
			w.commits("outer", "inner 10:00")
			w.commit("m1", "11:00", "outer", "inner")
			merge := outer(w)
			one := w.request(1, "m1", "10:05", "11:00")
			one.HeadSHA, one.HeadBranch, one.BaseBranch = "inner", "part", "whole"
			two := w.request(2, merge, "09:05", "12:00")
			two.HeadSHA, two.HeadBranch, two.BaseBranch = "m1", "whole", "main"
			w.deploys("r1 " + merge + " 13:00")
			w.tells(`
				r0 08:30 (baseline)
				r1 13:00 deploys #1 after 3h, #2 after 4h
				0 of 2 failed`)
		})
	}
}

// One repository, two services, each deployed by itself: a change counts for the
// services whose paths it touches, each time with its own release.
func TestScenario_MonorepoWhoseServicesDeploySeparately(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"shop": `
			r0 08:30 (baseline)
			r1 11:00 deploys both after 1h, s1 after 2h
			r2 13:00
			0 of 3 failed`,
		"pay": `
			r0 08:30 (baseline)
			r1 11:00 deploys both after 1h
			r2 13:00 deploys p1 after 2h30m
			0 of 3 failed`,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.commits("", "a0 08:00", "s1 09:00", "both 10:00", "p1 10:30")
			for i, paths := range [][]string{{"README"}, {"shop/a.go"}, {"shop/b.go", "pay/b.go"}, {"pay/c.go"}} {
				w.rep.Commits[i].Paths, w.rep.Commits[i].PathsKnown = paths, 1
			}
			w.in.Service.Paths = []string{path}
			w.deploys("r0 a0 08:30", "r1 both 11:00", "r2 p1 13:00")
			w.tells(want)
		})
	}
}

// rebased adds copies of commits, named with a prime, on top of another, as a
// rebase makes them: written when the originals were, committed now.
func (w *world) rebased(onto, when string, shas ...string) {
	w.t.Helper()
	for _, sha := range shas {
		var original schema.Commit
		for _, c := range w.rep.Commits {
			if c.SHA == sha {
				original = c
			}
		}
		c := w.commit(sha+"'", when, onto)
		c.AuthoredAt, c.Title = original.AuthoredAt, original.Title
		onto = c.SHA
	}
}

func TestScenario_BotsAndTheAuthorDoNotReview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "b1 09:00")
	w.request(1, "b1", "09:30", "12:00").FirstCommitAt = new(at(t, "09:00"))
	for reviewer, when := range map[string]string{"ada": "10:00", "robot": "10:30", "grace": "11:00"} {
		v := schema.Review{Repo: repo, ChangeID: changeID(1), ReviewID: reviewer, Reviewer: reviewer, SubmittedAt: at(t, when)}
		if reviewer == "robot" {
			v.ReviewerIsBot = 1
		}
		w.rep.Reviews = append(w.rep.Reviews, v)
	}
	w.deploys("r0 a0 08:30", "r1 b1 13:00")
	out := w.derive()
	wantAccount(t, out, `
		r0 08:30 (baseline)
		r1 13:00 deploys #1 after 4h
		0 of 2 failed`)
	wantStages(t, changeOf(t, out, changeID(1)), "30m", "1h30m", "1h", "1h")
}

// wantStages compares coding, pickup, review and deploy.
func wantStages(t *testing.T, c schema.ChangeDeployed, want ...string) {
	t.Helper()
	for i, got := range []*float64{c.CodingSeconds, c.PickupSeconds, c.ReviewSeconds, c.DeploySeconds} {
		if got == nil || brief(seconds(*got)) != want[i] {
			t.Errorf("stage %d of %s is %v seconds, want %s", i, c.ChangeID, got, want[i])
		}
	}
}

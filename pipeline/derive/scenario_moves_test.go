package derive_test

import (
	"testing"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// A service moves to another repository. Its past stays as it was.

const oldRepo = "git.example/acme/attic"

// move puts everything told so far into the old repository; what follows is in
// the new one, with the commits that are kept there.
func (w *world) move(kept ...string) {
	w.t.Helper()
	old := derive.RepoFacts{Repo: oldRepo, Commits: w.rep.Commits, Changes: w.rep.Changes}
	w.rep.Commits, w.rep.Changes = nil, nil
	for i := range old.Changes {
		old.Changes[i].Repo, old.Changes[i].ChangeID = oldRepo, oldRepo+"#"+old.Changes[i].ChangeID[len(repo)+1:]
	}
	for i := range old.Commits {
		for _, k := range kept {
			if k == old.Commits[i].SHA {
				w.rep.Commits = append(w.rep.Commits, old.Commits[i])
			}
		}
		old.Commits[i].Repo = oldRepo
	}
	for i := range w.in.Deployments {
		w.in.Deployments[i].Repo = oldRepo
	}
	w.in.Former = []*derive.Repo{derive.NewRepo(old)}
}

// beforeTheMove is a request and two releases of the old repository.
func beforeTheMove(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00")
	w.request(1, "a1", "09:05", "09:10").FirstCommitAt = new(at(t, "09:00"))
	w.deploys("r0 a0 08:30", "r1 a1 10:00")
	return w
}

func TestScenario_ServiceMovesRepositoryWithItsHistory(t *testing.T) {
	t.Parallel()
	w := beforeTheMove(t)
	w.move("a0", "a1")
	w.commits("a1", "a2 1d 09:00")
	w.deploys("r2 a2 1d 10:00", "back a1 1d 11:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 10:00 deploys #1 after 1h
		r2 1d 10:00 deploys a2 after 1h; failed: rollback back, recovered 1d 11:00 by rollback back
		back 1d 11:00; rework: rollback r2
		1 of 4 failed`)
}

// Into a larger repository, as copies that nobody can tell from new work: the
// first release there claims nothing.
func TestScenario_ServiceMovesRepositoryWithoutItsHistory(t *testing.T) {
	t.Parallel()
	w := beforeTheMove(t)
	w.in.Service.CreatedAt = new(at(t, "07:00")) // Though its first release claimed all.
	w.move()
	w.commits("", "m0 1d 08:00", "m1 1d 09:00", "m2 1d 12:00")
	w.deploys("r2 m1 1d 10:00", "r3 m2 1d 13:00")
	w.outage("i1", "1d 14:00", "1d 15:00", oldRepo+"#1")
	w.tells(`
		r0 08:30 deploys a0 after 30m
		r1 10:00 deploys #1 after 1h; failed: explicit i1, recovered 1d 15:00 by incident_resolved i1
		r2 1d 10:00 (baseline)
		r3 1d 13:00 deploys m2 after 1h
		incident i1 marks r1 (explicit), lasted 1h
		1 of 4 failed`)
}

// A hotfix in the new repository blames the last release of the old one.
func TestScenario_HotfixRightAfterTheMove(t *testing.T) {
	t.Parallel()
	w := beforeTheMove(t)
	w.move("a0", "a1")
	w.commits("a1", "fix 1d 09:00")
	fix := w.request(2, "fix", "1d 09:05", "1d 09:10")
	fix.FirstCommitAt, fix.Labels = new(at(t, "1d 09:00")), []string{"hotfix"}
	w.deploys("r2 fix 1d 10:00")
	if r := releaseOf(t, w.derive(), "r1"); r.FailureRule != schema.FailureHotfix || r.FailureEvidence != changeID(2) {
		t.Errorf("%+v", r)
	}
}

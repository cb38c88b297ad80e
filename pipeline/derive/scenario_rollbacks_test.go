package derive_test

import (
	"testing"

	"github.com/headway-metrics/headway/schema"
)

// What it takes to call a release undone, and when production was well again.

func TestScenario_RollbackByCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a1 08:00", "a2 09:00", "a3 10:00")
	w.deploys("v1 a1 08:30", "v2 a2 09:30", "v3 a3 10:30", "back a1 11:00")
	w.tells(`
		v1 08:30 (baseline)
		v2 09:30 deploys a2 after 30m; failed: rollback back, recovered 11:00 by rollback back
		v3 10:30 deploys a3 after 30m
		back 11:00; rework: rollback v2
		1 of 4 failed`)
}

// Nobody told of a commit: the version's name says it.
func TestScenario_RollbackByVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for id, deployed := range map[string][2]string{"d1": {"1.0", "08:30"}, "d2": {"1.1", "09:30"}, "d3": {"1.0", "10:30"}} {
		w.deploy(id, "", deployed[1]).Version = deployed[0]
	}
	w.tells(`
		d1 08:30 (commit unknown, baseline)
		d2 09:30 (commit unknown); failed: rollback d3, recovered 10:30 by rollback d3
		d3 10:30 (commit unknown); rework: rollback d2
		1 of 3 failed`)
}

func TestScenario_RollbackByRevertRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "bad 09:00", "a2 09:40", "undo 10:00")
	w.request(1, "bad", "09:05", "09:10").FirstCommitAt = new(at(t, "09:00"))
	w.request(2, "undo", "10:05", "10:10").FirstCommitAt = new(at(t, "10:00"))
	w.rep.Changes[1].Reverts = []string{changeID(1)}
	w.deploys("r0 a0 08:30", "r1 bad 09:30", "r2 a2 09:50", "r3 undo 11:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 09:30 deploys #1 after 30m; failed: revert ` + changeID(2) + `, recovered 11:00 by fix r3
		r2 09:50 deploys a2 after 10m
		r3 11:00 deploys #2 after 1h; rework: revert ` + changeID(2) + `
		1 of 4 failed`)
}

func TestScenario_SameVersionAgainIsNoRollback(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a1 08:00")
	w.deploys("v1 a1 08:30", "again a1 20:00")
	w.tells(`
		v1 08:30 (baseline)
		again 20:00
		0 of 2 failed`)
}

// v2 was put back too eagerly: to deploy it again goes forward and blames nobody.
func TestScenario_RollbackOfARollback(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a1 08:00", "a2 09:00")
	w.deploys("v1 a1 08:30", "v2 a2 09:30", "back a1 10:00", "forth a2 11:00")
	w.tells(`
		v1 08:30 (baseline)
		v2 09:30 deploys a2 after 30m; failed: rollback back, recovered 10:00 by rollback back
		back 10:00; rework: rollback v2
		forth 11:00
		1 of 4 failed`)
}

// Nothing is put back: the next release mends what the incident names.
func TestScenario_FixForward(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "bad 09:00", "fix 10:00")
	w.deploys("r0 a0 08:30", "r1 bad 09:30", "r2 fix 10:30")
	w.outage("i1", "09:45", "10:40", "r1")
	w.tells(`
		r0 08:30 (baseline)
		r1 09:30 deploys bad after 30m; failed: explicit i1, recovered 10:40 by incident_resolved i1
		r2 10:30 deploys fix after 30m; rework: incident i1
		incident i1 marks r1 (explicit), lasted 55m
		1 of 3 failed`)
}

// The release is well again when the first of three things has happened.
func TestScenario_RecoveryByWhicheverComesFirst(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ resolved, back, fix, want string }{
		"the incident is resolved": {"10:00", "11:00", "12:00", "10:00 by incident_resolved i1"},
		"the rollback is done":     {"11:00", "10:00", "12:00", "10:00 by rollback back"},
		"the fix is out":           {"12:00", "11:00", "10:00", "10:00 by fix fix"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.commits("", "a0 08:00", "bad 09:00", "undo 09:40")
			w.rep.Commits[2].Reverts = []string{"bad"}
			w.deploys("r0 a0 08:30", "r1 bad 09:30", "back a0 "+c.back, "fix undo "+c.fix)
			w.outage("i1", "09:45", c.resolved, "r1")
			r := releaseOf(t, w.derive(), "r1")
			if r.RecoveredAt == nil || clock(*r.RecoveredAt)+" by "+r.RecoveryRule+" "+r.RecoveryEvidence != c.want || r.FailureRule != schema.FailureExplicit {
				t.Errorf("%+v, want recovery %s", r, c.want)
			}
		})
	}
}

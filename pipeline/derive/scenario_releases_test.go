package derive_test

import (
	"testing"

	"github.com/headway-metrics/headway/schema"
)

// What is one release, what is none, and which of several deployments counts.

const (
	succeeded    = schema.StatusSuccess
	unsuccessful = schema.StatusFailure
)

func TestScenario_FirstDeploymentOfAnOldServiceClaimsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a1 08:00", "a2 09:00", "a3 10:00")
	w.deploys("r1 a2 5d 10:00", "r2 a3 5d 11:00")
	w.tells(`
		r1 5d 10:00 (baseline)
		r2 5d 11:00 deploys a3 after 121h
		0 of 2 failed`)
}

func TestScenario_FirstDeploymentOfANewServiceClaimsItsHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in.Service.CreatedAt = new(at(t, "07:00"))
	w.commits("", "a1 08:00", "a2 09:00", "a3 10:00")
	w.deploys("r1 a2 5d 10:00", "r2 a3 5d 11:00")
	w.tells(`
		r1 5d 10:00 deploys a1 after 122h, a2 after 121h
		r2 5d 11:00 deploys a3 after 121h
		0 of 2 failed`)
}

func TestScenario_SeveralMergesInOneDeployment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00")
	w.commits("a0", "b1 09:00")
	w.commit("m1", "10:00", "a0", "b1")
	w.commits("a0", "b2 09:30")
	w.commit("m2", "11:00", "m1", "b2")
	w.request(1, "m1", "09:10", "10:00").HeadSHA = "b1"
	w.request(2, "m2", "09:40", "11:00").HeadSHA = "b2"
	w.deploys("r0 a0 08:30", "r1 m2 12:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 12:00 deploys #1 after 3h, #2 after 2h30m
		0 of 2 failed`)
}

// The change is live for everybody when the last region has it.
func TestScenario_OneMergeDeployedToFiveRegionsOverTwoHours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00")
	w.deploys("r0 a0 08:30")
	for env, when := range map[string]string{"prod-1": "10:00", "prod-2": "10:30", "prod-3": "11:00", "prod-4": "11:30", "prod-5": "12:00"} {
		w.deployTo(env, succeeded, "in "+env, "a1", when)
	}
	w.tells(`
		r0 08:30 (baseline)
		in prod-1 12:00 in prod-1+prod-2+prod-3+prod-4+prod-5 deploys a1 after 3h
		0 of 2 failed`)
}

func TestScenario_TwoEnvironmentsInOneFanOutAreOneRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00")
	w.deployTo("prod-eu", succeeded, "r0", "a0", "09:00")
	w.deployTo("prod-us", succeeded, "r0b", "a0", "09:20")
	w.tells(`
		r0 09:20 (baseline) in prod-eu+prod-us
		0 of 1 failed`)
}

// The second version overtakes the first while that is still on its way.
func TestScenario_OverlappingDeployments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00", "a2 09:30")
	w.deploys("r0 a0 08:30")
	w.deployTo("prod-eu", succeeded, "r1", "a1", "10:00")
	w.deployTo("prod-eu", succeeded, "r2", "a2", "10:10")
	w.deployTo("prod-us", succeeded, "r1b", "a1", "10:20")
	w.deployTo("prod-us", succeeded, "r2b", "a2", "10:30")
	w.tells(`
		r0 08:30 (baseline)
		r1 10:20 in prod-eu+prod-us deploys a1 after 1h20m
		r2 10:30 in prod-eu+prod-us deploys a2 after 1h
		0 of 3 failed`)
}

// a1 is begun first and ends last: production is left with the older commit, by
// accident. Both changes came with a2, and nobody rolled it back.
func TestScenario_OutOfOrderDeployments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00", "a2 09:30")
	w.deploys("r0 a0 08:30", "r2 a2 10:00")
	w.deploy("r1", "a1", "10:05").StartedAt = new(at(t, "09:50"))
	w.tells(`
		r0 08:30 (baseline)
		r2 10:00 deploys a1 after 1h, a2 after 30m
		r1 10:05
		0 of 3 failed`)
}

// The events of out-of-order deployments may also arrive out of order: only when
// they happened counts.
func TestScenario_DeploymentsReportedOutOfOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00", "a2 09:30")
	w.deploys("r2 a2 10:00", "r0 a0 08:30", "r1 a1 09:15")
	w.tells(`
		r0 08:30 (baseline)
		r1 09:15 deploys a1 after 15m
		r2 10:00 deploys a2 after 30m
		0 of 3 failed`)
}

// What an older commit contains was deployed before: it claims nothing, and the
// release after it claims only what is new since the newest.
func TestScenario_DeploymentOfAnOlderCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00", "a2 10:00", "a3 13:00")
	w.deploys("r0 a0 08:30", "r2 a2 11:00", "r1 a1 12:00", "r3 a3 14:00")
	w.tells(`
		r0 08:30 (baseline)
		r2 11:00 deploys a1 after 2h, a2 after 1h; failed: rollback r1, recovered 12:00 by rollback r1
		r1 12:00; rework: rollback r2
		r3 14:00 deploys a3 after 1h
		1 of 4 failed`)
}

func TestScenario_RedeploymentOfTheSameVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00")
	w.deploys("r0 a0 08:30", "r1 a1 10:00", "again a1 11:00", "later a1 2d 10:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 10:00 in production deploys a1 after 1h
		later 2d 10:00
		0 of 3 failed`)
}

// The attempt is shown and is no change failure; the changes wait for the
// release that brings them.
func TestScenario_FailedDeployment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00", "a2 11:00")
	w.deploys("r0 a0 08:30", "r2 a2 12:00")
	w.deployTo("production", unsuccessful, "r1", "a1", "10:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 10:00 (never in production)
		r2 12:00 deploys a1 after 3h, a2 after 1h
		0 of 2 failed`)
}

func TestScenario_CancelledDeployment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00")
	w.deploys("r0 a0 08:30", "r1 a1 11:00")
	w.deployTo("production", schema.StatusCancelled, "stopped", "a1", "10:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 11:00 deploys a1 after 2h
		0 of 2 failed`)
}

func TestScenario_TwoReleasesOfOneMinuteAreTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00", "a2 09:30")
	w.deploys("r0 a0 08:30", "r2 a2 10:00", "r1 a1 10:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 10:00 deploys a1 after 1h
		r2 10:00 deploys a2 after 30m
		0 of 3 failed`)
}

// Not every commit is known in time. The release stands, resolved or not, and
// counts; once its commits have come it is as if they had always been there.
func TestScenario_DeploymentEventArrivesBeforeItsCommits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00")
	w.deploys("r0 a0 08:30", "r1 a1 10:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 10:00 (commit unknown)
		0 of 2 failed`)
	w.commits("a0", "a1 09:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 10:00 deploys a1 after 1h
		0 of 2 failed`)
}

func TestScenario_CommitsThatNeverArrive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00")
	w.deploys("r0 a0 08:30", "lost ffffffffff 10:00", "r1 a1 11:00")
	w.tells(`
		r0 08:30 (baseline)
		lost 10:00 (commit unknown)
		r1 11:00 deploys a1 after 2h
		0 of 3 failed`)
}

package derive_test

import (
	"testing"

	"github.com/headway-metrics/headway/schema"
)

// What was deployed was deployed: when the repository and its entry in the
// catalogue are gone, the service keeps its past, and its team keeps it too.
func TestScenario_RepositoryDeletedUpstream(t *testing.T) {
	t.Parallel()
	c := twoReleases(t)
	c.begin()
	c.forget(new(c.in.Service))
	out := c.stored(service, `
		r0 08:30 (baseline)
		r1 10:00 deploys #1 after 1h
		0 of 2 failed`)
	for _, r := range out.Releases {
		if r.TeamID != "team-a" {
			t.Errorf("%s is of team %q", r.ReleaseID, r.TeamID)
		}
	}
	if out := stored(t, c.db, repo); len(out.Releases) != 0 {
		t.Errorf("the repository has become a service of its own: %+v", out.Releases)
	}
}

// The deployment was reported for another service than it was of. The other is
// left with nothing of it.
func TestScenario_DeploymentCorrectedToAnotherService(t *testing.T) {
	t.Parallel()
	c := twoReleases(t)
	c.in.Deployments[1].ServiceRef = "pay"
	c.begin()
	c.learn(&schema.Service{ServiceID: "pay"})
	c.stored("pay", `
		r1 10:00 (baseline)
		0 of 1 failed`)
	corrected := c.in.Deployments[1]
	corrected.ServiceRef = service
	c.learn(&corrected)
	c.stored("pay", `0 of 0 failed`)
	c.stored(service, `
		r0 08:30 (baseline)
		r1 10:00 deploys #1 after 1h
		0 of 2 failed`)
}

// The catalogue says where the service is now and, among its aliases, where it
// was. What was deployed from there is what it was.
func TestScenario_ServiceMovesRepositoryInTheCatalogue(t *testing.T) {
	t.Parallel()
	c := twoReleases(t)
	c.outage("i1", "10:10", "11:00", "r1")
	c.begin()
	const before = `
		r0 08:30 (baseline)
		r1 10:00 deploys #1 after 1h; failed: explicit i1, recovered 11:00 by incident_resolved i1
		incident i1 marks r1 (explicit), lasted 50m
		1 of 2 failed`
	c.stored(service, before)
	moved := c.in.Service
	moved.Repo, moved.Aliases = "git.example/acme/mono", []string{repo}
	c.learn(&moved)
	c.stored(service, before)
	var facts []schema.Fact
	for _, k := range c.rep.Commits { // The new repository has the whole history.
		k.Repo = moved.Repo
		facts = append(facts, &k)
	}
	next := c.deploy("r2", "a2", "1d 10:00")
	next.Repo = moved.Repo
	c.learn(append(facts, next, &schema.Commit{Repo: moved.Repo, SHA: "a2", Parents: []string{"a1"}, AuthoredAt: at(t, "1d 09:00"), CommittedAt: at(t, "1d 09:00")})...)
	c.stored(service, `
		r0 08:30 (baseline)
		r1 10:00 deploys #1 after 1h; failed: explicit i1, recovered 11:00 by incident_resolved i1
		r2 1d 10:00 deploys a2 after 1h
		incident i1 marks r1 (explicit), lasted 50m
		1 of 3 failed`)
}

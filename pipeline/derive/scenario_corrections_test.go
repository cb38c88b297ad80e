package derive_test

import (
	"testing"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// What senders correct, delete or tell late, through the warehouse: the stored
// rows must be those of the truth as it is known in the end.

// chronicle is a warehouse whose rows follow from facts as they become known.
type chronicle struct {
	*world
	db      *clickhousetest.Database
	deriver *derive.Deriver
	outbox  *outbox
	// version grows with each thing learnt.
	version int
}

func newChronicle(t *testing.T) *chronicle {
	t.Helper()
	c := &chronicle{world: newWorld(t), db: clickhousetest.New(t), outbox: &outbox{}}
	c.deriver = newDeriver(t, c.db.Conn, c.outbox)
	return c
}

// begin learns the catalogue and all facts of the world so far.
func (c *chronicle) begin() {
	c.t.Helper()
	c.learn(append(c.facts(), &c.in.Service)...)
}

// learn stores facts, each newer than all before, and derives what they concern.
func (c *chronicle) learn(facts ...schema.Fact) {
	c.t.Helper()
	c.version++
	for _, f := range facts {
		setVersion(f, version(c.version).Version)
	}
	insert(c.t, c.db, facts...)
	settle(c.t, c.deriver, c.outbox, dirty(facts)...)
}

// forget learns that something was deleted where it came from.
func (c *chronicle) forget(f schema.Fact) {
	c.t.Helper()
	schema.MarkDeleted(f)
	c.learn(f)
}

func (c *chronicle) stored(id, want string) derive.Output {
	c.t.Helper()
	out := stored(c.t, c.db, id)
	wantAccount(c.t, out, want)
	return out
}

// twoReleases is a catalogued service with a request, two releases and an owner.
func twoReleases(t *testing.T) *chronicle {
	t.Helper()
	c := newChronicle(t)
	c.commits("", "a0 08:00", "a1 09:00")
	c.request(1, "a1", "09:05", "09:10").FirstCommitAt = new(at(t, "09:00"))
	c.deploys("r0 a0 08:30", "r1 a1 10:00")
	c.in.Ownerships = append(c.in.Ownerships, schema.Ownership{ServiceID: service, ValidFrom: day, TeamID: "team-a"})
	return c
}

func TestScenario_RequestRetitledUpstream(t *testing.T) {
	t.Parallel()
	c := twoReleases(t)
	c.begin()
	const same = `
		r0 08:30 (baseline)
		r1 10:00 deploys #1 after 1h
		0 of 2 failed`
	c.stored(service, same)
	retitled := c.rep.Changes[0]
	retitled.Title = "a better title"
	c.learn(&retitled)
	if out := c.stored(service, same); out.Changes[0].Title != "a better title" {
		t.Errorf("the title is %q", out.Changes[0].Title)
	}
}

// The request is gone; its commit is still in production, as a change of its own.
func TestScenario_RequestDeletedUpstream(t *testing.T) {
	t.Parallel()
	c := twoReleases(t)
	c.begin()
	c.forget(new(c.rep.Changes[0]))
	c.stored(service, `
		r0 08:30 (baseline)
		r1 10:00 deploys a1 after 1h
		0 of 2 failed`)
}

func TestScenario_IncidentSeverityChangedUpstream(t *testing.T) {
	t.Parallel()
	c := twoReleases(t)
	c.outage("i1", "10:10", "11:00", "r1")
	c.in.Incidents[0].Severity = "sev3"
	c.begin()
	const same = `
		r0 08:30 (baseline)
		r1 10:00 deploys #1 after 1h; failed: explicit i1, recovered 11:00 by incident_resolved i1
		incident i1 marks r1 (explicit), lasted 50m
		1 of 2 failed`
	c.stored(service, same)
	worse := *c.incident("i1", schema.IncidentUpdated, "12:00")
	worse.Severity = "sev1"
	c.learn(&worse)
	if out := c.stored(service, same); out.Incidents[0].Severity != "sev1" {
		t.Errorf("severity %q", out.Incidents[0].Severity)
	}
}

func TestScenario_DeploymentDeletedUpstream(t *testing.T) {
	t.Parallel()
	c := twoReleases(t)
	c.begin()
	c.forget(new(c.in.Deployments[1]))
	c.stored(service, `
		r0 08:30 (baseline)
		0 of 1 failed`)
}

// A month's rows are right again as soon as the late incident is known.
func TestScenario_LateIncidentCorrectsTheMonthItBeganIn(t *testing.T) {
	t.Parallel()
	c := twoReleases(t)
	c.commits("a1", "a2 20d 09:00")
	c.deploys("r2 a2 20d 10:00")
	c.begin()
	c.stored(service, `
		r0 08:30 (baseline)
		r1 10:00 deploys #1 after 1h
		r2 20d 10:00 deploys a2 after 1h
		0 of 3 failed`)
	late := *c.incident("i1", schema.IncidentTriggered, "29d 15:00")
	late.StartedAt, late.Cause = new(at(t, "10:30")), "r1"
	resolved := *c.incident("i1", schema.IncidentResolved, "11:00")
	c.learn(&late, &resolved)
	c.stored(service, `
		r0 08:30 (baseline)
		r1 10:00 deploys #1 after 1h; failed: explicit i1, recovered 11:00 by incident_resolved i1
		r2 20d 10:00 deploys a2 after 1h
		incident i1 marks r1 (explicit), lasted 30m
		1 of 3 failed`)
}

// A deployment of last week that is told of only now takes over the changes that
// a later one seemed to have brought.
func TestScenario_LateDeploymentTakesItsChangesBack(t *testing.T) {
	t.Parallel()
	c := twoReleases(t)
	c.commits("a1", "a2 7d 09:00")
	late := *c.deploy("late", "a1", "1d 09:00")
	c.in.Deployments = c.in.Deployments[:1]
	c.deploys("r2 a2 7d 10:00")
	c.begin()
	c.stored(service, `
		r0 08:30 (baseline)
		r2 7d 10:00 deploys #1 after 169h, a2 after 1h
		0 of 2 failed`)
	c.learn(&late)
	c.stored(service, `
		r0 08:30 (baseline)
		late 1d 09:00 deploys #1 after 24h
		r2 7d 10:00 deploys a2 after 1h
		0 of 3 failed`)
}

// Two services of one repository and one project in the pager: the incident of
// one says nothing of the other.
func TestScenario_IncidentsOfAnotherServiceInTheSameProject(t *testing.T) {
	t.Parallel()
	c := twoReleases(t)
	c.in.Service.Aliases = []string{"pagerduty:P-SHOP"}
	c.outage("i1", "10:10", "11:00", "")
	for i := range c.in.Incidents {
		c.in.Incidents[i].ServiceRefs = []string{"pagerduty:P-PAY"}
	}
	c.begin()
	c.learn(&schema.Service{ServiceID: "pay", Repo: repo, Aliases: []string{"pagerduty:P-PAY"}})
	c.stored(service, `
		r0 08:30 (baseline)
		r1 10:00 deploys #1 after 1h
		0 of 2 failed`)
	c.stored("pay", `
		r0 08:30 (baseline)
		r1 10:00 deploys #1 after 1h; failed: time i1, recovered 11:00 by incident_resolved i1
		incident i1 marks r1 (time), lasted 50m
		1 of 2 failed`)
}

package derive_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// The scenarios live in one repository and one service unless they say otherwise.
const (
	repo    = "git.example/acme/shop"
	service = "shop"
)

// day is when all scenarios begin.
var day = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// at is a time of the first day: "15:00", or of a later one: "2d 15:00".
func at(t *testing.T, s string) time.Time {
	t.Helper()
	base := day
	if days, rest, ok := strings.Cut(s, "d "); ok {
		n, err := strconv.Atoi(days)
		if err != nil {
			t.Fatal(err)
		}
		base, s = day.AddDate(0, 0, n), rest
	}
	clock, err := time.Parse("15:04", s)
	if err != nil {
		t.Fatal(err)
	}
	return base.Add(time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute)
}

// world is the facts of a scenario.
type world struct {
	t   *testing.T
	in  derive.Input
	rep derive.RepoFacts
	opt derive.Options
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{
		t:   t,
		in:  derive.Input{Service: schema.Service{ServiceID: service, Repo: repo}, Now: day.AddDate(0, 1, 0)},
		rep: derive.RepoFacts{Repo: repo},
		opt: derive.DefaultOptions(),
	}
}

// commit adds a commit authored at the time, on top of its parents.
func (w *world) commit(sha, when string, parents ...string) *schema.Commit {
	w.t.Helper()
	w.rep.Commits = append(w.rep.Commits, schema.Commit{
		Repo: repo, SHA: sha, Parents: parents, AuthoredAt: at(w.t, when), CommittedAt: at(w.t, when), Title: "title of " + sha,
	})
	return &w.rep.Commits[len(w.rep.Commits)-1]
}

// request adds a merged request.
func (w *world) request(number uint64, mergeSHA, opened, merged string) *schema.Change {
	w.t.Helper()
	m := at(w.t, merged)
	w.rep.Changes = append(w.rep.Changes, schema.Change{
		Repo: repo, ChangeID: changeID(number), Number: number, Title: "request", State: schema.ChangeMerged, Author: "ada",
		OpenedAt: at(w.t, opened), MergedAt: &m, MergeSHA: mergeSHA,
	})
	return &w.rep.Changes[len(w.rep.Changes)-1]
}

func changeID(number uint64) string { return repo + "#" + string(rune('0'+number)) }

// deploy adds a successful production deployment of a commit.
func (w *world) deploy(id, commit, finished string) *schema.Deployment {
	w.t.Helper()
	f := at(w.t, finished)
	w.in.Deployments = append(w.in.Deployments, schema.Deployment{
		DeploymentID: id, Repo: repo, Environment: "production", Commit: commit, Status: schema.StatusSuccess,
		CreatedAt: f.Add(-time.Minute), FinishedAt: &f,
	})
	return &w.in.Deployments[len(w.in.Deployments)-1]
}

// incident adds one update; update ids grow.
func (w *world) incident(id, kind, when string) *schema.IncidentUpdate {
	w.t.Helper()
	w.in.Incidents = append(w.in.Incidents, schema.IncidentUpdate{
		IncidentID: id, UpdateID: string(rune('a' + len(w.in.Incidents))), Kind: kind, At: at(w.t, when), ServiceRefs: []string{service},
	})
	return &w.in.Incidents[len(w.in.Incidents)-1]
}

func (w *world) derive() derive.Output {
	w.t.Helper()
	w.in.Repo = derive.NewRepo(w.rep)
	return derive.Service(w.in, w.opt)
}

func releaseOf(t *testing.T, out derive.Output, id string) schema.Release {
	t.Helper()
	for _, r := range out.Releases {
		if r.ReleaseID == id {
			return r
		}
	}
	t.Fatalf("no release %s in %+v", id, out.Releases)
	return schema.Release{}
}

func changeOf(t *testing.T, out derive.Output, id string) schema.ChangeDeployed {
	t.Helper()
	for _, c := range out.Changes {
		if c.ChangeID == id {
			return c
		}
	}
	t.Fatalf("no change %s in %+v", id, out.Changes)
	return schema.ChangeDeployed{}
}

func TestLeadTimeOfTwoCommits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit("a0", "10:00")
	w.commit("a1", "15:00", "a0")
	w.commit("a2", "16:00", "a1")
	w.deploy("d0", "a0", "11:00")
	w.deploy("d1", "a2", "19:00")
	out := w.derive()
	for sha, hours := range map[string]float64{"a1": 4, "a2": 3} {
		c := changeOf(t, out, repo+"@"+sha)
		if c.ReleaseID != "d1" || c.LeadSeconds == nil || *c.LeadSeconds != hours*3600 {
			t.Errorf("%s: %+v", sha, c)
		}
	}
	if r := releaseOf(t, out, "d0"); r.Baseline != 1 || r.Changes != 0 || len(out.Changes) != 2 {
		t.Errorf("the first release claims its history: %+v, %d changes", r, len(out.Changes))
	}
}

func TestRollbackFailsTheFirstAfterTheVersionRestored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit("a1", "01:00")
	w.commit("a2", "02:00", "a1")
	w.commit("a3", "03:00", "a2")
	w.deploy("v1", "a1", "10:00")
	w.deploy("v2", "a2", "11:00")
	w.deploy("v3", "a3", "12:00")
	w.deploy("back", "a1", "13:00")
	out := w.derive()
	for id, failed := range map[string]uint8{"v1": 0, "v2": 1, "v3": 0, "back": 0} {
		if r := releaseOf(t, out, id); r.Failed != failed {
			t.Errorf("%s: failed %d, want %d", id, r.Failed, failed)
		}
	}
	v2, back := releaseOf(t, out, "v2"), releaseOf(t, out, "back")
	if v2.FailureRule != schema.FailureRollback || v2.FailureEvidence != "back" || v2.RecoveredAt == nil || !v2.RecoveredAt.Equal(at(t, "13:00")) {
		t.Errorf("v2: %+v", v2)
	}
	if back.Rework != 1 || back.ReworkRule != schema.FailureRollback || back.Changes != 0 {
		t.Errorf("back: %+v", back)
	}
}

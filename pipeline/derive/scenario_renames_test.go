package derive_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/github"
	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// A repository is renamed or goes to another owner. What was told under its old
// name and what is told under the new one is of one repository, in whatever order
// it arrives. The payloads are written by hand after GitHub's "Webhook events and
// payloads"; only the fields that are read are there.

const (
	formerName = "github.com/acme/shop"
	laterName  = "github.com/acme/store"
)

// repositoryEvent is what GitHub's webhook "repository" becomes.
func repositoryEvent(t *testing.T, format string, args ...any) []schema.Fact {
	t.Helper()
	cfg := github.DefaultConfig()
	cfg.WebhookSecret = "of nobody"
	source, err := github.New(cfg, collectors.Deps{Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := source.Normalize(schema.Event{ID: "e", Source: github.Name, Type: "github.repository", Time: day, Data: []byte(fmt.Sprintf(format, args...))})
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

// under gives the name of the repository in which facts of a request, its commits and
// two releases, or of the commit and the release after them, were told.
func under(t *testing.T, name string, later bool) []schema.Fact {
	t.Helper()
	deployment := func(n int, commit, finished string) *schema.Deployment {
		end := at(t, finished)
		return &schema.Deployment{
			DeploymentID: fmt.Sprintf("%s/deployment/%d", name, n), Repo: name, Environment: "production", TierHint: schema.TierProduction,
			Commit: commit, Status: schema.StatusSuccess, CreatedAt: end, FinishedAt: &end,
		}
	}
	commit := func(sha, when string, parents ...string) *schema.Commit {
		return &schema.Commit{Repo: name, SHA: sha, Parents: parents, AuthoredAt: at(t, when), CommittedAt: at(t, when), Title: "title of " + sha}
	}
	if later {
		return []schema.Fact{commit("a2", "1d 09:00", "a1"), deployment(2, "a2", "1d 10:00")}
	}
	merged := at(t, "09:10")
	return []schema.Fact{
		commit("a0", "08:00"), commit("a1", "09:00", "a0"), deployment(0, "a0", "08:30"), deployment(1, "a1", "10:00"),
		&schema.Change{
			Repo: name, ChangeID: name + "#1", Number: 1, State: schema.ChangeMerged, Author: "ada", OpenedAt: at(t, "09:05"), MergedAt: &merged, MergeSHA: "a1",
			FirstCommitAt: new(at(t, "09:00")),
		},
		&schema.IncidentUpdate{IncidentID: "i1", UpdateID: "1", Kind: schema.IncidentTriggered, At: at(t, "10:10"), ServiceRefs: []string{name}, Cause: name + "#1"},
		&schema.IncidentUpdate{IncidentID: "i1", UpdateID: "2", Kind: schema.IncidentResolved, At: at(t, "11:00"), ServiceRefs: []string{name}},
		&schema.Ownership{ServiceID: name, Claim: schema.TeamClaim("payments"), ValidFrom: day, TeamID: "payments"},
	}
}

const wholePast = `
	NAME/deployment/0 08:30 (baseline)
	NAME/deployment/1 10:00 deploys #1 after 1h; failed: explicit i1, recovered 11:00 by incident_resolved i1
	NAME/deployment/2 1d 10:00 deploys a2 after 1h
	incident i1 marks NAME/deployment/1 (explicit), lasted 50m
	1 of 3 failed`

// tellsWhole learns the parts in an order, and again what was known first, and expects
// one repository under its name of now.
func tellsWhole(t *testing.T, now, id string, catalogue []schema.Fact, parts ...[]schema.Fact) derive.Output {
	t.Helper()
	c := newChronicle(t)
	if len(catalogue) > 0 {
		c.learn(catalogue...)
	}
	for _, p := range append(parts, parts[0]) {
		c.learn(p...)
	}
	out := c.stored(id, strings.ReplaceAll(wholePast, "NAME", now))
	for _, r := range out.Releases {
		if r.TeamID != "payments" || r.Repo != now {
			t.Errorf("%s is of team %q and of %s", r.ReleaseID, r.TeamID, r.Repo)
		}
	}
	for i := range out.Releases {
		out.Releases[i].DerivedMeta = schema.DerivedMeta{}
	}
	if id == now {
		if past := stored(t, c.db, formerName); len(past.Releases)+len(past.Changes)+len(past.Incidents) != 0 {
			t.Errorf("under the former name there are still %+v", past)
		}
	}
	return out
}

func TestScenario_RepositoryRenamed(t *testing.T) {
	t.Parallel()
	rename := func() []schema.Fact {
		return repositoryEvent(t, `{"action":"renamed","changes":{"repository":{"name":{"from":"shop"}}},
			"repository":{"id":5,"name":"store","full_name":"Acme/Store","html_url":"https://github.com/Acme/Store","updated_at":"2026-03-02T12:00:00Z"}}`)
	}
	// The poller may read under the new name what was told under the old one.
	again := func() []schema.Fact { return under(t, laterName, false)[:5] }
	for _, catalogued := range []bool{false, true} {
		id := laterName
		var catalogue []schema.Fact
		if catalogued {
			id = service
			catalogue = []schema.Fact{&schema.Service{ServiceID: service, Repo: formerName}}
		}
		var first derive.Output
		for i, order := range [][4]int{{0, 1, 2, 3}, {0, 2, 1, 3}, {1, 0, 2, 3}, {2, 0, 3, 1}, {2, 1, 0, 3}, {3, 2, 1, 0}} {
			parts := [4][]schema.Fact{under(t, formerName, false), rename(), under(t, laterName, true), again()}
			out := tellsWhole(t, laterName, id, catalogue, parts[order[0]], parts[order[1]], parts[order[2]], parts[order[3]])
			if i == 0 {
				first = out
			} else if d := cmp.Diff(first.Releases, out.Releases); d != "" {
				t.Errorf("in the order %v it is another:\n%s", order, d)
			}
		}
	}
}

func TestScenario_RepositoryTransferred(t *testing.T) {
	t.Parallel()
	transfer := repositoryEvent(t, `{"action":"transferred","changes":{"owner":{"from":{"user":{"login":"Acme"}}}},
		"repository":{"id":5,"name":"Shop","full_name":"Globex/Shop","html_url":"https://github.com/Globex/Shop","updated_at":"2026-03-02T12:00:00Z"}}`)
	const now = "github.com/globex/shop"
	tellsWhole(t, now, now, nil, under(t, formerName, false), transfer, under(t, now, true))
	tellsWhole(t, now, now, nil, under(t, now, true), under(t, formerName, false), transfer)
}

// Twice, and back: the name of now is the last, and the first is nobody else's.
func TestScenario_RepositoryRenamedBackAndForth(t *testing.T) {
	t.Parallel()
	name := func(before, after string, hour int) []schema.Fact {
		return []schema.Fact{&schema.RepoName{UID: "github.com:5", Since: day.Add(time.Duration(hour) * time.Hour), Repo: after, Before: before}}
	}
	const between = "github.com/acme/between"
	tellsWhole(t, laterName, laterName, nil, under(t, formerName, false), name(between, laterName, 14), name(formerName, between, 12), under(t, laterName, true))
	c := newChronicle(t)
	for _, p := range [][]schema.Fact{under(t, formerName, false), name(formerName, between, 12), name(between, formerName, 14), under(t, formerName, true)} {
		c.learn(p...)
	}
	c.stored(formerName, strings.ReplaceAll(wholePast, "NAME", formerName))
}

// Another repository takes the name that one had: from then on nobody can tell whose
// what was told under it is, and it is the new one's. The first keeps what was
// told under the names that are its own.
func TestScenario_NameTakenByAnotherRepository(t *testing.T) {
	t.Parallel()
	c := newChronicle(t)
	c.learn(under(t, formerName, false)...)
	c.learn(&schema.RepoName{UID: "github.com:5", Since: day.Add(12 * time.Hour), Repo: laterName, Before: formerName})
	c.learn(under(t, laterName, true)...)
	c.stored(laterName, strings.ReplaceAll(wholePast, "NAME", laterName))
	c.learn(repositoryEvent(t, `{"action":"created","repository":{"id":6,"name":"shop","full_name":"acme/shop","html_url":"https://github.com/acme/shop",
		"created_at":"2026-03-10T12:00:00Z","updated_at":"2026-03-10T12:00:00Z"}}`)...)
	c.stored(laterName, `
		github.com/acme/store/deployment/2 1d 10:00 (baseline)
		0 of 1 failed`)
	if past := stored(t, c.db, formerName); len(past.Releases) != 2 {
		t.Errorf("the new repository has %d releases", len(past.Releases))
	}
}

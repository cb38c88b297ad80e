package sample_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/sample"
)

func end() time.Time { return time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC) }

func TestTheSameSeedSendsTheSame(t *testing.T) {
	t.Parallel()
	a, b := sample.Generate(3, end()).Deliveries(), sample.Generate(3, end().Add(5*time.Hour)).Deliveries()
	if len(a) != len(b) {
		t.Fatalf("%d deliveries and then %d", len(a), len(b))
	}
	for i := range a {
		if !a[i].At.Equal(b[i].At) || a[i].Path != b[i].Path || !maps.EqualFunc(a[i].Header, b[i].Header, slices.Equal) {
			t.Fatalf("delivery %d is %s at %s and then %s at %s", i, a[i].Path, a[i].At, b[i].Path, b[i].At)
		}
		// Making every body twice takes long; the kinds repeat.
		if i%20 == 0 && !bytes.Equal(a[i].Body(), b[i].Body()) {
			t.Fatalf("delivery %d to %s has two bodies:\n%s\n%s", i, a[i].Path, a[i].Body(), b[i].Body())
		}
	}
	if other := sample.Generate(4, end()); fmt.Sprint(other.Incidents[0]) == fmt.Sprint(sample.Generate(3, end()).Incidents[0]) {
		t.Error("another seed makes the same incidents")
	}
}

// TestEverySenderSends counts deliveries by path and, of GitHub, by event.
func TestEverySenderSends(t *testing.T) {
	t.Parallel()
	h := sample.Generate(sampleSeed, end())
	got := map[string]int{}
	seen := map[string]int{}
	late, last := 0, time.Time{}
	for _, d := range h.Deliveries() {
		got[d.Path]++
		if d.Kind == "github" || d.Kind == "forged" {
			got[d.Header.Get("X-GitHub-Event")]++
			seen[d.Header.Get("X-GitHub-Delivery")]++
		}
		if d.Kind == "forged" {
			got["forged"]++
		}
		if d.At.Before(last) {
			t.Fatalf("a delivery of %s comes after one of %s", d.At, last)
		}
		last = d.At
		if d.At.After(h.End) {
			late++
		}
	}
	for _, n := range seen {
		if n > 1 {
			got["duplicates"]++
		}
	}
	for what, atLeast := range map[string]int{
		"/hooks/github": 20_000, "/hooks/pagerduty": 500, "/hooks/jira": 1000, "/hooks/backstage": 100, "/v1/events": 100,
		"/v1/deployments": 100, "/v1/incidents": 10, "/v1/requests": 10, "/v1/workloads": 170,
		"push": 3000, "pull_request": 3000, "pull_request_review": 1000, "deployment_status": 5000, "ping": 30,
		"forged": 5, "duplicates": 100,
	} {
		if got[what] < atLeast {
			t.Errorf("%d of %s, want at least %d", got[what], what, atLeast)
		}
	}
	if late > 300 {
		t.Errorf("%d deliveries come after the end; only late and repeated ones may", late)
	}
}

const sampleSeed = 20260101

func TestTheOrganisationHasItsStory(t *testing.T) {
	t.Parallel()
	h := sample.Generate(sampleSeed, end())
	if len(h.Teams) != 12 || len(h.Services) != 40 || h.End.Sub(h.Start) != 180*24*time.Hour {
		t.Errorf("%d teams, %d services, %s", len(h.Teams), len(h.Services), h.End.Sub(h.Start))
	}
	var moved, created, migrated int
	kinds, channels := map[sample.MergeKind]int{}, map[sample.Channel]int{}
	for _, s := range h.Services {
		kinds[s.Repo.Kind]++
		channels[s.Channel]++
		if len(s.Owners) > 1 {
			moved++
			if before, after := s.OwnerAt(s.Owners[1].From.Add(-1)), s.OwnerAt(s.Owners[1].From); before == after {
				t.Errorf("%s stays with %s in the reorganisation", s.ID, before)
			}
		}
		if !s.CreatedAt.IsZero() {
			created++
		}
		if s.OnPlatformFrom.After(h.Start) && s.CreatedAt.IsZero() {
			migrated++
		}
	}
	noisy := map[string]int{}
	for _, i := range h.Incidents {
		noisy[i.Service.ID+i.Title]++
	}
	released := slices.ContainsFunc(h.Capabilities, func(c sample.Capability) bool { return c.ReleasedAt.After(h.Start) })
	if moved == 0 || created < 4 || migrated < 8 || len(kinds) != 4 || len(channels) != 5 || slices.Max(slices.Collect(maps.Values(noisy))) < 20 || !released {
		t.Errorf("moved %d, created %d, migrated %d, merged by %v, deployed by %v, noise %v", moved, created, migrated, kinds, channels, noisy)
	}
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	h := sample.Generate(sampleSeed, end())
	for _, r := range h.Repos {
		at := map[string]*sample.Commit{}
		for _, c := range r.Commits {
			for _, p := range c.Parents {
				if at[p] == nil {
					t.Errorf("%s: commit %.12s comes before its parent", r.Name, c.SHA)
				}
			}
			at[c.SHA] = c
			if c.PushedAt.Before(c.CommittedAt) || len(c.Paths) == 0 || c.Merge != (len(c.Parents) == 2) {
				t.Errorf("%s: commit %.12s committed %s, pushed %s, paths %v, parents %v", r.Name, c.SHA, c.CommittedAt, c.PushedAt, c.Paths, c.Parents)
			}
		}
		for _, p := range r.Pulls {
			if p.Commits[len(p.Commits)-1].SHA != p.HeadSHA || p.Commits[0].Parents[0] != p.BaseSHA || p.OpenedAt.Before(p.FirstCommitAt) {
				t.Errorf("%s#%d: its commits are not those between base and head", r.Name, p.Number)
			}
			if p.MergedAt.IsZero() {
				continue
			}
			if m := at[p.MergeSHA]; m == nil || m.Branch != "main" || p.MergedAt.Before(p.OpenedAt) || p.Reviewer == p.Author {
				t.Errorf("%s#%d: merged as %.12s at %s, reviewed by %s", r.Name, p.Number, p.MergeSHA, p.MergedAt, p.Reviewer)
			}
			if p.Reverts != nil && (p.Reverts.MergedAt.IsZero() || p.Reverts.MergedAt.After(p.MergedAt)) {
				t.Errorf("%s#%d reverts what was not merged", r.Name, p.Number)
			}
		}
	}
	ids := map[int64]bool{}
	for _, s := range h.Services {
		for _, d := range s.Deployments {
			i := slices.IndexFunc(s.Repo.Commits, func(c *sample.Commit) bool { return c.SHA == d.SHA })
			if i < 0 || s.Repo.Commits[i].Branch != "main" || s.Repo.Commits[i].PushedAt.After(d.CreatedAt) {
				t.Errorf("%s deploys %.12s, which is not on main then", s.ID, d.SHA)
			}
			if ids[d.ID] || d.FinishedAt.Before(d.StartedAt) || d.Production != strings.HasPrefix(d.Environment, "production") {
				t.Errorf("%s: deployment %d in %s from %s to %s", s.ID, d.ID, d.Environment, d.StartedAt, d.FinishedAt)
			}
			ids[d.ID] = true
		}
	}
}

func TestNothingIsAfterTheEnd(t *testing.T) {
	t.Parallel()
	h := sample.Generate(sampleSeed, end())
	check := func(what string, times ...time.Time) {
		for _, at := range times {
			if at.After(h.End) {
				t.Errorf("%s at %s", what, at)
			}
		}
	}
	for _, i := range h.Incidents {
		check("incident "+i.ID, i.StartedAt, i.ResolvedAt)
	}
	for _, k := range h.Tickets {
		check("ticket "+k.Key, k.CreatedAt, k.RepliedAt, k.ResolvedAt)
	}
	for _, r := range h.Requests {
		check("request "+r.ID, r.CreatedAt, r.CompletedAt)
	}
	for _, u := range h.Uses {
		check("use of "+u.Capability, u.At)
	}
	for _, a := range h.Answers {
		check("answer", a.At)
	}
}

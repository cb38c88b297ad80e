package github_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/github"
	"github.com/headway-metrics/headway/schema"
)

// TestClosedIsNotMerged: the merge_commit_sha of a request that was closed is that of
// a merge which GitHub only tried.
func TestClosedIsNotMerged(t *testing.T) {
	t.Parallel()
	ev := collectortest.Events(t, github.Name, "testdata")["pull-closed-unmerged"]
	var sent struct {
		PullRequest struct {
			MergeCommitSHA string `json:"merge_commit_sha"`
		} `json:"pull_request"`
	}
	if err := json.Unmarshal(ev.Data, &sent); err != nil || sent.PullRequest.MergeCommitSHA == "" {
		t.Fatalf("the payload has no merge_commit_sha (%v)", err)
	}
	facts, err := webhookSource(t).Normalize(ev)
	if err != nil {
		t.Fatal(err)
	}
	if c := facts[0].(*schema.Change); c.MergedAt != nil || c.MergeSHA != "" || c.State != "closed" {
		t.Errorf("change %+v", c)
	}
}

// TestInactiveEndsNothing: neither as a webhook, nor as the newest of the statuses that
// the REST API lists.
func TestInactiveEndsNothing(t *testing.T) {
	t.Parallel()
	events := collectortest.Events(t, github.Name, "testdata")
	if _, err := webhookSource(t).Normalize(events["status-inactive"]); err == nil || err.Error() != "ignored: GitHub deployment status inactive" {
		t.Errorf("webhook: %v", err)
	}
	facts, err := webhookSource(t).Normalize(events["rest-deployment"])
	if err != nil {
		t.Fatal(err)
	}
	if d := facts[0].(*schema.Deployment); d.Status != "success" || d.FinishedAt == nil {
		t.Errorf("deployment %+v", d)
	}
}

// TestWhatTheClientDropsIsKept: members that go-github has no field for are in the
// events.
func TestWhatTheClientDropsIsKept(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
	f.change(func() {
		f.withoutGraph = true // There nothing comes but what is asked for.
		for _, list := range f.lists {
			for _, o := range list {
				o["not_in_the_client"] = "kept"
			}
		}
	})
	var p collectortest.Publisher
	if _, err := collectortest.CatchUp(t, f.source(t, nil), nil, &p); err != nil {
		t.Fatal(err)
	}
	// What surrounds the object is an extract, of the request that a review belongs to.
	kept := map[string]int{}
	for _, ev := range p.Events() {
		for kind, member := range map[string]string{"pull_request": "pull_request", "commit": "rest_commit", "workflow_run": "workflow_run", "issues": "issue", "deployment": "deployment"} {
			var objects map[string]json.RawMessage
			if ev.Type != "github.rest."+kind {
				continue
			}
			if err := json.Unmarshal(ev.Data, &objects); err != nil || !strings.Contains(string(objects[member]), "not_in_the_client") {
				t.Fatalf("%s lacks a member that GitHub sent (%v): %s", ev.Type, err, ev.Data)
			}
			kept[kind]++
		}
	}
	if len(kept) != 5 {
		t.Errorf("objects %v", kept)
	}
}

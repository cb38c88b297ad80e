package gitlab_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/gitlab"
	"github.com/headway-metrics/headway/schema"
)

const repo = "gitlab.example.com/acme/shop"

// TestThreeFormsOfTime: RFC 3339 with and without a fraction, "… UTC" and "… +0200".
func TestThreeFormsOfTime(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	template := string(collectortest.Events(t, gitlab.Name, "testdata")["issue-bug"].Data)
	want := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	for form, at := range map[string]time.Time{
		"2024-01-02T03:04:05Z": want, "2024-01-02T05:04:05+02:00": want, "2024-01-02T03:04:05.678Z": want.Add(678 * time.Millisecond),
		"2024-01-02 03:04:05 UTC": want, "2024-01-02 05:04:05 +0200": want,
	} {
		data := bytes.ReplaceAll([]byte(template), []byte("2026-05-02 08:00:00 UTC"), []byte(form))
		facts, err := s.Normalize(schema.Event{ID: "1", Source: gitlab.Name, Type: "gitlab.issue", Time: collectortest.Time, Data: data})
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		ticket := facts[0].(*schema.Ticket)
		if !ticket.CreatedAt.Equal(at) || !schema.VersionTime(ticket.Version).Equal(want) {
			t.Errorf("%s is read as %v, version of %v", form, ticket.CreatedAt, schema.VersionTime(ticket.Version))
		}
	}
	data := bytes.ReplaceAll([]byte(template), []byte("2026-05-02 08:00:00 UTC"), []byte("02/01/2024"))
	if _, err := s.Normalize(schema.Event{ID: "1", Source: gitlab.Name, Type: "gitlab.issue", Time: collectortest.Time, Data: data}); err == nil {
		t.Error("a time in another form is no error")
	}
}

// TestRedactedEmail: addresses are hidden or not; neither is ever in a fact, but where an
// address is the very name that an identity provider knows.
func TestRedactedEmail(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	for name, ev := range collectortest.Events(t, gitlab.Name, "testdata") {
		if ev.Type == "gitlab.rest.sso" {
			continue
		}
		hidden := collectortest.Describe(t, s, ev)
		ev.Data = bytes.ReplaceAll(ev.Data, []byte("[REDACTED]"), []byte("ada@example.com"))
		shown := collectortest.Describe(t, s, ev)
		if !bytes.Equal(hidden, shown) || bytes.Contains(shown, []byte("ada@")) || bytes.Contains(hidden, []byte("REDACTED")) {
			t.Errorf("%s: an e-mail address changes the facts:\n%s", name, shown)
		}
	}
}

// TestPushOfMoreThan20Commits: what is listed hangs on what was there before, and
// loses to the REST API's rows, which have the parents.
func TestPushOfMoreThan20Commits(t *testing.T) {
	t.Parallel()
	whole, cut := read[*schema.Commit](t, "push"), read[*schema.Commit](t, "push-truncated")
	if d := cmp.Diff(whole[0].Parents, cut[0].Parents); d != "" || len(cut[0].Parents) != 1 {
		t.Errorf("the oldest commit that is listed hangs on %v", cut[0].Parents)
	}
	if cut[0].Version>>10 >= whole[0].Version>>10 {
		t.Error("a push that is cut short counts as much as a whole one")
	}
}

// TestPushMayBeForced: a branch that people rewrite does not hang on what it
// was before, since the push does not say whether it was rewritten.
func TestPushMayBeForced(t *testing.T) {
	t.Parallel()
	if c := read[*schema.Commit](t, "push-other-branch")[0]; len(c.Parents) > 0 {
		t.Errorf("parents %v", c.Parents)
	}
}

// TestDeploymentHookWithoutFullSHA: the SHA is at the end of commit_url; without
// it, the short one is the version, which the pipeline resolves.
func TestDeploymentHookWithoutFullSHA(t *testing.T) {
	t.Parallel()
	full := read[*schema.Deployment](t, "deployment-success")[0]
	if len(full.Commit) != 40 || full.Version != "" {
		t.Errorf("commit %q, version %q", full.Commit, full.Version)
	}
	short := read[*schema.Deployment](t, "deployment-without-full-sha")[0]
	if short.Commit != "" || short.Version != "ffffffff" {
		t.Errorf("commit %q, version %q", short.Commit, short.Version)
	}
}

// TestGreenPipelineFailedDeployment: the job was allowed to fail, so the pipeline
// is green; the deployment failed all the same.
func TestGreenPipelineFailedDeployment(t *testing.T) {
	t.Parallel()
	if b := read[*schema.Build](t, "pipeline-green-deployment-failed")[0]; b.Status != schema.StatusSuccess {
		t.Errorf("the build is %s", b.Status)
	}
	got := map[string]string{}
	for _, d := range read[*schema.Deployment](t, "pipeline-green-deployment-failed") {
		got[d.Environment] = d.Status
	}
	if d := cmp.Diff(map[string]string{"staging": schema.StatusSuccess, "production": schema.StatusFailure}, got); d != "" {
		t.Errorf("deployments (-want +got):\n%s", d)
	}
}

// TestOneDeploymentToldSeveralTimes: by its own webhook, its job's and its pipeline's, in any
// order; the state that counts is the last.
func TestOneDeploymentToldSeveralTimes(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{
		{"job-running", "deployment-running", "job-failed", "deployment-failed"},
		{"deployment-failed", "job-failed", "deployment-running", "job-running", "deployment-created"},
	} {
		if d := last(t, read[*schema.Deployment](t, names...)); d.Status != schema.StatusFailure || d.Commit == "" || d.FinishedAt == nil {
			t.Errorf("%v: the deployment that counts is %+v", names, d)
		}
	}
}

// TestSupersededJobIsNoDeployment: also when its deployment's webhook calls it failed.
func TestSupersededJobIsNoDeployment(t *testing.T) {
	t.Parallel()
	if d := last(t, read[*schema.Deployment](t, "job-superseded", "deployment-failed")); d.Deleted != 1 {
		t.Errorf("the deployment that counts is %+v", d)
	}
}

// TestIncidentIsAWorkItem: an incident arrives as object_kind work_item of type Incident,
// and its updates of several webhooks are the same updates.
func TestIncidentIsAWorkItem(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, u := range read[*schema.IncidentUpdate](t, "incident", "incident-closed", "incident-reopened") {
		got[u.UpdateID] = fmt.Sprint(u.IncidentID, " ", u.Severity, " ", u.ServiceRefs)
	}
	same := repo + "#23 critical [" + repo + "]"
	want := map[string]string{"triggered@2026-05-02T08:00:00Z": same, "resolved@2026-05-02T10:00:00Z": same, "reopened@2026-05-02T11:00:00Z": same}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("updates (-want +got):\n%s", d)
	}
	if u := read[*schema.IncidentUpdate](t, "incident-of-alert")[0]; u.StartedAt == nil || u.StartedAt.Format("15:04") != "07:45" {
		t.Errorf("an incident of an alert began at %v", u.StartedAt)
	}
}

// TestSHAOfAMerge: a merge commit, a squash without one, and a fast-forward.
func TestSHAOfAMerge(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"merge-merged": "f", "merge-merged-squash": "e", "merge-merged-fast-forward": "b", "merge-merged-squash-unknown": "",
	} {
		c := read[*schema.Change](t, name)[0]
		if c.State != schema.ChangeMerged || c.MergedAt == nil || len(c.MergeSHA) > 0 != (want != "") || (want != "" && c.MergeSHA[:1] != want) {
			t.Errorf("%s: %s at %v with %q, want %q…", name, c.State, c.MergedAt, c.MergeSHA, want)
		}
	}
}

// TestForkWithABranchOfTheSameName: a request from "main" of a fork into "main".
func TestForkWithABranchOfTheSameName(t *testing.T) {
	t.Parallel()
	if c := read[*schema.Change](t, "merge-fork")[0]; c.HeadBranch == c.BaseBranch || c.Repo != repo {
		t.Errorf("branch %q of %s", c.HeadBranch, c.Repo)
	}
}

// TestNothingConfidential: the title of a confidential issue is not kept.
func TestNothingConfidential(t *testing.T) {
	t.Parallel()
	ticket := read[*schema.Ticket](t, "issue-confidential")[0]
	b, err := json.Marshal(ticket)
	if err != nil || bytes.Contains(b, []byte("hunter2")) {
		t.Errorf("%s (%v)", b, err)
	}
}

// TestTagIsDeletedAndMadeAgain: the last that was received counts.
func TestTagIsDeletedAndMadeAgain(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	all := collectortest.Events(t, gitlab.Name, "testdata")
	var rows []*schema.Tag
	for i, name := range []string{"tag", "tag-deleted", "release", "tag"} {
		ev := all[name]
		ev.Time = ev.Time.Add(time.Duration(i) * time.Second)
		facts, err := s.Normalize(ev)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, facts[0].(*schema.Tag))
	}
	if got := last(t, rows[:3]); got.Deleted != 1 {
		t.Error("a tag that was deleted is there")
	}
	if got := last(t, rows); got.Deleted != 0 || got.Commit == "" {
		t.Error("a tag that was made again is not there")
	}
}

// TestOnlyTheMergeSaysWhen: a webhook of a later change has the state merged and no time
// of it, and must not replace the one that had.
func TestOnlyTheMergeSaysWhen(t *testing.T) {
	t.Parallel()
	events := collectortest.Events(t, gitlab.Name, "testdata")
	facts, err := newSource(t).Normalize(events["merge-merged"])
	if err != nil {
		t.Fatal(err)
	}
	if c := facts[0].(*schema.Change); c.MergedAt == nil || !c.MergedAt.Equal(time.Date(2026, 5, 1, 11, 0, 0, 0, time.UTC)) {
		t.Errorf("merged at %v", c.MergedAt)
	}
	if _, err := newSource(t).Normalize(events["merge-updated-later"]); err == nil || err.Error() != "ignored: GitLab merge request changed after it was merged" {
		t.Errorf("changed later: %v", err)
	}
}

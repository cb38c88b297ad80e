package github

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/forge"
	"github.com/headway-metrics/headway/schema"
)

// resource is one list of a repository, newest first.
type resource struct {
	name string
	// list asks for one page.
	list func(ctx context.Context, c *client, repo repository, pos *position, page int, etag string) ([]json.RawMessage, answer, error)
	// changed is the time by which the list is sorted; zero when it cannot be read.
	changed func(raw []byte) time.Time
	// stops: the list goes back for ever, so the first thing older than the
	// cursor ends the pass.
	stops bool
	// events adds the events of one object, asking for what belongs to it, and
	// says whether it has not ended yet.
	events func(ctx context.Context, c *client, repo repository, raw []byte, out *emission) (unfinished bool, err error)
	// ahead, of a long list, asks for what belongs to all objects of a page at once.
	ahead func(ctx context.Context, c *client, repo repository, raws []json.RawMessage)
}

func resources() []resource {
	return []resource{
		{"pulls", array("pulls?state=all&sort=updated&direction=desc"), field("updated_at"), true, pullEvents, ahead},
		{"deployments", array("deployments"), field("created_at"), true, deploymentEvents, nil},
		{"runs", listRuns, field("created_at"), true, runEvents, nil},
		{"issues", since("issues?state=all&sort=updated&direction=desc", 0), field("updated_at"), true, issueEvents, nil},
		// The list of commits follows the history, not their times.
		{"commits", since("commits", lateCommits), commitTime, false, commitEvents, nil},
	}
}

// array lists a resource whose answer is an array.
func array(path string) func(context.Context, *client, repository, *position, int, string) ([]json.RawMessage, answer, error) {
	return func(ctx context.Context, c *client, repo repository, _ *position, page int, etag string) ([]json.RawMessage, answer, error) {
		var raws []json.RawMessage
		a, err := c.get(ctx, withPage("repos/"+repo.FullName+"/"+path, page), etag, &raws)
		return raws, a, err
	}
}

// since lists a resource that the API can cut off at a time, less an overlap.
func since(path string, overlap time.Duration) func(context.Context, *client, repository, *position, int, string) ([]json.RawMessage, answer, error) {
	return func(ctx context.Context, c *client, repo repository, pos *position, page int, etag string) ([]json.RawMessage, answer, error) {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		return array(path+sep+"since="+pos.Until.Add(-overlap).UTC().Format(time.RFC3339))(ctx, c, repo, pos, page, etag)
	}
}

// listRuns: without filters, since GitHub answers at most 1,000 filtered runs.
func listRuns(ctx context.Context, c *client, repo repository, _ *position, page int, etag string) ([]json.RawMessage, answer, error) {
	var list struct {
		WorkflowRuns []json.RawMessage `json:"workflow_runs"`
	}
	a, err := c.get(ctx, withPage("repos/"+repo.FullName+"/actions/runs", page), etag, &list)
	return list.WorkflowRuns, a, err
}

func field(name string) func([]byte) time.Time {
	return func(raw []byte) time.Time {
		var o map[string]json.RawMessage
		var at time.Time
		if json.Unmarshal(raw, &o) != nil || json.Unmarshal(o[name], &at) != nil {
			return time.Time{}
		}
		return at
	}
}

func commitTime(raw []byte) time.Time {
	var c restCommit
	if json.Unmarshal(raw, &c) != nil {
		return time.Time{}
	}
	return c.Commit.Committer.Date
}

// emission gathers the events of a page.
type emission struct{ forge.Batch }

// add makes an event of objects in the envelope of a webhook.
func (e *emission) add(repo repository, kind string, objects map[string]any, key ...string) error {
	objects["repository"] = map[string]string{"html_url": repo.HTMLURL, "full_name": repo.FullName}
	return e.Add(Name, kind, repo.id(), objects, key...)
}

// unreadable keeps an object as it is when it cannot be read: the event then goes to
// the dead letters, where somebody can see it.
func (e *emission) unreadable(repo repository, kind, field string, raw []byte) (bool, error) {
	return false, e.add(repo, kind, map[string]any{field: json.RawMessage(raw)}, string(raw))
}

func commitEvents(_ context.Context, _ *client, repo repository, raw []byte, out *emission) (bool, error) {
	var c restCommit
	if err := json.Unmarshal(raw, &c); err != nil {
		return out.unreadable(repo, "commit", "rest_commit", raw)
	}
	return false, out.add(repo, "commit", map[string]any{"rest_commit": json.RawMessage(raw)}, c.SHA)
}

// pullEvents adds a request with its reviews and, once it is merged, its commits:
// a squash leaves no other trace of when its work began.
func pullEvents(ctx context.Context, c *client, repo repository, raw []byte, out *emission) (bool, error) {
	var q pullRequest
	if err := json.Unmarshal(raw, &q); err != nil {
		return out.unreadable(repo, "pull_request", "pull_request", raw)
	}
	path := fmt.Sprintf("repos/%s/pulls/%d", repo.FullName, q.Number)
	objects := map[string]any{"pull_request": json.RawMessage(raw)}
	if q.MergedAt != nil {
		commits, err := c.allOrNone(ctx, path+"/commits")
		if err != nil {
			return false, err
		}
		var first time.Time
		for _, commit := range commits {
			if _, err := commitEvents(ctx, c, repo, commit, out); err != nil {
				return false, err
			}
			var rc restCommit
			if json.Unmarshal(commit, &rc) != nil || rc.Commit.Author.Date.IsZero() {
				continue
			}
			if at := rc.Commit.Author.Date; first.IsZero() || at.Before(first) {
				first = at
				objects["first_commit"] = commit
			}
		}
		objects["commit_count"] = len(commits)
	}
	number := strconv.FormatUint(q.Number, 10)
	if err := out.add(repo, "pull_request", objects, number, q.UpdatedAt.UTC().Format(time.RFC3339)); err != nil {
		return false, err
	}
	reviews, err := c.allOrNone(ctx, path+"/reviews")
	if err != nil {
		return false, err
	}
	for _, r := range reviews {
		var v review
		if err := json.Unmarshal(r, &v); err != nil {
			if _, err := out.unreadable(repo, "pull_request_review", "review", r); err != nil {
				return false, err
			}
			continue
		}
		err := out.add(repo, "pull_request_review", map[string]any{
			"review": r, "pull_request": map[string]any{"number": q.Number, "html_url": q.HTMLURL},
		}, number, strconv.FormatInt(v.ID, 10), v.State)
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// deploymentEvents adds a deployment with all its statuses.
func deploymentEvents(ctx context.Context, c *client, repo repository, raw []byte, out *emission) (bool, error) {
	var d deployment
	if err := json.Unmarshal(raw, &d); err != nil {
		return out.unreadable(repo, "deployment", "deployment", raw)
	}
	statuses, err := c.allOrNone(ctx, fmt.Sprintf("repos/%s/deployments/%d/statuses", repo.FullName, d.ID))
	if err != nil {
		return false, err
	}
	unfinished := true
	key := []string{strconv.FormatInt(d.ID, 10)}
	for _, raw := range statuses {
		var st deploymentStatus
		if json.Unmarshal(raw, &st) != nil {
			continue
		}
		key = append(key, st.State+"@"+st.CreatedAt.UTC().Format(time.RFC3339))
		switch status, _ := deploymentStatusOf(st.State); {
		case status == schema.StatusSuccess, status == schema.StatusFailure, st.State == "inactive":
			unfinished = false
		}
	}
	if statuses == nil {
		statuses = []json.RawMessage{}
	}
	return unfinished, out.add(repo, "deployment", map[string]any{"deployment": json.RawMessage(raw), "statuses": statuses}, key...)
}

func runEvents(_ context.Context, _ *client, repo repository, raw []byte, out *emission) (bool, error) {
	var r workflowRun
	if err := json.Unmarshal(raw, &r); err != nil {
		return out.unreadable(repo, "workflow_run", "workflow_run", raw)
	}
	return r.Status != "completed", out.add(repo, "workflow_run", map[string]any{"workflow_run": json.RawMessage(raw)},
		strconv.FormatInt(r.ID, 10), strconv.FormatInt(r.RunAttempt, 10), r.Status, r.UpdatedAt.UTC().Format(time.RFC3339))
}

func issueEvents(_ context.Context, _ *client, repo repository, raw []byte, out *emission) (bool, error) {
	var i issue
	if err := json.Unmarshal(raw, &i); err != nil {
		return out.unreadable(repo, "issues", "issue", raw)
	}
	// Pull requests are in this list too; they have one of their own.
	if len(i.PullRequest) > 0 {
		return false, nil
	}
	return false, out.add(repo, "issues", map[string]any{"issue": json.RawMessage(raw)},
		strconv.FormatUint(i.Number, 10), i.UpdatedAt.UTC().Format(time.RFC3339))
}

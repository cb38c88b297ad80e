package gitlab

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

// late is how far behind the newest commit or tag older ones are still looked for:
// a branch is pushed days after its commits were made.
const late = 24 * time.Hour

// approvedNote is the system note of an approval, which alone tells its time.
const approvedNote = "approved this merge request"

// resource is one list of a project.
type resource struct {
	name, path string
	query      query
	// backwards: the list has the newest first and cannot be asked for changes.
	backwards bool
	// stops: the list goes back for ever, so the first thing that is too old ends
	// the pass.
	stops bool
	// sinceTime: the list can be cut off at a time.
	sinceTime bool
	// changed is the time by which the list is sorted; zero when it cannot be read.
	changed func(raw []byte) time.Time
	// events adds the events of one object, asking for what belongs to it.
	events func(ctx context.Context, p *poller, proj project, raw []byte, out *emission) error
}

func resources() []resource {
	byChange := query{OrderBy: "updated_at", Sort: "asc"}
	everything := query{OrderBy: "updated_at", Sort: "asc", Scope: "all", State: "all"}
	return []resource{
		{name: "merge_requests", path: "merge_requests", query: everything, changed: updatedAt, events: mergeRequestEvents},
		{name: "deployments", path: "deployments", query: byChange, changed: updatedAt, events: deploymentEvents},
		{name: "pipelines", path: "pipelines", query: byChange, changed: updatedAt, events: pipelineEvents},
		{name: "issues", path: "issues", query: everything, changed: updatedAt, events: issueEvents},
		{name: "commits", path: "repository/commits", query: query{All: true}, backwards: true, sinceTime: true, changed: committedAt, events: commitEvents},
		{name: "tags", path: "repository/tags", query: query{OrderBy: "updated", Sort: "desc", Pagination: "keyset"}, backwards: true, stops: true, changed: taggedAt, events: tagEvents},
	}
}

func (r resource) since(until time.Time) string {
	if !r.sinceTime {
		return ""
	}
	return until.Add(-late).UTC().Format(time.RFC3339)
}

// key of an object among those that changed at one instant.
func (resource) key(raw []byte) string {
	var o struct {
		ID int64 `json:"id"`
	}
	if json.Unmarshal(raw, &o) != nil {
		return ""
	}
	return strconv.FormatInt(o.ID, 10)
}

func updatedAt(raw []byte) time.Time {
	var o struct {
		UpdatedAt moment `json:"updated_at"`
	}
	if json.Unmarshal(raw, &o) != nil {
		return time.Time{}
	}
	return o.UpdatedAt.Time
}

func committedAt(raw []byte) time.Time {
	var c commit
	if json.Unmarshal(raw, &c) != nil {
		return time.Time{}
	}
	return c.CommittedDate.Time
}

func taggedAt(raw []byte) time.Time {
	var t tag
	if json.Unmarshal(raw, &t) != nil {
		return time.Time{}
	}
	return t.at().Time
}

// emission gathers the events of a page.
type emission struct{ forge.Batch }

// add makes an event of objects in an envelope.
func (e *emission) add(proj project, kind string, objects map[string]any, key ...string) error {
	objects["project"] = proj
	return e.Add(Name, kind, schema.RepoID(proj.WebURL), objects, key...)
}

// object adds an object that has no parts. One that cannot be read is kept as it
// is: the event then goes to the dead letters, where somebody can see it.
func (e *emission) object(proj project, kind string, raw []byte, key ...string) error {
	return e.add(proj, kind, map[string]any{kind: json.RawMessage(raw)}, key...)
}

func commitEvents(_ context.Context, _ *poller, proj project, raw []byte, out *emission) error {
	var c commit
	if err := json.Unmarshal(raw, &c); err != nil {
		return out.object(proj, "commit", raw, string(raw))
	}
	return out.object(proj, "commit", raw, c.ID)
}

func tagEvents(_ context.Context, _ *poller, proj project, raw []byte, out *emission) error {
	var t tag
	if err := json.Unmarshal(raw, &t); err != nil {
		return out.object(proj, "tag", raw, string(raw))
	}
	return out.object(proj, "tag", raw, t.Name, t.Commit.ID)
}

func pipelineEvents(_ context.Context, _ *poller, proj project, raw []byte, out *emission) error {
	var p pipeline
	if err := json.Unmarshal(raw, &p); err != nil {
		return out.object(proj, "pipeline", raw, string(raw))
	}
	return out.object(proj, "pipeline", raw, strconv.FormatInt(p.ID, 10), p.Status, p.UpdatedAt.Format(time.RFC3339Nano))
}

// mergeRequestEvents adds a request with its approvals and, once it is merged, the
// first of its commits: a squash leaves no other trace of when its work began.
func mergeRequestEvents(ctx context.Context, p *poller, proj project, raw []byte, out *emission) error {
	var m mergeRequest
	if err := json.Unmarshal(raw, &m); err != nil {
		return out.object(proj, "merge_request", raw, string(raw))
	}
	path := fmt.Sprintf("projects/%d/merge_requests/%d", proj.ID, m.IID)
	objects := map[string]any{"merge_request": json.RawMessage(raw)}
	if m.State == "merged" {
		commits, err := p.client.allOrNone(ctx, path+"/commits", query{})
		if err != nil {
			return err
		}
		var first time.Time
		for _, raw := range commits {
			var c commit
			if json.Unmarshal(raw, &c) != nil || c.AuthoredDate.IsZero() {
				continue
			}
			if first.IsZero() || c.AuthoredDate.Before(first) {
				first = c.AuthoredDate.Time
				objects["first_commit"] = raw
			}
		}
		objects["commit_count"] = len(commits)
	}
	iid := strconv.FormatUint(m.IID, 10)
	if err := out.add(proj, "merge_request", objects, iid, m.UpdatedAt.Format(time.RFC3339Nano)); err != nil {
		return err
	}
	notes, err := p.client.allOrNone(ctx, path+"/notes", query{OrderBy: "created_at", Sort: "asc", ActivityFilter: "only_activity"})
	if err != nil {
		return err
	}
	for _, raw := range notes {
		var n note
		if json.Unmarshal(raw, &n) != nil || !n.System || !strings.EqualFold(strings.TrimSpace(n.Body), approvedNote) {
			continue
		}
		err := out.add(proj, "approval", map[string]any{
			"note": raw, "merge_request": map[string]any{"iid": m.IID, "web_url": m.WebURL, "author": m.Author},
		}, iid, strconv.FormatInt(n.ID, 10))
		if err != nil {
			return err
		}
	}
	return nil
}

// deploymentEvents adds a deployment with the tier of its environment, which only
// the environment itself tells.
func deploymentEvents(ctx context.Context, p *poller, proj project, raw []byte, out *emission) error {
	var d restDeployment
	if err := json.Unmarshal(raw, &d); err != nil {
		return out.object(proj, "deployment", raw, string(raw))
	}
	tier, err := p.tier(ctx, proj, d.Environment)
	if err != nil {
		return err
	}
	return out.add(proj, "deployment", map[string]any{"deployment": json.RawMessage(raw), "tier": tier},
		strconv.FormatInt(d.ID, 10), d.Status, d.UpdatedAt.Format(time.RFC3339Nano))
}

// tier asks for the tier of an environment, once. Names with a folder, such as
// review/basket, are of environments that come and go; they are not asked for.
func (p *poller) tier(ctx context.Context, proj project, e environment) (string, error) {
	if e.ID == 0 || strings.Contains(e.Name, "/") {
		return "", nil
	}
	key := fmt.Sprintf("%d/%d", proj.ID, e.ID)
	if t, known := p.tiers[key]; known {
		return t, nil
	}
	var env struct {
		Tier string `json:"tier"`
	}
	_, err := p.client.get(ctx, fmt.Sprintf("projects/%d/environments/%d", proj.ID, e.ID), query{}, "", "", &env)
	if err != nil && !unavailable(err) {
		return "", err
	}
	p.tiers[key] = env.Tier
	return env.Tier, nil
}

// issueEvents adds an issue; an incident with the times at which it was closed and
// opened again, of which the issue itself only has the last.
func issueEvents(ctx context.Context, p *poller, proj project, raw []byte, out *emission) error {
	var i issue
	if err := json.Unmarshal(raw, &i); err != nil {
		return out.object(proj, "issue", raw, string(raw))
	}
	objects := map[string]any{"issue": json.RawMessage(raw)}
	if i.ticketType(p.rules) == schema.TicketIncident {
		states, err := p.client.allOrNone(ctx, fmt.Sprintf("projects/%d/issues/%d/resource_state_events", proj.ID, i.IID), query{})
		if err != nil {
			return err
		}
		objects["state_events"] = states
	}
	return out.add(proj, "issue", objects, strconv.FormatUint(i.IID, 10), i.UpdatedAt.Format(time.RFC3339Nano))
}

package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// versionLike tells a tag from a branch in a deployment's ref.
var versionLike = regexp.MustCompile(`^(?:refs/tags/.+|v?[0-9]+\.[0-9]+.*)$`)

// rankStatuses puts a deployment read with all its statuses above the webhook's,
// which knows one of them.
const rankStatuses = 3

// deployed makes a deployment that was created, or, from the REST API, one with
// all the statuses that it has had.
func (p *payload) deployed() ([]schema.Fact, error) {
	var last *deploymentStatus
	var started *time.Time
	for i := range p.Statuses {
		st := &p.Statuses[i]
		if status, _ := deploymentStatusOf(st.State); status == "" {
			continue
		}
		if st.State == "in_progress" && (started == nil || st.CreatedAt.Before(*started)) {
			at := st.CreatedAt
			started = &at
		}
		if last == nil || laterStatus(*st, *last) {
			last = st
		}
	}
	if last != nil {
		return p.deploymentState(*last, started)
	}
	d, err := p.deploymentFact()
	if err != nil {
		return nil, err
	}
	d.Status = schema.StatusPending
	return []schema.Fact{d}, nil
}

func laterStatus(a, b deploymentStatus) bool {
	if !a.CreatedAt.Equal(b.CreatedAt) {
		return a.CreatedAt.After(b.CreatedAt)
	}
	_, ra := deploymentStatusOf(a.State)
	_, rb := deploymentStatusOf(b.State)
	return ra > rb
}

// deploymentStatusOf is what a state means and its rank inside one instant; ""
// when it says nothing of this attempt.
func deploymentStatusOf(state string) (status string, rank uint8) {
	switch state {
	case "waiting", "queued", "pending":
		return schema.StatusPending, 0
	case "in_progress":
		return schema.StatusRunning, 1
	case "success":
		return schema.StatusSuccess, 2
	case "failure", "error":
		return schema.StatusFailure, 2
	}
	return "", 0
}

// deploymentState makes a deployment in the state that a status tells.
func (p *payload) deploymentState(st deploymentStatus, started *time.Time) ([]schema.Fact, error) {
	status, rank := deploymentStatusOf(st.State)
	if status == "" {
		if st.State == "inactive" {
			// A later deployment took its place; the attempt itself succeeded.
			return nil, schema.Ignore("GitHub deployment status inactive")
		}
		return nil, fmt.Errorf("deployment status %.40q is unknown", st.State)
	}
	if err := need("deployment status", st.CreatedAt); err != nil {
		return nil, err
	}
	d, err := p.deploymentFact()
	if err != nil {
		return nil, err
	}
	if started != nil {
		rank = rankStatuses
	}
	at := st.CreatedAt
	d.Meta = meta(p.Repository.HTMLURL+"/deployments", at, rank)
	for _, link := range []string{st.TargetURL, st.LogURL} {
		if link != "" {
			d.URL = link
		}
	}
	if st.Environment != "" {
		d.Environment = st.Environment
	}
	d.Status, d.StartedAt = status, started
	switch status {
	case schema.StatusRunning:
		d.StartedAt = &at
	case schema.StatusSuccess, schema.StatusFailure:
		d.FinishedAt = &at
	}
	if started != nil {
		d.StartedAt = started
	}
	return []schema.Fact{d}, nil
}

// deploymentFact is what the deployment itself tells. Its payload may name the
// service and the version, for repositories with more than one service:
// {"service": "checkout", "version": "v1.2.3"}.
func (p *payload) deploymentFact() (*schema.Deployment, error) {
	g := p.Deployment
	if g.ID == 0 {
		return nil, errors.New("a deployment has no id")
	}
	if err := need("deployment", g.CreatedAt); err != nil {
		return nil, err
	}
	repo := p.Repository.id()
	d := &schema.Deployment{
		Meta:         meta(p.Repository.HTMLURL+"/deployments", g.CreatedAt, 0),
		DeploymentID: fmt.Sprintf("%s/deployment/%d", repo, g.ID), Repo: repo, Environment: g.Environment, CreatedAt: g.CreatedAt,
	}
	if fullSHA.MatchString(g.SHA) {
		d.Commit = g.SHA
	}
	// GitHub says true for the environment "production" and where the creator says so.
	if g.ProductionEnvironment {
		d.TierHint = schema.TierProduction
	}
	switch {
	case g.Ref == g.SHA:
	case versionLike.MatchString(g.Ref):
		d.Version = strings.TrimPrefix(g.Ref, "refs/tags/")
	default:
		d.Branch = strings.TrimPrefix(g.Ref, "refs/heads/")
	}
	var extra struct {
		Service string `json:"service"`
		Version string `json:"version"`
	}
	raw := g.Payload
	// The payload is an object, or the text of one, or anything at all.
	var inText string
	if json.Unmarshal(raw, &inText) == nil {
		raw = json.RawMessage(inText)
	}
	if json.Unmarshal(raw, &extra) == nil {
		d.ServiceRef = extra.Service
		if extra.Version != "" {
			d.Version = extra.Version
		}
	}
	return d, nil
}

// run makes a build of a workflow run, or a deployment when the configuration
// says that the workflow deploys. Every attempt of a run is one of its own.
func (s *Source) run(p payload) ([]schema.Fact, error) {
	r := p.WorkflowRun
	if r.ID == 0 {
		return nil, errors.New("a workflow run has no id")
	}
	if err := need("workflow run", r.CreatedAt, r.UpdatedAt); err != nil {
		return nil, err
	}
	status, rank, err := r.state()
	if err != nil {
		return nil, err
	}
	started := r.RunStartedAt
	created := r.CreatedAt
	if r.RunAttempt > 1 && started != nil {
		created = *started
	}
	var finished *time.Time
	if rank == 2 {
		at := r.UpdatedAt
		finished = &at
	}
	repo := p.Repository.id()
	id := fmt.Sprintf("%s/run/%d/%d", repo, r.ID, max(r.RunAttempt, 1))
	m := meta(r.HTMLURL, r.UpdatedAt, rank)
	i := slices.IndexFunc(s.deployments, func(rule workflowRule) bool {
		return (rule.workflow.MatchString(r.Name) || rule.workflow.MatchString(r.Path)) && rule.branch.MatchString(r.HeadBranch)
	})
	if i >= 0 {
		return []schema.Fact{&schema.Deployment{
			Meta: m, DeploymentID: id, Repo: repo, Environment: s.deployments[i].environment, Commit: r.HeadSHA, Branch: r.HeadBranch,
			Status: status, CreatedAt: created, StartedAt: started, FinishedAt: finished,
		}}, nil
	}
	return []schema.Fact{&schema.Build{
		Meta: m, Repo: repo, BuildID: id, Pipeline: r.Name, Commit: r.HeadSHA, Branch: r.HeadBranch,
		Status: status, CreatedAt: created, StartedAt: started, FinishedAt: finished,
	}}, nil
}

// state of a run, and its rank inside one instant.
func (r *workflowRun) state() (status string, rank uint8, err error) {
	switch r.Status {
	case "requested", "queued", "waiting", "pending":
		return schema.StatusPending, 0, nil
	case "in_progress":
		return schema.StatusRunning, 1, nil
	case "completed":
	default:
		return "", 0, fmt.Errorf("workflow run status %.40q is unknown", r.Status)
	}
	switch r.Conclusion {
	case "success":
		return schema.StatusSuccess, 2, nil
	case "failure", "timed_out", "startup_failure":
		return schema.StatusFailure, 2, nil
	case "cancelled":
		return schema.StatusCancelled, 2, nil
	case "skipped", "stale", "neutral", "action_required":
		return "", 0, schema.Ignore("GitHub workflow run " + r.Conclusion)
	}
	return "", 0, fmt.Errorf("workflow run conclusion %.40q is unknown", r.Conclusion)
}

package gitlab

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// statusOf is what a status of a pipeline, job or deployment means, and its rank
// inside one second; "" when it is an attempt that never was: skipped, or
// superseded.
func statusOf(status string) (is string, rank uint8, err error) {
	switch status {
	case "created", "waiting_for_resource", "waiting_for_callback", "preparing", "pending", "scheduled", "manual", "blocked":
		return schema.StatusPending, rankOpen, nil
	case "running", "canceling":
		return schema.StatusRunning, rankStarted, nil
	case "success":
		return schema.StatusSuccess, rankEnded, nil
	case "failed":
		return schema.StatusFailure, rankEnded, nil
	case "canceled", "cancelled":
		return schema.StatusCancelled, rankEnded, nil
	case "skipped":
		return "", 0, nil
	}
	return "", 0, fmt.Errorf("status %.40q is unknown", status)
}

// pipelineHook is docs.gitlab.com, Webhook events, Pipeline events.
type pipelineHook struct {
	envelope
	Pipeline *pipeline `json:"object_attributes"`
	Jobs     []job     `json:"builds"`
}

type pipeline struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	Ref        string `json:"ref"`
	Tag        bool   `json:"tag"`
	SHA        string `json:"sha"`
	Source     string `json:"source"`
	Status     string `json:"status"`
	CreatedAt  moment `json:"created_at"`
	UpdatedAt  moment `json:"updated_at"`
	FinishedAt moment `json:"finished_at"`
	URL        string `json:"url"`
	WebURL     string `json:"web_url"`
}

// facts makes the build that a pipeline is, and the deployments of its jobs. The
// pipeline is green when a job failed that was allowed to; its deployment failed.
func (h pipelineHook) facts() ([]schema.Fact, error) {
	p := h.Pipeline
	switch {
	case h.repo() == "":
		return nil, errNoProject
	case p == nil:
		return nil, errors.New("the payload has no object_attributes")
	}
	b, err := p.build(&h.envelope, 0)
	if err != nil {
		return nil, err
	}
	var out []schema.Fact
	if b != nil {
		out = append(out, b)
	}
	for i := range h.Jobs {
		d, err := h.Jobs[i].deployment(&h.envelope, p.SHA, p.Ref, p.Tag)
		if err != nil {
			return nil, err
		}
		if d != nil {
			out = append(out, d)
		}
	}
	if len(out) == 0 {
		return nil, schema.Ignore("GitLab pipeline that is skipped")
	}
	return out, nil
}

// build makes the build of a pipeline; nil when it was skipped.
func (p *pipeline) build(e *envelope, fuller uint8) (*schema.Build, error) {
	if p.ID == 0 {
		return nil, errors.New("a pipeline has no id")
	}
	if err := need("pipeline", p.CreatedAt); err != nil {
		return nil, err
	}
	status, rank, err := statusOf(p.Status)
	if err != nil || status == "" {
		return nil, err
	}
	changed := p.CreatedAt
	for _, t := range []moment{p.UpdatedAt, p.FinishedAt} {
		if rank == rankEnded && !t.IsZero() {
			changed = t
		}
	}
	b := &schema.Build{
		Meta: meta(cmp.Or(p.URL, p.WebURL, fmt.Sprintf("%s/-/pipelines/%d", e.address(), p.ID)), seconds(changed), rank+fuller),
		Repo: e.repo(), BuildID: fmt.Sprintf("%s/pipeline/%d", e.repo(), p.ID), Pipeline: cmp.Or(p.Name, p.Source),
		Commit: p.SHA, Branch: p.Ref, Status: status, CreatedAt: p.CreatedAt.Time,
	}
	if p.Tag {
		b.Branch = ""
	}
	if rank == rankEnded {
		b.FinishedAt = changed.ptr()
	}
	return b, nil
}

// jobHook is docs.gitlab.com, Webhook events, Job events.
type jobHook struct {
	envelope
	Ref           string       `json:"ref"`
	Tag           bool         `json:"tag"`
	SHA           string       `json:"sha"`
	ID            int64        `json:"build_id"`
	Name          string       `json:"build_name"`
	Status        string       `json:"build_status"`
	FailureReason string       `json:"build_failure_reason"`
	CreatedAt     moment       `json:"build_created_at"`
	StartedAt     moment       `json:"build_started_at"`
	FinishedAt    moment       `json:"build_finished_at"`
	Environment   *environment `json:"environment"`
}

// facts makes the deployment of a job that has an environment. Other jobs are part
// of their pipeline, which is the build.
func (h jobHook) facts() ([]schema.Fact, error) {
	if h.repo() == "" {
		return nil, errNoProject
	}
	j := job{
		ID: h.ID, Name: h.Name, Status: h.Status, FailureReason: h.FailureReason,
		CreatedAt: h.CreatedAt, StartedAt: h.StartedAt, FinishedAt: h.FinishedAt, Environment: h.Environment,
	}
	d, err := j.deployment(&h.envelope, h.SHA, h.Ref, h.Tag)
	switch {
	case err != nil:
		return nil, err
	case d == nil && !j.deploys():
		return nil, schema.Ignore("GitLab job that does not deploy")
	case d == nil:
		return nil, schema.Ignore("GitLab job whose deployment has not begun")
	}
	return []schema.Fact{d}, nil
}

// deploys says that the job puts something into an environment, rather than
// stopping, checking or preparing it.
func (j *job) deploys() bool {
	return j.Environment != nil && j.Environment.Name != "" && (j.Environment.Action == "" || j.Environment.Action == "start")
}

// superseded are the reasons of a job that was dropped because a newer one had
// deployed already: no deployment. It takes back what the deployment's own
// webhook says moments later, which knows no reason and calls it failed.
var superseded = []string{"forward_deployment_failure", "failed_outdated_deployment_job"}

const supersededLead = time.Minute

// deployment makes the deployment of a job; nil when it is none, or when the job
// has not run: most manual jobs never do.
func (j *job) deployment(e *envelope, sha, ref string, tag bool) (*schema.Deployment, error) {
	if !j.deploys() {
		return nil, nil //nolint:nilnil // No deployment, and nothing wrong.
	}
	status, rank, err := statusOf(j.Status)
	switch {
	case err != nil:
		return nil, err
	case j.ID == 0:
		return nil, errors.New("a job has no id")
	case status == "" || rank == rankOpen:
		return nil, nil //nolint:nilnil // No deployment, and nothing wrong.
	}
	if err := need("job", j.CreatedAt); err != nil {
		return nil, err
	}
	changed := j.CreatedAt
	for _, t := range []moment{j.StartedAt, j.FinishedAt} {
		if !t.IsZero() {
			changed = t
		}
	}
	d := &schema.Deployment{
		Meta:         meta(fmt.Sprintf("%s/-/jobs/%d", e.address(), j.ID), seconds(changed), rank+rankFuller),
		DeploymentID: jobDeploymentID(e.repo(), j.ID), Repo: e.repo(), Environment: j.Environment.Name, TierHint: j.Environment.DeploymentTier,
		Status: status, CreatedAt: j.CreatedAt.Time, StartedAt: j.StartedAt.ptr(),
	}
	if rank == rankEnded {
		d.FinishedAt = changed.ptr()
	}
	if slices.Contains(superseded, j.FailureReason) {
		d.Deleted, d.Meta.Version = 1, schema.NewVersion(changed.Add(supersededLead), rankGone)
	}
	setCommit(d, sha, ref, tag)
	return d, nil
}

// jobDeploymentID is the id of a deployment that a job made; each run of a job has
// a number of its own and makes one.
func jobDeploymentID(repo string, id int64) string { return fmt.Sprintf("%s/job/%d", repo, id) }

// setCommit fills in what was deployed. Without the full SHA the pipeline looks
// for the version, which may be the beginning of one.
func setCommit(d *schema.Deployment, sha, ref string, tag bool) {
	if fullSHA.MatchString(sha) {
		d.Commit = sha
	}
	if tag || versionLike.MatchString(ref) {
		d.Version = ref
	} else {
		d.Branch = ref
	}
	if d.Commit == "" && d.Version == "" {
		d.Version = sha
	}
}

// deploymentHook is docs.gitlab.com, Webhook events, Deployment events.
type deploymentHook struct {
	envelope
	ID              int64  `json:"deployment_id"`
	Status          string `json:"status"`
	StatusChangedAt moment `json:"status_changed_at"`
	DeployableID    int64  `json:"deployable_id"`
	DeployableURL   string `json:"deployable_url"`
	Environment     string `json:"environment"`
	EnvironmentTier string `json:"environment_tier"`
	ShortSHA        string `json:"short_sha"`
	CommitURL       string `json:"commit_url"`
	Ref             string `json:"ref"`
}

// facts makes a deployment in the state that it has now.
func (h deploymentHook) facts() ([]schema.Fact, error) {
	status, rank, err := statusOf(h.Status)
	switch {
	case h.repo() == "":
		return nil, errNoProject
	case err != nil:
		return nil, err
	case status == "":
		return nil, schema.Ignore("GitLab deployment that is skipped")
	case h.Environment == "":
		return nil, errors.New("a deployment has no environment")
	}
	if err := need("deployment", h.StatusChangedAt); err != nil {
		return nil, err
	}
	d := &schema.Deployment{
		Meta: meta(cmp.Or(h.DeployableURL, h.address()+"/-/environments"), seconds(h.StatusChangedAt), rank),
		Repo: h.repo(), Environment: h.Environment, TierHint: h.EnvironmentTier, Status: status, CreatedAt: h.StatusChangedAt.Time,
	}
	if d.DeploymentID, err = deploymentID(h.repo(), h.ID, h.DeployableID, h.DeployableURL != ""); err != nil {
		return nil, err
	}
	switch rank {
	case rankStarted:
		d.StartedAt = h.StatusChangedAt.ptr()
	case rankEnded:
		d.FinishedAt = h.StatusChangedAt.ptr()
	}
	sha := h.ShortSHA
	if last := path.Base(strings.TrimSuffix(h.CommitURL, "/")); fullSHA.MatchString(last) {
		sha = last
	}
	setCommit(d, sha, h.Ref, false)
	return []schema.Fact{d}, nil
}

// deploymentID is that of the job, which its own webhooks give too; a deployment
// that was made through the API, or by a pipeline elsewhere, has none.
func deploymentID(repo string, id, job int64, byJob bool) (string, error) {
	switch {
	case byJob && job != 0:
		return jobDeploymentID(repo, job), nil
	case id != 0:
		return fmt.Sprintf("%s/deployment/%d", repo, id), nil
	}
	return "", errors.New("a deployment has no id")
}

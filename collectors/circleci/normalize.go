package circleci

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/pattern"
	"github.com/headway-metrics/headway/schema"
)

// Types of event.
const (
	typeHookWorkflow = Name + ".workflow-completed"
	typeHookJob      = Name + ".job-completed"
	typeWorkflow     = Name + ".rest.workflow"
	typeJob          = Name + ".rest.job"
)

// Ranks of what is said of one workflow or job that ended at one instant.
const (
	rankOpen     = 0
	rankHook     = 2
	rankFinished = 3
)

// payload is a webhook, or what the API said of a workflow or job in an envelope of
// the same shape. See https://circleci.com/docs/webhooks-reference/ and
// https://circleci.com/docs/api/v2/.
type payload struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Workflow struct {
		ID        string     `json:"id"`
		Name      string     `json:"name"`
		Status    string     `json:"status"`
		URL       string     `json:"url"`
		CreatedAt *time.Time `json:"created_at"`
		StoppedAt *time.Time `json:"stopped_at"`
	} `json:"workflow"`
	Job struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		Status string `json:"status"`
		// Number is job_number in the API.
		Number    int64      `json:"number"`
		APINumber int64      `json:"job_number"`
		StartedAt *time.Time `json:"started_at"`
		StoppedAt *time.Time `json:"stopped_at"`
	} `json:"job"`
	Pipeline pipeline `json:"pipeline"`
	Project  struct {
		Slug string `json:"slug"`
	} `json:"project"`
}

type pipeline struct {
	ID        string     `json:"id"`
	Number    int64      `json:"number"`
	State     string     `json:"state"`
	CreatedAt *time.Time `json:"created_at"`
	// ProjectSlug is said by the API only.
	ProjectSlug string `json:"project_slug"`
	VCS         struct {
		Revision string `json:"revision"`
		Target   string `json:"target_repository_url"`
		Branch   string `json:"branch"`
		Tag      string `json:"tag"`
	} `json:"vcs"`
	TriggerParameters struct {
		Git struct {
			CheckoutSHA string `json:"checkout_sha"`
			CheckoutURL string `json:"checkout_url"`
			Branch      string `json:"branch"`
			Tag         string `json:"tag"`
		} `json:"git"`
	} `json:"trigger_parameters"`
}

func (p pipeline) repo() string {
	if remote := cmp.Or(p.VCS.Target, p.TriggerParameters.Git.CheckoutURL); remote != "" {
		return schema.RepoID(remote)
	}
	return ""
}

var fullSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

func (p pipeline) commit() string {
	if c := cmp.Or(p.VCS.Revision, p.TriggerParameters.Git.CheckoutSHA); fullSHA.MatchString(c) {
		return c
	}
	return ""
}

func (p pipeline) branch() string { return cmp.Or(p.VCS.Branch, p.TriggerParameters.Git.Branch) }
func (p pipeline) tag() string    { return cmp.Or(p.VCS.Tag, p.TriggerParameters.Git.Tag) }

func (p payload) slug() string { return cmp.Or(p.Project.Slug, p.Pipeline.ProjectSlug) }

// url is the page of the workflow; the API does not say it.
func (p payload) url() string {
	if p.Workflow.URL != "" || p.slug() == "" {
		return p.Workflow.URL
	}
	return fmt.Sprintf("https://app.circleci.com/pipelines/%s/%d/workflows/%s", p.slug(), p.Pipeline.Number, p.Workflow.ID)
}

// Verify checks circleci-signature.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes the one event of a delivery.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var p payload
	if json.Unmarshal(body, &p) != nil || p.ID == "" || p.Type == "" {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	return []schema.Event{{
		ID: p.ID, Source: Name, Type: Name + "." + p.Type, Subject: p.Workflow.ID, Time: received.UTC(),
		Key: p.slug(), ContentType: header.Get("Content-Type"), Data: body,
	}}, nil
}

// Normalize turns a workflow or a job into a build or a deployment.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	var p payload
	if err := json.Unmarshal(ev.Data, &p); err != nil {
		return nil, fmt.Errorf("reading %s: %w", ev.Type, err)
	}
	switch ev.Type {
	case typeHookWorkflow, typeWorkflow:
		return s.workflow(p, rankOf(ev.Type))
	case typeHookJob, typeJob:
		return s.job(p, rankOf(ev.Type))
	case Name + ".ping":
		return nil, schema.Ignore("ping")
	}
	return nil, fmt.Errorf("unknown type %q", ev.Type)
}

func rankOf(eventType string) uint8 {
	if eventType == typeWorkflow || eventType == typeJob {
		return rankFinished
	}
	return rankHook
}

// attempt is a workflow or a job as a thing that was tried.
type attempt struct {
	id, url, status   string
	created           time.Time
	started, finished *time.Time
	rank              uint8
}

func (a attempt) meta() schema.Meta {
	at := a.created
	if a.finished != nil {
		at = *a.finished
	}
	return schema.Meta{Source: Name, URL: a.url, Version: schema.NewVersion(at, a.rank)}
}

func (s *Source) workflow(p payload, rank uint8) ([]schema.Fact, error) {
	w := p.Workflow
	if w.ID == "" || w.CreatedAt == nil || w.CreatedAt.IsZero() {
		return nil, errors.New("workflow without id or created_at")
	}
	a := attempt{id: Name + ":workflow:" + w.ID, url: p.url(), created: *w.CreatedAt, started: w.CreatedAt, finished: w.StoppedAt, rank: rank}
	if err := a.settle(w.Status); err != nil {
		return nil, err
	}
	if d, err := s.deployment(p, a, false); err != nil {
		return nil, err
	} else if d != nil {
		return []schema.Fact{d}, nil
	}
	return []schema.Fact{&schema.Build{
		Meta: a.meta(), Repo: p.Pipeline.repo(), BuildID: a.id, Pipeline: p.slug() + "/" + w.Name, Commit: p.Pipeline.commit(), Branch: p.Pipeline.branch(),
		Status: a.status, CreatedAt: a.created, StartedAt: a.started, FinishedAt: a.finished,
	}}, nil
}

func (s *Source) job(p payload, rank uint8) ([]schema.Fact, error) {
	j := p.Job
	created := j.StartedAt
	if created == nil || created.IsZero() {
		// It was cancelled before it began.
		created = p.Workflow.CreatedAt
	}
	if j.ID == "" || p.Workflow.ID == "" || created == nil || created.IsZero() {
		return nil, errors.New("job without id, workflow or time")
	}
	a := attempt{id: Name + ":job:" + j.ID, url: p.url(), created: *created, started: j.StartedAt, finished: j.StoppedAt, rank: rank}
	if n := cmp.Or(j.Number, j.APINumber); n > 0 && a.url != "" {
		a.url += "/jobs/" + strconv.FormatInt(n, 10)
	}
	if err := a.settle(j.Status); err != nil {
		return nil, err
	}
	d, err := s.deployment(p, a, true)
	switch {
	case err != nil:
		return nil, err
	case d == nil:
		return nil, schema.Ignore("CircleCI job that no rule names")
	}
	return []schema.Fact{d}, nil
}

// settle reads the status; one that ended without a time, and one that did not run,
// are no attempts.
func (a *attempt) settle(status string) error {
	switch status {
	case "success":
		a.status = schema.StatusSuccess
	case "failed", "error", "unauthorized", "infrastructure_fail", "timedout", "terminated-unknown":
		a.status = schema.StatusFailure
	case "canceled":
		a.status = schema.StatusCancelled
	case "running", "failing":
		a.status = schema.StatusRunning
	case "on_hold", "queued", "not_running":
		a.status = schema.StatusPending
	case "not_run", "blocked", "retried":
		return schema.Ignore("CircleCI status " + status)
	default:
		return fmt.Errorf("status %.40q is unknown", status)
	}
	if open(status) {
		a.finished, a.rank = nil, rankOpen
		return nil
	}
	if a.finished == nil || a.finished.IsZero() {
		return fmt.Errorf("status %s without stopped_at", status)
	}
	return nil
}

// open reports whether a status is not the last one.
func open(status string) bool {
	switch status {
	case "running", "failing", "on_hold", "queued", "not_running", "blocked":
		return true
	}
	return false
}

// deployment is what the first rule says that names the workflow, or the job; nil
// when none does.
func (s *Source) deployment(p payload, a attempt, ofJob bool) (*schema.Deployment, error) {
	for _, r := range s.rules {
		if r.ofJob != ofJob {
			continue
		}
		vars, ok := r.match(p)
		if !ok {
			continue
		}
		to := r.Fill(vars)
		if to.Environment == "" {
			return nil, fmt.Errorf("the rule for workflow %.100q gives no environment", p.Workflow.Name)
		}
		d := &schema.Deployment{
			Meta: a.meta(), DeploymentID: a.id, Repo: p.Pipeline.repo(), ServiceRef: to.Service, Environment: to.Environment,
			Commit: p.Pipeline.commit(), Version: cmp.Or(to.Version, p.Pipeline.tag()), Branch: p.Pipeline.branch(),
			Status: a.status, CreatedAt: a.created, StartedAt: a.started, FinishedAt: a.finished,
		}
		if to.Repository != "" && schema.RepoID(to.Repository) != d.Repo {
			// The project holds the scripts that deploy, not the service.
			d.Repo, d.Commit, d.Branch = schema.RepoID(to.Repository), "", ""
		}
		return d, nil
	}
	return nil, nil //nolint:nilnil // No rule is no mistake.
}

func (r rule) match(p payload) (map[string]string, bool) {
	vars := map[string]string{"branch": p.Pipeline.branch(), "tag": p.Pipeline.tag(), "project": p.slug()[strings.LastIndexByte(p.slug(), '/')+1:]}
	for _, part := range []struct {
		of   pattern.Pattern
		name string
	}{{r.workflow, p.Workflow.Name}, {r.job, p.Job.Name}, {r.project, p.slug()}, {r.branch, p.Pipeline.branch()}} {
		named, ok := part.of.Match(part.name)
		if !ok {
			return nil, false
		}
		vars = pattern.With(named, vars)
	}
	return vars, true
}

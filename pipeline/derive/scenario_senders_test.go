package derive_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/github"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

// What senders say that sounds like a deployment and is none, or like a success
// and is none. The payloads are written by hand after GitHub's "Webhook events and
// payloads"; only the fields that are read are there.

// hub is a world that hears of deployments by GitHub's webhooks.
type hub struct {
	*world
	source *github.Source
}

func newHub(t *testing.T) hub {
	t.Helper()
	cfg := github.DefaultConfig()
	cfg.WebhookSecret = secret.String("of nobody")
	cfg.Deployments = []github.WorkflowDeployment{{Workflow: "^Deploy$", Environment: "production"}}
	source, err := github.New(cfg, collectors.Deps{Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.in.Service.Repo, w.rep.Repo = "github.com/acme/shop", "github.com/acme/shop"
	w.commits("", "a0 08:00", "a1 09:00")
	for i := range w.rep.Commits {
		c := &w.rep.Commits[i]
		c.Repo, c.SHA = w.rep.Repo, fullSHA(c.SHA)
		for j := range c.Parents {
			c.Parents[j] = fullSHA(c.Parents[j])
		}
	}
	return hub{w, source}
}

// fullSHA makes a SHA of a short name.
func fullSHA(name string) string { return strings.Repeat("0", 40-len(name)) + name }

// hears takes one webhook. What GitHub's source ignores changes nothing.
func (h hub) hears(event, format string, args ...any) {
	h.t.Helper()
	body := fmt.Sprintf(`{"repository":{"html_url":"https://github.com/acme/shop","full_name":"acme/shop"},`+format+`}`, args...)
	facts, err := h.source.Normalize(schema.Event{ID: event, Source: github.Name, Type: "github." + event, Time: h.in.Now, Data: []byte(body)})
	var ignored *schema.IgnoredError
	if err != nil && !errors.As(err, &ignored) {
		h.t.Fatal(err)
	}
	for _, f := range facts {
		if d, ok := f.(*schema.Deployment); ok {
			h.in.Deployments = append(h.in.Deployments, *d)
		}
	}
}

// status reports the state of a deployment to production.
func (h hub) status(id int, sha, state, when string) {
	h.t.Helper()
	at := at(h.t, when).Format(time.RFC3339)
	h.hears("deployment_status", `"deployment":{"id":%d,"sha":%q,"ref":"main","environment":"production","created_at":%q,"updated_at":%q},
		"deployment_status":{"state":%q,"created_at":%q}`, id, fullSHA(sha), at, at, state, at)
}

// run reports that a workflow has ended.
func (h hub) run(id int, sha, conclusion, when string) {
	h.t.Helper()
	at := at(h.t, when).Format(time.RFC3339)
	h.hears("workflow_run", `"workflow_run":{"id":%d,"name":"CI","head_branch":"main","head_sha":%q,"status":"completed","conclusion":%q,
		"run_attempt":1,"created_at":%q,"run_started_at":%q,"updated_at":%q}`, id, fullSHA(sha), conclusion, at, at, at)
}

// deploysIn reports that the workflow of deployments ran from one time to another.
func (h hub) deploysIn(id int, sha, conclusion, from, to string) {
	h.t.Helper()
	h.hears("workflow_run", `"workflow_run":{"id":%d,"name":"Deploy","head_branch":"main","head_sha":%q,"status":"completed","conclusion":%q,
		"run_attempt":1,"created_at":%q,"run_started_at":%q,"updated_at":%q}`, id, fullSHA(sha), conclusion,
		at(h.t, from).Format(time.RFC3339), at(h.t, from).Format(time.RFC3339), at(h.t, to).Format(time.RFC3339))
}

// The workflow is a deployment by configuration, and its job reports the deployment
// too. While it still tests, the next one is in production already: its end is
// not another deployment, which would put back what it had before.
func TestScenario_WorkflowAndDeploymentStatusOfOneDeployment(t *testing.T) {
	t.Parallel()
	want := `
		github.com/acme/shop/deployment/1 08:30 (baseline)
		github.com/acme/shop/deployment/2 10:00 deploys ` + fullSHA("a1") + ` after 1h
		0 of 2 failed`
	for name, told := range map[string]func(hub){
		"one after the other": func(h hub) {
			h.status(1, "a0", "success", "08:30")
			h.deploysIn(71, "a0", "success", "08:20", "08:40")
			h.status(2, "a1", "success", "10:00")
			h.deploysIn(72, "a1", "success", "09:50", "10:05")
		},
		"runs that end late": func(h hub) {
			h.deploysIn(72, "a1", "success", "09:50", "10:40")
			h.status(1, "a0", "success", "08:30")
			h.status(2, "a1", "success", "10:00")
			h.deploysIn(71, "a0", "success", "08:20", "10:30")
		},
		"a run that fails after it has deployed": func(h hub) {
			h.deploysIn(71, "a0", "success", "08:20", "08:40")
			h.deploysIn(72, "a1", "failure", "09:50", "10:40")
			h.status(2, "a1", "success", "10:00")
			h.status(1, "a0", "success", "08:30")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t)
			told(h)
			h.tells(want)
			if r := h.derive().Releases; len(r[0].Deployments) != 1 || len(r[1].Deployments) != 1 {
				t.Errorf("releases of %q and %q", r[0].Deployments, r[1].Deployments)
			}
		})
	}
}

// A run that reported no deployment is one, and so is the next run of one commit.
func TestScenario_WorkflowWithoutDeploymentStatus(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.status(1, "a0", "success", "08:30")
	h.deploysIn(72, "a1", "success", "09:50", "10:00")
	h.deploysIn(73, "a0", "success", "10:50", "11:00")
	h.status(4, "a0", "failure", "12:00") // Outside of every run.
	h.tells(`
		github.com/acme/shop/deployment/1 08:30 (baseline)
		github.com/acme/shop/run/72/1 10:00 deploys ` + fullSHA("a1") + ` after 1h; failed: rollback github.com/acme/shop/run/73/1, recovered 11:00 by rollback github.com/acme/shop/run/73/1
		github.com/acme/shop/run/73/1 11:00 in production; rework: rollback github.com/acme/shop/run/72/1
		1 of 3 failed`)
}

// The workflow may fail without failing: its job has continue-on-error. Production
// did not get the change, whatever colour the pipeline has.
func TestScenario_GreenPipelineWithARedProductionJob(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.status(1, "a0", "success", "08:30")
	h.status(2, "a1", "failure", "10:00")
	h.run(77, "a1", "success", "10:01")
	h.tells(`
		github.com/acme/shop/deployment/1 08:30 (baseline)
		github.com/acme/shop/deployment/2 10:00 (never in production)
		0 of 1 failed`)
}

// A later deployment took its place. That is no failure, and no deployment.
func TestScenario_DeploymentMarkedInactive(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.status(1, "a0", "success", "08:30")
	h.status(2, "a1", "success", "10:00")
	h.status(1, "a0", "inactive", "10:01")
	h.tells(`
		github.com/acme/shop/deployment/1 08:30 (baseline)
		github.com/acme/shop/deployment/2 10:00 deploys ` + fullSHA("a1") + ` after 1h
		0 of 2 failed`)
}

// A job that was skipped, or is still waiting for somebody, deployed nothing.
func TestScenario_SkippedDeployment(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.status(1, "a0", "success", "08:30")
	h.status(2, "a1", "waiting", "10:00")
	h.run(77, "a1", "skipped", "10:01")
	h.tells(`
		github.com/acme/shop/deployment/1 08:30 (baseline)
		0 of 1 failed`)
}

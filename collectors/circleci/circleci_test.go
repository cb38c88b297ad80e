package circleci

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/pattern"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config() Config {
	c := *Entry().Config().(*Config)
	c.WebhookSecrets = []secret.String{"a-secret", "old"}
	c.Deployments = []Rule{
		{Workflow: "release-{environment}", Target: pattern.Target{Service: "{project}"}},
		{Workflow: "build", Job: "deploy-{environment}", Branch: "main"},
	}
	return c
}

func newSource(tb testing.TB, change ...func(*Config)) *Source {
	tb.Helper()
	cfg := config()
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(cfg, collectors.Deps{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestTestdata(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	collectortest.CheckTestdata(t, s, s.scheme.Sign, "testdata")
}

func FuzzNormalize(f *testing.F) { collectortest.Fuzz(f, newSource(f), "testdata") }

// TestPublishedSignatures are the vectors of
// https://circleci.com/docs/webhooks/#validate-webhooks.
func TestPublishedSignatures(t *testing.T) {
	t.Parallel()
	for _, v := range []struct{ body, key, signature string }{
		{"hello world", "secret", "734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a"},
		{"lalala", "another-secret", "daa220016c8f29a8b214fbfc3671aeec2145cfb1e6790184ffb38b6d0425fa00"},
		{"an-important-request-payload", "hunter123", "9be2242094a9a8c00c64306f382a7f9d691de910b4a266f67bd314ef18ac49fa"},
		{"foo", "secret", "773ba44693c7553d6ee20f61ea5d2757a9a4f4a44d2841ae4e95b52e4cd62db4"},
	} {
		s := newSource(t, func(c *Config) { c.WebhookSecrets = []secret.String{secret.String(v.key)} })
		if err := s.Verify(http.Header{"Circleci-Signature": {"v1=" + v.signature}}, []byte(v.body), time.Now()); err != nil {
			t.Errorf("%s: %v", v.body, err)
		}
	}
}

func facts(t *testing.T, name string) schema.Fact {
	t.Helper()
	fs, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[name])
	if err != nil || len(fs) != 1 {
		t.Fatalf("%s: %d facts (%v)", name, len(fs), err)
	}
	return fs[0]
}

func TestCommitIsInOneOfTwoPlaces(t *testing.T) {
	t.Parallel()
	for name, repo := range map[string]string{"workflow": "github.com/acme/shop", "workflow_gitlab": "gitlab.com/acme/shop"} {
		if b := facts(t, name).(*schema.Build); b.Repo != repo || !strings.HasPrefix(b.Commit, "0123") || b.Branch != "main" {
			t.Errorf("%s: commit %q of %s on %q", name, b.Commit, b.Repo, b.Branch)
		}
	}
}

func TestDuplicateDeliveriesAreOneEvent(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	body := collectortest.Events(t, Name, "testdata")["workflow"].Data
	first, _ := s.Events(http.Header{}, body, now)
	again, _ := s.Events(http.Header{}, body, now.Add(time.Minute))
	if first[0].ID != again[0].ID || first[0].ID != "3888f21b-eaa7-38e3-8f3d-75a63bba8895a" {
		t.Errorf("ids %s and %s", first[0].ID, again[0].ID)
	}
}

func TestRerunIsAWorkflowOfItsOwn(t *testing.T) {
	t.Parallel()
	a, b := facts(t, "rest_workflow").(*schema.Build), facts(t, "rest_rerun").(*schema.Build)
	if a.BuildID == b.BuildID || a.Commit != b.Commit {
		t.Errorf("%s and %s of %s and %s", a.BuildID, b.BuildID, a.Commit, b.Commit)
	}
	if hook := facts(t, "workflow").(*schema.Build); hook.BuildID != a.BuildID {
		t.Errorf("webhook and API say %s and %s", hook.BuildID, a.BuildID)
	}
}

func TestJobTellsWhatTheWorkflowDoesNot(t *testing.T) {
	t.Parallel()
	if d := facts(t, "rest_job").(*schema.Deployment); d.Status != schema.StatusSuccess || d.Environment != "production" {
		t.Errorf("in a red workflow: %+v", d)
	}
	if d := facts(t, "job_deploy").(*schema.Deployment); d.Status != schema.StatusFailure || !strings.HasSuffix(d.URL, "/jobs/136") {
		t.Errorf("in a workflow that runs: %+v", d)
	}
	_, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")["rest_job_not_run"])
	if err == nil || err.Error() != "ignored: CircleCI status not_run" {
		t.Errorf("in a green workflow, not run: %v", err)
	}
}

func TestTagIsTheVersion(t *testing.T) {
	t.Parallel()
	if d := facts(t, "workflow_deploy_tag").(*schema.Deployment); d.Version != "v1.4.0" || d.Environment != "production" || d.ServiceRef != "shop" || d.Commit == "" {
		t.Errorf("deployment %+v", d)
	}
}

var now = time.Date(2026, 5, 10, 0, 0, 0, 0, time.UTC)

// flow is a pipeline of the server with one workflow.
type flow struct {
	created time.Time
	status  string
}

// server is CircleCI with two projects.
type server struct {
	*collectortest.API
	flows map[string][]flow
}

const pageSize = 20

func newServer(t *testing.T, n int) *server {
	t.Helper()
	s := &server{flows: map[string][]flow{"gh/acme/shop": nil, "gh/acme/cart": {{now.Add(-time.Hour), "success"}}}}
	for i := range n {
		s.flows["gh/acme/shop"] = append(s.flows["gh/acme/shop"], flow{now.Add(-time.Duration(n-i) * time.Minute), "success"})
	}
	s.API = collectortest.NewAPI(t, s.serve)
	return s
}

func (s *server) pipeline(slug string, i int) map[string]any {
	return map[string]any{"id": fmt.Sprintf("%s~%d", strings.ReplaceAll(slug, "/", "~"), i), "number": i, "state": "created", "created_at": s.flows[slug][i].created, "project_slug": slug, "surprise": 1}
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Circle-Token") != "hunter2" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answer := func(items []any, next any) {
		_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "next_page_token": next})
	}
	path := strings.TrimPrefix(r.URL.Path, "/api/v2/")
	if slug, ok := strings.CutSuffix(strings.TrimPrefix(path, "project/"), "/pipeline"); ok {
		from, _ := strconv.Atoi(r.URL.Query().Get("page-token"))
		all := s.flows[slug]
		var items []any
		for i := len(all) - 1 - from; i >= 0 && len(items) < pageSize; i-- {
			items = append(items, s.pipeline(slug, i))
		}
		var next any
		if from+len(items) < len(all) {
			next = strconv.Itoa(from + len(items))
		}
		answer(items, next)
		return
	}
	id, what, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(path, "pipeline/"), "workflow/w-"), "/")
	slug := strings.ReplaceAll(id[:strings.LastIndexByte(id, '~')], "~", "/")
	i, _ := strconv.Atoi(id[strings.LastIndexByte(id, '~')+1:])
	f := s.flows[slug][i]
	var stopped any
	if !open(f.status) {
		stopped = f.created.Add(time.Minute)
	}
	switch what {
	case "":
		_ = json.NewEncoder(w).Encode(s.pipeline(slug, i))
	case "workflow":
		answer([]any{map[string]any{"id": "w-" + id, "name": "build", "status": f.status, "created_at": f.created, "stopped_at": stopped}}, nil)
	case "job":
		answer([]any{map[string]any{"id": "j-" + id, "name": "deploy-production", "status": f.status, "started_at": f.created, "stopped_at": stopped}}, nil)
	}
}

func (s *server) source(t *testing.T) collectors.Poller {
	t.Helper()
	src := newSource(t, func(c *Config) {
		c.Token, c.URL, c.Projects, c.History = "hunter2", s.URL, []string{"gh/acme/cart", "gh/acme/shop"}, 24*time.Hour
	})
	src.client.HTTP = s.Client()
	src.now = func() time.Time { return now }
	return src
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	s := newServer(t, pagesPerPoll*pageSize+5)
	events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t) })
	ids := map[string]bool{}
	for _, ev := range events {
		ids[ev.ID] = true
	}
	if want := 2 * (pagesPerPoll*pageSize + 6); len(ids) != want {
		t.Errorf("%d events, want %d", len(ids), want)
	}
	if !strings.Contains(string(events[0].Data), "surprise") {
		t.Error("the payload is not whole")
	}
}

func TestBackfill(t *testing.T) {
	t.Parallel()
	s := newServer(t, 300)
	collectortest.CheckBackfill(t, s.API, func() collectors.Poller { return s.source(t) }, now.AddDate(0, -9, 0), now.Add(-time.Hour))
	if _, err := newSource(t).Backfill(now); err == nil {
		t.Error("a backfill without anything to ask")
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	collectortest.CheckFailures(t, s.API, "hunter2", func() collectors.Poller { return s.source(t) })
}

func TestResumesInsideAListing(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3*pageSize)
	// Four requests for cart; each page of shop takes one, and two for each pipeline.
	collectortest.CheckResumes(t, s.API, 4+2*(1+2*pageSize), func() collectors.Poller { return s.source(t) })
}

func TestNewPipelinesOnlyAreAskedFor(t *testing.T) {
	t.Parallel()
	s := newServer(t, 60)
	cur, err := collectortest.CatchUp(t, s.source(t), nil, &collectortest.Publisher{})
	if err != nil {
		t.Fatal(err)
	}
	s.Change(func() { s.flows["gh/acme/shop"] = append(s.flows["gh/acme/shop"], flow{now, "failed"}) })
	s.Requests()
	var p collectortest.Publisher
	if _, err := collectortest.CatchUp(t, s.source(t), cur, &p); err != nil {
		t.Fatal(err)
	}
	// The overlap is of five minutes: five pipelines, the new one, and cart's.
	if asked := s.Requests(); len(asked) > 2*8+2 {
		t.Errorf("%d requests: %v", len(asked), asked)
	}
	if !slices.ContainsFunc(p.Events(), func(ev schema.Event) bool { return strings.Contains(string(ev.Data), `"failed"`) }) {
		t.Error("the new pipeline was not read")
	}
}

func TestWorkflowThatWaitsIsAskedForUntilItHasEnded(t *testing.T) {
	t.Parallel()
	s := newServer(t, 50)
	s.flows["gh/acme/shop"][0].status = "on_hold"
	cur, err := collectortest.CatchUp(t, s.source(t), nil, &collectortest.Publisher{})
	if err != nil || !strings.Contains(string(cur), "gh~acme~shop~0") {
		t.Fatalf("cursor %s (%v)", cur, err)
	}
	s.Change(func() { s.flows["gh/acme/shop"][0].status = "success" })
	cur, err = collectortest.CatchUp(t, s.source(t), cur, &collectortest.Publisher{Fail: collectortest.Randomly(0.7)})
	if err == nil || !strings.Contains(string(cur), "gh~acme~shop~0") {
		t.Errorf("not published, yet the cursor is %s (%v)", cur, err)
	}
	var p collectortest.Publisher
	cur, err = collectortest.CatchUp(t, s.source(t), cur, &p)
	if err != nil || strings.Contains(string(cur), "gh~acme~shop~0") {
		t.Errorf("cursor %s (%v)", cur, err)
	}
	if !slices.ContainsFunc(p.Events(), func(ev schema.Event) bool { return strings.Contains(string(ev.Data), "j-gh~acme~shop~0") }) {
		t.Error("it was not read again")
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"nothing":     {func(c *Config) { c.WebhookSecrets = nil }, "webhook_secrets and token are both missing"},
		"empty":       {func(c *Config) { c.WebhookSecrets = []secret.String{""} }, "webhook_secrets[0] is empty"},
		"url":         {func(c *Config) { c.URL = "x" }, "url is no address"},
		"projects":    {func(c *Config) { c.Token = "x" }, "token and projects belong together"},
		"slug":        {func(c *Config) { c.Token, c.Projects = "x", []string{"acme/shop"} }, `projects[0] is "acme/shop"`},
		"interval":    {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
		"history":     {func(c *Config) { c.History = -1 }, "history is -1ns"},
		"rule":        {func(c *Config) { c.Deployments = []Rule{{Target: pattern.Target{Environment: "x"}}} }, "deployments[0] has neither"},
		"pattern":     {func(c *Config) { c.Deployments = []Rule{{Job: "{", Target: pattern.Target{Environment: "x"}}} }, "deployments[0].job"},
		"part":        {func(c *Config) { c.Deployments = []Rule{{Job: "x", Target: pattern.Target{Environment: "{y}"}}} }, "uses {y}"},
		"environment": {func(c *Config) { c.Deployments = []Rule{{Job: "x"}} }, "environment is missing"},
	})
	if newSource(t).Interval() != 0 {
		t.Error("it asks without a token")
	}
}

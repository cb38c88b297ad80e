package jenkins

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
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
	c.URL = "https://ci.example.com"
	c.Jobs = []string{"acme/**", "deploy/**", "release"}
	c.Libraries = []string{"https://github.com/acme/pipeline-library"}
	c.Deployments = []Rule{
		{Job: "deploy/{service}/{environment}"},
		{Job: "release", Target: pattern.Target{Environment: "{TARGET}", Service: "{APP}", Repository: "github.com/acme/{APP}", Version: "{TAG}"}},
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

// facts reads an event of testdata.
func facts(t *testing.T, name string) schema.Fact {
	t.Helper()
	fs, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[name])
	if err != nil || len(fs) != 1 {
		t.Fatalf("%s: %d facts (%v)", name, len(fs), err)
	}
	return fs[0]
}

func TestEndIsStartPlusDurationInMilliseconds(t *testing.T) {
	t.Parallel()
	b := facts(t, "build").(*schema.Build)
	start := time.Date(2026, 5, 1, 10, 6, 40, 0, time.UTC)
	if !b.CreatedAt.Equal(start) || !b.FinishedAt.Equal(start.Add(63*time.Second)) {
		t.Errorf("from %s to %s", b.CreatedAt, b.FinishedAt)
	}
}

func TestNotificationAndRESTSayTheSame(t *testing.T) {
	t.Parallel()
	var last uint64
	for _, name := range []string{"hook_started", "hook_completed", "build"} {
		b := facts(t, name).(*schema.Build)
		if b.BuildID != "jenkins:ci.example.com/acme/shop/main#18" || b.Version <= last {
			t.Errorf("%s: build %s of version %d after %d", name, b.BuildID, b.Version, last)
		}
		last = b.Version
	}
	hook, listed := facts(t, "hook_completed").(*schema.Build), facts(t, "build").(*schema.Build)
	if hook.Version = listed.Version; fmt.Sprintf("%+v", *hook.FinishedAt) != fmt.Sprintf("%+v", *listed.FinishedAt) || hook.Commit != listed.Commit || hook.Repo != listed.Repo || hook.Branch != listed.Branch {
		t.Errorf("notification %+v\nREST %+v", hook, listed)
	}
	if got := facts(t, "hook_no_root_url").FactID(); got != listed.FactID() {
		t.Errorf("without the root URL the build is %s", got)
	}
}

func TestQueuedWithoutTimeIsIgnored(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"hook_queued", "hook_finalized", "hook_step"} {
		_, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[name])
		if err == nil || !strings.HasPrefix(err.Error(), "ignored: Jenkins") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCommitIsNotThatOfASharedLibrary(t *testing.T) {
	t.Parallel()
	if b := facts(t, "build").(*schema.Build); b.Repo != "github.com/acme/shop" || !strings.HasPrefix(b.Commit, "0123") {
		t.Errorf("commit %s of %s", b.Commit, b.Repo)
	}
}

func TestDeploymentByRule(t *testing.T) {
	t.Parallel()
	if d := facts(t, "deploy").(*schema.Deployment); d.ServiceRef != "shop" || d.Environment != "production" || d.Commit == "" || d.Version != "" {
		t.Errorf("by name: %+v", d)
	}
	d := facts(t, "deploy_parameters").(*schema.Deployment)
	if d.ServiceRef != "checkout" || d.Environment != "staging" || d.Version != "v1.4.2" || d.Commit != "" || d.Repo != "github.com/acme/checkout" {
		t.Errorf("by parameter: %+v", d)
	}
	if d := facts(t, "deploy_parameters_sha").(*schema.Deployment); d.Commit != d.Version || d.Commit == "" {
		t.Errorf("by a parameter that is a commit: %+v", d)
	}
}

func TestJobInAFolderIsNamedByItsPath(t *testing.T) {
	t.Parallel()
	if b := facts(t, "build_branch").(*schema.Build); b.Pipeline != "acme/shop/feature%2Fcart" {
		t.Errorf("pipeline %s", b.Pipeline)
	}
	if got := jobPath("acme/shop/feature%2Fcart"); got != "/job/acme/job/shop/job/feature%252Fcart" {
		t.Errorf("path %s", got)
	}
}

func TestSecretIsAPasswordOrAToken(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"Bearer old", "Basic aGVhZHdheTphLXNlY3JldA=="} {
		if err := newSource(t).Verify(http.Header{"Authorization": {value}}, nil, time.Now()); err != nil {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// server is a Jenkins with jobs in folders.
type server struct {
	*collectortest.API
	// jobs are the results of the builds by job, the first one's number is 1; "" runs.
	jobs map[string][]string
}

var now = time.Date(2026, 5, 10, 0, 0, 0, 0, time.UTC)

var slice = regexp.MustCompile(`\{(\d+),(\d+)\}$`)

func newServer(t *testing.T, jobs map[string][]string) *server {
	t.Helper()
	s := &server{jobs: jobs}
	s.API = collectortest.NewAPI(t, s.serve)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if u, p, _ := r.BasicAuth(); u != "headway" || p != "hunter2" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	tree := r.URL.Query().Get("tree")
	if r.URL.Path == "/api/json" {
		folder := map[string]any{"fullName": "acme", "jobs": []any{}}
		for _, name := range slices.Sorted(maps.Keys(s.jobs)) {
			folder["jobs"] = append(folder["jobs"].([]any), map[string]any{"fullName": name, "lastBuild": map[string]any{"number": len(s.jobs[name])}})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"jobs": []any{folder, map[string]any{"fullName": "sandbox/x", "lastBuild": map[string]any{"number": 1}}}})
		return
	}
	name := strings.ReplaceAll(strings.TrimPrefix(strings.TrimSuffix(r.URL.Path, "/api/json"), "/job/"), "/job/", "/")
	results, ok := s.jobs[name]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	var from, to int
	_, _ = fmt.Sscanf(slice.FindString(tree), "{%d,%d}", &from, &to)
	var builds []any
	for n := len(results) - from; n > max(0, len(results)-to); n-- {
		b := map[string]any{
			"number": n, "building": results[n-1] == "", "timestamp": now.Add(time.Duration(n)*time.Minute - 24*time.Hour).UnixMilli(), "duration": 1000,
			"url": s.URL + jobPath(name) + fmt.Sprintf("/%d/", n), "surprise": 1,
		}
		if results[n-1] != "" {
			b["result"] = results[n-1]
		}
		builds = append(builds, b)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"allBuilds": builds})
}

func (s *server) source(t *testing.T) collectors.Poller {
	t.Helper()
	src := newSource(t, func(c *Config) { c.URL, c.User, c.Token, c.History = s.URL, "headway", "hunter2", 48*time.Hour })
	src.client.HTTP = s.Client()
	src.now = func() time.Time { return now }
	return src
}

func many(n int, result string) []string { return slices.Repeat([]string{result}, n) }

func TestPollContract(t *testing.T) {
	t.Parallel()
	s := newServer(t, map[string][]string{"acme/a": many(2*page+7, "SUCCESS"), "acme/b": many(page, "FAILURE"), "acme/c/main": many(1, "")})
	for i := range 2 * jobsPerPoll {
		s.jobs[fmt.Sprintf("acme/many/%d", i)] = many(1, "SUCCESS")
	}
	events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t) })
	// The build that runs is read again by each poll.
	ids := map[string]bool{}
	for _, ev := range events {
		ids[ev.ID] = true
	}
	if want := 3*page + 8 + 2*jobsPerPoll; len(ids) != want {
		t.Errorf("%d events, want %d", len(ids), want)
	}
	if !strings.Contains(string(events[0].Data), "surprise") {
		t.Error("the payload is not verbatim")
	}
}

func TestBackfill(t *testing.T) {
	t.Parallel()
	s := newServer(t, map[string][]string{"acme/a": many(page+7, "SUCCESS")})
	collectortest.CheckBackfill(t, s.API, func() collectors.Poller { return s.source(t) }, now.AddDate(0, -9, 0), now.Add(-23*time.Hour))
	if _, err := newSource(t, func(c *Config) { c.URL = "" }).Backfill(now); err == nil {
		t.Error("a backfill without anything to ask")
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t, map[string][]string{"acme/a": many(page+7, "SUCCESS"), "acme/b": many(3, "FAILURE")})
	collectortest.CheckFailures(t, s.API, "hunter2", func() collectors.Poller { return s.source(t) })
	collectortest.CheckResumes(t, s.API, 3, func() collectors.Poller { return s.source(t) })
}

// poll reads on and returns the builds that were emitted.
func (s *server) poll(t *testing.T, from collectors.Cursor) (collectors.Cursor, []string) {
	t.Helper()
	var p collectortest.Publisher
	src := s.source(t)
	cur, err := collectortest.CatchUp(t, src, from, &p)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, ev := range p.Events() {
		fs, err := src.Normalize(ev)
		if err != nil {
			t.Fatal(err)
		}
		_, n, _ := strings.Cut(fs[0].FactID(), "#")
		out = append(out, n+" "+fs[0].(*schema.Build).Status)
	}
	return cur, out
}

func TestRunningBuildIsReadUntilItHasEnded(t *testing.T) {
	t.Parallel()
	s := newServer(t, map[string][]string{"acme/a": {"SUCCESS", "", "SUCCESS"}})
	cur, _ := s.poll(t, nil)
	s.Change(func() { s.jobs["acme/a"][1] = "FAILURE" })
	cur, got := s.poll(t, cur)
	if !slices.Equal(got, []string{"3 success", "2 failure"}) {
		t.Errorf("builds %v", got)
	}
	if _, got = s.poll(t, cur); got != nil {
		t.Errorf("nothing is new, yet %v", got)
	}
}

func TestJobDeletedAndMadeAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t, map[string][]string{"acme/a": many(5, "SUCCESS"), "acme/gone": many(1, "SUCCESS")})
	cur, _ := s.poll(t, nil)
	s.Change(func() { s.jobs = map[string][]string{"acme/a": {"FAILURE"}} })
	cur, got := s.poll(t, cur)
	if !slices.Equal(got, []string{"1 failure"}) {
		t.Errorf("builds %v", got)
	}
	var c cursor
	if err := json.Unmarshal(cur, &c); err != nil || len(c.Jobs) != 1 {
		t.Errorf("the cursor remembers %v (%v)", c.Jobs, err)
	}
}

func TestHistoryBoundsTheFirstPoll(t *testing.T) {
	t.Parallel()
	s := newServer(t, map[string][]string{"acme/a": many(10, "SUCCESS")})
	src := s.source(t).(*Source)
	src.cfg.History = 24*time.Hour - 8*time.Minute
	var p collectortest.Publisher
	if _, err := collectortest.CatchUp(t, src, nil, &p); err != nil || len(p.Events()) != 3 {
		t.Errorf("%d events (%v)", len(p.Events()), err)
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"nothing":     {func(c *Config) { c.WebhookSecrets, c.URL = nil, "" }, "webhook_secrets and url are both missing"},
		"empty":       {func(c *Config) { c.WebhookSecrets = []secret.String{""} }, "webhook_secrets[0] is empty"},
		"url":         {func(c *Config) { c.URL = "ci" }, "url is no address"},
		"user":        {func(c *Config) { c.User = "x" }, "belong together"},
		"interval":    {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
		"history":     {func(c *Config) { c.History = -1 }, "history is -1ns"},
		"jobs":        {func(c *Config) { c.Jobs = []string{"a", ""} }, "jobs[1] is empty"},
		"job":         {func(c *Config) { c.Deployments = []Rule{{Job: "{"}} }, "deployments[0].job"},
		"environment": {func(c *Config) { c.Deployments = []Rule{{Job: "x"}} }, "deployments[0]: environment is missing"},
	})
	if newSource(t, func(c *Config) { c.URL = "" }).Interval() != 0 {
		t.Error("it asks without a url")
	}
}

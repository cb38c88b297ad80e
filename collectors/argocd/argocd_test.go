package argocd

import (
	"encoding/json"
	"fmt"
	"net/http"
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
	c.URL = "https://argocd.example.com/"
	c.Applications = []Rule{
		{Application: "cart-{environment}", Target: pattern.Target{Service: "cart", Repository: "github.com/acme/cart"}},
		{Application: "{service}-{environment}", Project: "default"},
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

// deployments says of an event of testdata "id version status" for each.
func deployments(t *testing.T, s *Source, name string) []string {
	t.Helper()
	fs, err := s.Normalize(collectortest.Events(t, Name, "testdata")[name])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var out []string
	for _, f := range fs {
		d := f.(*schema.Deployment)
		out = append(out, fmt.Sprintf("%s %.7s %.7s %s", strings.TrimPrefix(d.DeploymentID, "argocd:a5c1f1a6:"), d.Version, d.Commit, d.Status))
	}
	return out
}

func want(t *testing.T, name string, want ...string) {
	t.Helper()
	if got := deployments(t, newSource(t), name); !slices.Equal(got, want) {
		t.Errorf("%s: %q\nwant %q", name, got, want)
	}
}

func TestRevisionIsTheConfigurationsNotTheApplications(t *testing.T) {
	t.Parallel()
	want(t, "healthy", "0 1111111  success", "1 v2  success")
	want(t, "image_of_a_commit", "0 1111111  success", "1 main-3f 3f2a9c1 success")
	want(t, "kustomize_images", "0 0123456 0123456 success", "1 v2  success")
	want(t, "helm_parameter", "0 v1  success", "1 v2  success")
	want(t, "several_sources", "0 v2  success")
}

func TestRevisionIsTheCommitWhenManifestsLiveWithTheCode(t *testing.T) {
	t.Parallel()
	want(t, "own_repository", "0 1111111 1111111 success")
}

func TestImagesBelongToTheNewestHealthySync(t *testing.T) {
	t.Parallel()
	want(t, "progressing", "0 1111111  success", "1 2222222  success")
	want(t, "two_versions_left", "0 1111111  success", "1 2222222  success")
}

func TestHistoryIsCappedAndHoldsSuccessesOnly(t *testing.T) {
	t.Parallel()
	want(t, "capped", "8 v2  success")
	want(t, "capped_at_one", "8 v2  success")
	want(t, "failed", "0 1111111  success", "1 2222222  success", "failed-1777644000000 3333333  failure")
	want(t, "error_dry_run", "0 1111111  success", "1 2222222  success")
}

func TestSameRevisionSyncedAgainIsNoDeployment(t *testing.T) {
	t.Parallel()
	// 1 and 2 are the same; 3 goes back and is a deployment.
	want(t, "resynced", "0 1111111  success", "1 2222222  success", "3 v2  success")
}

func TestWhatWasKnownOfAnImageIsNotLost(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	versions := map[string]uint64{}
	for _, name := range []string{"healthy", "resynced"} {
		fs, err := s.Normalize(collectortest.Events(t, Name, "testdata")[name])
		if err != nil {
			t.Fatal(err)
		}
		versions[name] = schema.MetaOf(fs[1]).Version
		if fs[1].FactID() != "argocd:a5c1f1a6:1" {
			t.Fatalf("%s: %s", name, fs[1].FactID())
		}
	}
	if versions["healthy"] <= versions["resynced"] {
		t.Errorf("the sync whose image is known has version %d, the later reading %d", versions["healthy"], versions["resynced"])
	}
}

func TestNotificationAndListingAreOneDeployment(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	if a, b := deployments(t, s, "notification"), deployments(t, s, "healthy"); !slices.Equal(a, b) {
		t.Errorf("%v and %v", a, b)
	}
}

func TestImageRule(t *testing.T) {
	t.Parallel()
	s := newSource(t, func(c *Config) { c.Applications[1].Image = "docker.io/**/envoy" })
	if got := deployments(t, s, "healthy"); got[1] != "1 v1.30  success" {
		t.Errorf("deployments %v", got)
	}
}

// server is an Argo CD.
type server struct {
	*collectortest.API
	apps []map[string]any
}

var now = time.Date(2026, 5, 10, 0, 0, 0, 0, time.UTC)

func newServer(t *testing.T, n int) *server {
	t.Helper()
	s := &server{}
	for i := range n {
		s.apps = append(s.apps, map[string]any{
			"metadata": map[string]any{"name": fmt.Sprintf("s%d-prod", i), "namespace": "argocd"}, "spec": map[string]any{"project": "default"},
			"status": map[string]any{"history": []any{map[string]any{"id": 0, "revision": "r", "deployedAt": now}}}, "surprise": 1,
		})
	}
	s.API = collectortest.NewAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hunter2" || r.URL.Path != "/api/v1/applications" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"items": s.apps})
	})
	return s
}

func (s *server) source(t *testing.T) collectors.Poller {
	t.Helper()
	src := newSource(t, func(c *Config) { c.Token, c.URL = "hunter2", s.URL })
	src.client.HTTP = s.Client()
	src.now = func() time.Time { return now }
	return src
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	s := newServer(t, 2*batch+7)
	events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t) })
	if len(events) != 2*batch+7 || !strings.Contains(string(events[0].Data), "surprise") {
		t.Errorf("%d events", len(events))
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	collectortest.CheckFailures(t, s.API, "hunter2", func() collectors.Poller { return s.source(t) })
}

func TestOnlyWhatChangedIsEmitted(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	cur, err := collectortest.CatchUp(t, s.source(t), nil, &collectortest.Publisher{})
	if err != nil {
		t.Fatal(err)
	}
	s.Change(func() {
		// Argo CD touches every Application all the time.
		s.apps[0]["metadata"].(map[string]any)["resourceVersion"] = "2"
		s.apps[1]["status"].(map[string]any)["health"] = map[string]any{"status": "Healthy"}
	})
	var p collectortest.Publisher
	cur, err = collectortest.CatchUp(t, s.source(t), cur, &p)
	if err != nil || len(p.Events()) != 1 || p.Events()[0].Key != "argocd/s1-prod" {
		t.Errorf("%d events (%v)", len(p.Events()), err)
	}
	s.Change(func() { s.apps = s.apps[:1] })
	cur, err = collectortest.CatchUp(t, s.source(t), cur, &p)
	var c cursor
	if err != nil || json.Unmarshal(cur, &c) != nil || len(c.Applications) != 1 {
		t.Errorf("the cursor remembers %v (%v)", c.Applications, err)
	}
}

// TestResumesInTheMiddle: what was published of a listing is not published again.
func TestResumesInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newServer(t, 2*batch)
	calls := 0
	p := collectortest.Publisher{Fail: func() error {
		if calls++; calls == 2 {
			return collectortest.Always()
		}
		return nil
	}}
	cur, err := s.source(t).Poll(t.Context(), nil, p.Publish)
	if err == nil {
		t.Fatal("no error")
	}
	if _, err := s.source(t).Poll(t.Context(), cur, p.Publish); err != nil || len(p.Events()) != 2*batch {
		t.Errorf("%d events (%v)", len(p.Events()), err)
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
		"url":         {func(c *Config) { c.Token, c.URL = "x", "" }, "url is no address"},
		"interval":    {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
		"none":        {func(c *Config) { c.Applications = nil }, "applications is empty"},
		"pattern":     {func(c *Config) { c.Applications[0].Application = "" }, "applications[0].application is empty"},
		"project":     {func(c *Config) { c.Applications[0].Project = "{" }, "applications[0].project"},
		"image":       {func(c *Config) { c.Applications[0].Image = "{" }, "applications[0].image"},
		"environment": {func(c *Config) { c.Applications[0].Application = "x" }, "applications[0]: environment is missing"},
	})
	if newSource(t).Interval() != 0 {
		t.Error("it asks without a token")
	}
}

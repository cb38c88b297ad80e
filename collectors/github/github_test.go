package github_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/github"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const hookSecret secret.String = "It's a Secret to Everybody"

func sign(h http.Header, body []byte, now time.Time) {
	signature.Hex{Header: "X-Hub-Signature-256", Prefix: "sha256=", Secrets: []secret.String{hookSecret}}.Sign(h, body, now)
}

func webhookSource(tb testing.TB) *github.Source {
	tb.Helper()
	cfg := github.DefaultConfig()
	cfg.WebhookSecret = hookSecret
	cfg.Deployments = []github.WorkflowDeployment{{Workflow: "^Deploy", Environment: "production", Branch: "^main$"}}
	s, err := github.New(cfg, collectors.Deps{Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{}}, time.Now)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestGolden(t *testing.T) {
	t.Parallel()
	collectortest.Golden(t, webhookSource(t), "testdata")
}

func TestContract(t *testing.T) {
	t.Parallel()
	c := collectortest.Case{Source: webhookSource(t), Sign: sign}
	for name, ev := range collectortest.Events(t, github.Name, "testdata") {
		if strings.HasPrefix(ev.Type, "github.rest.") {
			c.Events = append(c.Events, ev)
			continue
		}
		h := http.Header{}
		h.Set("X-GitHub-Event", strings.TrimPrefix(ev.Type, "github."))
		h.Set("X-GitHub-Delivery", ev.ID)
		h.Set("Content-Type", "application/json")
		c.Deliveries = append(c.Deliveries, collectortest.Delivery{Name: name, Header: h, Body: ev.Data})
	}
	collectortest.Check(t, c)
}

// TestForm: a webhook may send a form with the payload in one field.
func TestForm(t *testing.T) {
	t.Parallel()
	ev := collectortest.Events(t, github.Name, "testdata")["push"]
	var p collectortest.Publisher
	d := collectortest.Delivery{Path: "/hooks/github", Body: []byte("payload=" + url.QueryEscape(string(ev.Data))), Header: http.Header{}}
	d.Header.Set("X-GitHub-Event", "push")
	d.Header.Set("X-GitHub-Delivery", ev.ID)
	d.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sign(d.Header, d.Body, collectortest.Time)
	if rec := collectortest.Post(collectortest.NewServer(t, webhookSource(t), &p), d); rec.Code != http.StatusAccepted {
		t.Fatalf("answered %d", rec.Code)
	}
	want := collectortest.Describe(t, webhookSource(t), ev)
	if got := collectortest.Describe(t, webhookSource(t), p.Events()[0]); string(got) != string(want) {
		t.Errorf("facts of the form differ:\n%s\nwant\n%s", got, want)
	}
	if p.Events()[0].Key != "github.com/acme/shop" {
		t.Errorf("key %q", p.Events()[0].Key)
	}
}

func TestConfigurationErrorsNameTheKey(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*github.Config){
		"sources.github.deployments[0]: needs":     func(c *github.Config) { c.Deployments = []github.WorkflowDeployment{{Workflow: "x"}} },
		"sources.github.deployments[0].workflow: ": func(c *github.Config) { c.Deployments = []github.WorkflowDeployment{{Workflow: "(", Environment: "p"}} },
		"sources.github.deployments[0].branch: ": func(c *github.Config) {
			c.Deployments = []github.WorkflowDeployment{{Workflow: "x", Environment: "p", Branch: "("}}
		},
		"sources.github.labels.bug[0]: ":   func(c *github.Config) { c.Labels.Bug = []string{"("} },
		"sources.github.repositories[0]: ": func(c *github.Config) { c.Repositories, c.Token = []string{"shop"}, "t" },
		"sources.github.token: ":           func(c *github.Config) { c.Repositories = []string{"acme/shop"} },
		"sources.github.app: ":             func(c *github.Config) { c.Repositories, c.App.ID = []string{"acme/shop"}, 1 },
		"sources.github.app.private_key: ": func(c *github.Config) {
			c.Repositories, c.App = []string{"a/b"}, github.App{ID: 1, InstallationID: 2, PrivateKey: "no PEM"}
		},
		"sources.github.api_url: ":  func(c *github.Config) { c.Repositories, c.Token, c.APIURL = []string{"a/b"}, "t", "api.github.com" },
		"sources.github.interval: ": func(c *github.Config) { c.Repositories, c.Token, c.Interval = []string{"a/b"}, "t", time.Second },
		"sources.github.token stands beside the app": func(c *github.Config) {
			c.Repositories, c.Token, c.App = []string{"a/b"}, "t", github.App{ID: 1, InstallationID: 2, PrivateKey: "k"}
		},
	}
	for want, change := range tests {
		cfg := github.DefaultConfig()
		change(&cfg)
		_, err := github.New(cfg, collectors.Deps{Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{}}, time.Now)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	s := webhookSource(f)
	entries, err := os.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile("testdata/" + e.Name())
		var file collectortest.File
		if err == nil && json.Unmarshal(b, &file) == nil && file.Type != "" {
			f.Add(file.Type, "application/json", []byte(file.Data))
		}
	}
	f.Add("github.push", "application/x-www-form-urlencoded", []byte("payload=%7B%7D"))
	f.Fuzz(func(t *testing.T, typ, contentType string, data []byte) {
		collectortest.Describe(t, s, schema.Event{ID: "1", Source: github.Name, Type: typ, ContentType: contentType, Time: collectortest.Time, Data: data})
	})
}

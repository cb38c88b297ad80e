package snyk

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	orgA = "11111111-1111-4111-8111-111111111111"
	orgB = "22222222-2222-4222-8222-222222222222"
)

func config() Config {
	c := *Entry().Config().(*Config)
	c.WebhookSecrets = []secret.String{"a-secret", "old"}
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

// read returns the findings of an event of testdata by their rule, and the starts.
func read(t *testing.T, name string) (map[string]*schema.Finding, []*schema.FindingStart) {
	t.Helper()
	facts, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[name])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	findings := map[string]*schema.Finding{}
	var starts []*schema.FindingStart
	for _, f := range facts {
		switch f := f.(type) {
		case *schema.Finding:
			findings[f.Rule] = f
		case *schema.FindingStart:
			starts = append(starts, f)
		}
	}
	return findings, starts
}

func TestTestWithoutIssuesIsAScan(t *testing.T) {
	t.Parallel()
	facts, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")["snapshot_clean"])
	if err != nil || len(facts) != 1 {
		t.Fatalf("%d facts (%v)", len(facts), err)
	}
	if s := facts[0].(*schema.Scan); s.Repo != "github.com/acme/shop" || s.Tool != Name || s.Report != "" {
		t.Errorf("scan %+v", s)
	}
}

func TestHeadersAreNotSignedTheBodySaysWhatItIs(t *testing.T) {
	t.Parallel()
	body := collectortest.Events(t, Name, "testdata")["snapshot"].Data
	events, err := newSource(t).Events(http.Header{"X-Snyk-Event": {"ping/v0"}, "X-Snyk-Transport-Id": {"998fe884"}}, body, collectortest.Time)
	if err != nil || len(events) != 1 || events[0].Type != typeSnapshot || events[0].ID != "998fe884" {
		t.Errorf("%+v (%v)", events, err)
	}
}

func TestWebhookAndAPINameOneFinding(t *testing.T) {
	t.Parallel()
	hook, _ := read(t, "snapshot")
	api, _ := read(t, "rest_vulnerability")
	a, b := hook["CVE-2026-1"], api["CVE-2026-1"]
	if a == nil || b == nil {
		t.Fatalf("findings %v and %v", hook, api)
	}
	if a.FindingID != b.FindingID || a.Fingerprint != b.Fingerprint || a.Fingerprint != "cve-2026-1|lodash" || a.Repo != b.Repo || a.Path != b.Path || a.Severity != b.Severity {
		t.Errorf("webhook %+v\nAPI %+v", a, b)
	}
}

func TestRemovedIssueKeepsItsBeginning(t *testing.T) {
	t.Parallel()
	hook, starts := read(t, "snapshot")
	removed := hook["CVE-2026-3"]
	if removed == nil || removed.State != schema.FindingFixed || removed.ClosedAt == nil || removed.OpenedAt != nil {
		t.Fatalf("removed %+v", removed)
	}
	for _, s := range starts {
		if s.FindingID == removed.FindingID {
			t.Error("the removal says when it began")
		}
	}
	_, starts = read(t, "rest_removed")
	if len(starts) != 1 || starts[0].FindingID != removed.FindingID || starts[0].At.Format(time.DateOnly) != "2026-04-01" {
		t.Errorf("starts %v", starts)
	}
	open, _ := read(t, "rest_removed")
	if removed.Version < open["CVE-2026-3"].Version {
		t.Error("what was open before wins")
	}
}

func TestIgnoredIsDismissed(t *testing.T) {
	t.Parallel()
	hook, _ := read(t, "snapshot")
	api, _ := read(t, "rest_ignored")
	for _, f := range []*schema.Finding{hook["SNYK-JS-OLD-1"], api["SNYK-JS-OLD-1"]} {
		if f == nil || f.State != schema.FindingDismissed || f.Reason != schema.DismissedOther || f.ClosedAt == nil {
			t.Errorf("finding %+v", f)
		}
	}
}

func TestDisappearedIsResolved(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]string{"rest_resolved": "CVE-2026-1", "rest_disappeared": "SNYK-JS-GONE-1"} {
		fs, _ := read(t, name)
		if f := fs[rule]; f == nil || f.State != schema.FindingFixed || f.ClosedAt.Format(time.RFC3339) != "2026-05-03T00:00:00Z" {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestServiceByRepositoryElseByProject(t *testing.T) {
	t.Parallel()
	code, _ := read(t, "rest_code")
	if f := code["javascript/sqli"]; f.Repo != "github.com/acme/shop" || f.Path != "src/db.js" || f.ServiceRef != "" || f.Kind != schema.FindingCode {
		t.Errorf("code %+v", f)
	}
	image, _ := read(t, "snapshot_image")
	if f := image["CVE-2026-9"]; f.Repo != "" || !strings.HasPrefix(f.ServiceRef, "snyk:6d5813be") || f.State != schema.FindingFixed {
		t.Errorf("image %+v", f)
	}
	for name, want := range map[string]string{"acme/shop(main):web/package.json": "github.com/acme/shop web/package.json", "acme/shop": "github.com/acme/shop ", "shop": " ", "": " "} {
		if repo, path := (project{"1", name, "github"}).place(); repo+" "+path != want {
			t.Errorf("%q is %q %q", name, repo, path)
		}
	}
}

// server is Snyk with an organization's issues by their change.
type server struct {
	*collectortest.API
	issues map[string][]time.Time
	// link is what stands before the query of a link to the next page.
	link string
}

var now = time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)

func newServer(t *testing.T, n int) *server {
	t.Helper()
	s := &server{issues: map[string][]time.Time{}, link: "/rest/orgs/x/issues"}
	for _, org := range []string{orgA, orgB} {
		for i := range n {
			s.issues[org] = append(s.issues[org], now.Add(-time.Duration(i+1)*time.Hour))
		}
	}
	s.API = collectortest.NewAPI(t, s.serve)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Header.Get("Authorization") != "token hunter2" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if q.Get("version") != apiVersion || q.Get("limit") != strconv.Itoa(pageSize) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	rest, _ := strings.CutPrefix(r.URL.Path, "/rest/orgs/")
	org, what, _ := strings.Cut(rest, "/")
	from, _ := strconv.Atoi(q.Get("starting_after"))
	data, links := []any{}, map[string]any{}
	if what == "projects" {
		// Two pages, each with one project.
		data = append(data, map[string]any{"id": fmt.Sprint("p", from), "attributes": map[string]any{"name": fmt.Sprintf("acme/shop%d:go.mod", from), "origin": "github"}})
		if from == 0 {
			links["next"] = "/rest/orgs/x/projects?starting_after=1"
		}
	} else {
		var list []int
		for i, changed := range s.issues[org] {
			if after, err := time.Parse(time.RFC3339, q.Get("updated_after")); err != nil || changed.After(after) {
				list = append(list, i)
			}
		}
		for _, i := range list[min(from, len(list)):min(from+pageSize, len(list))] {
			data = append(data, map[string]any{
				"id": fmt.Sprint(org, i), "surprise": 1,
				"attributes": map[string]any{
					"key": fmt.Sprint("SNYK-", i), "type": "package_vulnerability", "status": "open",
					"created_at": now.AddDate(0, -1, 0), "updated_at": s.issues[org][i],
				},
				"relationships": map[string]any{"scan_item": map[string]any{"data": map[string]any{"id": fmt.Sprint("p", i%3)}}},
			})
		}
		if from+pageSize < len(list) {
			links["next"] = s.link + "?starting_after=" + strconv.Itoa(from+pageSize)
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data, "links": links})
}

func (s *server) source(t *testing.T) collectors.Poller {
	t.Helper()
	src := newSource(t, func(c *Config) { c.Token, c.URL, c.Organizations = "hunter2", s.URL, []string{orgA, orgB} })
	src.client.HTTP = s.Client()
	src.now = func() time.Time { return now }
	return src
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	s := newServer(t, 2*pageSize+7)
	events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t) })
	if len(events) != 2*(2*pageSize+7) || !strings.Contains(string(events[0].Data), "surprise") {
		t.Errorf("%d events", len(events))
	}
	repos := map[string]int{}
	for _, ev := range events {
		facts, err := newSource(t).Normalize(ev)
		if err != nil {
			t.Fatal(err)
		}
		f := facts[0].(*schema.Finding)
		repos[f.Repo+f.ServiceRef]++
	}
	if len(repos) != 3 || repos["github.com/acme/shop1"] == 0 || repos["snyk:p2"] == 0 {
		t.Errorf("projects %v", repos)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t, pageSize+7)
	collectortest.CheckFailures(t, s.API, "hunter2", func() collectors.Poller { return s.source(t) })
	collectortest.CheckResumes(t, s.API, 3, func() collectors.Poller { return s.source(t) })
}

func TestOnlyChangesAreAskedFor(t *testing.T) {
	t.Parallel()
	s := newServer(t, 10)
	cursor, err := collectortest.CatchUp(t, s.source(t), nil, &collectortest.Publisher{})
	if err != nil {
		t.Fatal(err)
	}
	s.Change(func() { s.issues[orgA][9] = now })
	var p collectortest.Publisher
	if _, err := collectortest.CatchUp(t, s.source(t), cursor, &p); err != nil || len(p.Events()) != 1 {
		t.Errorf("%d events (%v)", len(p.Events()), err)
	}
}

func TestLinksWithAndWithoutRest(t *testing.T) {
	t.Parallel()
	for _, link := range []string{"/rest/orgs/x/issues", "/orgs/x/issues", "rest/orgs/x/issues", "https://evil.example.com/rest/orgs/x/issues"} {
		s := newServer(t, pageSize+1)
		s.link = link
		var p collectortest.Publisher
		if _, err := collectortest.CatchUp(t, s.source(t), nil, &p); err != nil || len(p.Events()) != 2*(pageSize+1) {
			t.Errorf("%s: %d events (%v)", link, len(p.Events()), err)
		}
	}
	s := newServer(t, pageSize+1)
	s.link = "/rest?nothing=1#"
	if _, err := collectortest.CatchUp(t, s.source(t), nil, &collectortest.Publisher{}); err == nil || errors.Is(err, collectors.ErrMore) {
		t.Errorf("a link to nowhere: %v", err)
	}
}

func TestWebhookMakesImmediateWhatTheAPITells(t *testing.T) {
	t.Parallel()
	if newSource(t).Interval() != 0 {
		t.Error("it asks without a token")
	}
	s := newSource(t, func(c *Config) {
		c.WebhookSecrets, c.Token, c.Organizations = nil, "hunter2", []string{orgA}
	})
	if s.Interval() != defaultInterval {
		t.Errorf("interval %s", s.Interval())
	}
	if err := s.Verify(http.Header{}, []byte("{}"), now); !errors.Is(err, collectors.ErrSignature) {
		t.Errorf("without a secret: %v", err)
	}
	// Code and configuration come by the API only.
	for name, want := range map[string]string{"rest_code": schema.FindingCode, "rest_config": schema.FindingMisconfiguration, "rest_license": schema.FindingLicense} {
		findings, _ := read(t, name)
		for _, f := range findings {
			if f.Kind != want {
				t.Errorf("%s: kind %s", name, f.Kind)
			}
		}
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"nothing":       {func(c *Config) { c.WebhookSecrets = nil }, "webhook_secrets and token are both missing"},
		"empty":         {func(c *Config) { c.WebhookSecrets = []secret.String{""} }, "webhook_secrets[0] is empty"},
		"organizations": {func(c *Config) { c.Token = "x" }, "token and organizations belong together"},
		"organization":  {func(c *Config) { c.Token, c.Organizations = "x", []string{"acme"} }, `organizations[0] is "acme"`},
		"url":           {func(c *Config) { c.URL = "x" }, "url is no address"},
		"interval":      {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
	})
}

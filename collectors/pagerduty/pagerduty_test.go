package pagerduty

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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

const testSecret = "a-signing-secret"

func newSource(tb testing.TB, change ...func(*Config)) *Source {
	tb.Helper()
	cfg := Config{WebhookSecrets: []secret.String{testSecret, "old"}, URL: defaultURL, Interval: time.Minute, History: 24 * time.Hour}
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(cfg, collectors.Deps{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestGolden(t *testing.T) {
	t.Parallel()
	collectortest.Golden(t, newSource(t), "testdata")
}

func TestContract(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	c := collectortest.Case{Source: s, Sign: func(h http.Header, b []byte, now time.Time) { s.scheme.Sign(h, b, now) }}
	for name, ev := range collectortest.Events(t, Name, "testdata") {
		if ev.Type == typeSnapshot {
			c.Events = append(c.Events, ev)
			continue
		}
		c.Deliveries = append(c.Deliveries, collectortest.Delivery{
			Name: name, Header: http.Header{"Content-Type": {"application/json"}, "X-Webhook-Id": {name}}, Body: ev.Data,
		})
	}
	c.Deliveries = append(c.Deliveries, collectortest.Delivery{Name: "nonsense", Header: http.Header{}, Body: []byte("{")})
	collectortest.Check(t, c)
}

// published is a file of the client library's module.
func published(t *testing.T, name string) string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/PagerDuty/go-pagerduty").Output()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// find is the part of a file that a pattern holds in parentheses.
func find(t *testing.T, file, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(file)
	if m == nil {
		t.Fatalf("no %s in the corpus", pattern)
	}
	return m[1]
}

// TestCorpus: the bodies that the client library tests with. Version 2 of the webhooks
// ended in 2022 and is not read.
func TestCorpus(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	collectortest.CheckCorpus(t, collectortest.Case{Source: s, Sign: s.scheme.Sign, Deliveries: collectortest.Deliveries(map[string][]byte{
		"webhookv3": []byte(find(t, published(t, "webhookv3/webhookv3_test.go"), "defaultBody = `([^`]+)`")),
		"webhookv2": []byte(find(t, published(t, "webhook_test.go"), "webhookPayload = `([^`]+)`")),
	})}, "testdata/corpus/go-pagerduty.json")
}

// The body and signature are those published in the client library's own test.
func TestPublishedSignature(t *testing.T) {
	t.Parallel()
	file := published(t, "webhookv3/webhookv3_test.go")
	key, body, sig := find(t, file, `secret\s+= "([^"]+)"`), find(t, file, "defaultBody = `([^`]+)`"), find(t, file, `sig:\s+"(v1=[0-9a-f]+)"`)
	s := newSource(t, func(c *Config) { c.WebhookSecrets = []secret.String{secret.String(key)} })
	header := http.Header{"X-Pagerduty-Signature": {"v1=00," + sig}}
	if err := s.Verify(header, []byte(body), time.Now()); err != nil {
		t.Error(err)
	}
	if err := s.Verify(header, []byte(body+" "), time.Now()); !errors.Is(err, collectors.ErrSignature) {
		t.Errorf("a changed body: %v", err)
	}
	events, err := s.Events(header, []byte(body), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	facts, err := s.Normalize(events[0])
	if err != nil || facts[0].(*schema.IncidentUpdate).Severity != "P1" {
		t.Errorf("%v (%v)", facts, err)
	}
}

func updates(t *testing.T, names ...string) map[string]*schema.IncidentUpdate {
	t.Helper()
	s := newSource(t)
	all := collectortest.Events(t, Name, "testdata")
	out := map[string]*schema.IncidentUpdate{}
	for _, n := range names {
		facts, err := s.Normalize(all[n])
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range facts {
			out[f.FactID()] = f.(*schema.IncidentUpdate)
		}
	}
	return out
}

func TestWebhookAndRESTAreOneUpdate(t *testing.T) {
	t.Parallel()
	if got := updates(t, "resolved", "rest_resolved"); len(got) != 2 {
		t.Errorf("%d updates, want triggered and resolved", len(got))
	}
}

func TestResolvedTimeIsThatOfTheEvent(t *testing.T) {
	t.Parallel()
	for _, u := range updates(t, "resolved") {
		if u.Kind != schema.IncidentResolved || !u.At.Equal(time.Date(2026, 5, 1, 10, 4, 27, 458e6, time.UTC)) {
			t.Errorf("update is %+v", u)
		}
	}
}

func TestMergedIncidentIsWithdrawn(t *testing.T) {
	t.Parallel()
	got := updates(t, "merged", "rest_merged")
	n := 0
	for _, u := range got {
		if u.Kind == schema.IncidentDeleted && u.IncidentID == "pagerduty:PMERGED" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("updates are %+v", got)
	}
}

func TestSeveralSubscriptionsSendOneUpdate(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	body := collectortest.Events(t, Name, "testdata")["priority_updated"].Data
	ids, facts := map[string]bool{}, map[string]bool{}
	for _, id := range []string{"a", "b"} {
		events, err := s.Events(http.Header{"X-Webhook-Id": {id}}, body, collectortest.Time)
		if err != nil {
			t.Fatal(err)
		}
		fs, err := s.Normalize(events[0])
		if err != nil {
			t.Fatal(err)
		}
		ids[events[0].ID], facts[fs[0].FactID()] = true, true
	}
	if len(ids) != 2 || len(facts) != 1 {
		t.Errorf("%d events and %d facts", len(ids), len(facts))
	}
}

// server is PagerDuty's REST API with a few incidents.
type server struct {
	*collectortest.API
	incidents []map[string]any
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{}
	s.API = collectortest.NewAPI(t, s.serve)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.Header.Get("Authorization") != "Token token=hunter2" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	q := r.URL.Query()
	if id, ok := strings.CutPrefix(r.URL.Path, "/incidents/"); ok {
		for _, i := range s.incidents {
			if i["id"] == id {
				_ = json.NewEncoder(w).Encode(map[string]any{"incident": i})
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
		return
	}
	var match []map[string]any
	for _, i := range s.incidents {
		if q.Get("date_range") == "all" {
			if i["status"] != "resolved" {
				match = append(match, i)
			}
		} else if at := i["created_at"].(string); at >= q.Get("since") && at < q.Get("until") {
			match = append(match, i)
		}
	}
	var offset, limit int
	_, _ = fmt.Sscan(q.Get("offset"), &offset)
	_, _ = fmt.Sscan(q.Get("limit"), &limit)
	rest := match[min(offset, len(match)):]
	shown := rest[:min(limit, len(rest))]
	_ = json.NewEncoder(w).Encode(map[string]any{"incidents": shown, "more": len(rest) > limit, "limit": limit, "offset": offset})
}

func (s *server) add(id, status, created, changed string) {
	s.incidents = append(s.incidents, map[string]any{"id": id, "status": status, "created_at": created, "last_status_change_at": changed, "title": "T", "surprise": 1})
}

func (s *server) source(t *testing.T, now time.Time, history time.Duration) *Source {
	t.Helper()
	src := newSource(t, func(c *Config) { c.Token, c.URL, c.History = "hunter2", s.URL, history })
	src.http = s.Client()
	src.now = func() time.Time { return now }
	return src
}

var now = time.Date(2026, 5, 10, 0, 0, 0, 0, time.UTC)

func TestPollContract(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i := range 250 {
		s.add(fmt.Sprintf("P%d", i), "resolved", now.Add(-time.Duration(i)*time.Minute-time.Second).Format(time.RFC3339), now.Format(time.RFC3339))
	}
	events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t, now, 24*time.Hour) })
	if len(events) != 250 {
		t.Errorf("%d events", len(events))
	}
	if !strings.Contains(string(events[0].Data), "surprise") {
		t.Error("the payload is not verbatim")
	}
}

func TestWindowsAreBelowSixMonths(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.add("OLD", "resolved", "2025-02-01T00:00:00Z", "2025-02-02T00:00:00Z")
	var p collectortest.Publisher
	if _, err := collectortest.CatchUp(t, s.source(t, now, 700*24*time.Hour), nil, &p); err != nil {
		t.Fatal(err)
	}
	requests := s.Requests()
	if len(p.Events()) != 1 || len(requests) < 4 {
		t.Errorf("%d events in %d requests", len(p.Events()), len(requests))
	}
	for _, r := range requests {
		m := regexp.MustCompile(`since=([^&]+)&.*until=([^&]+)`).FindStringSubmatch(strings.ReplaceAll(r, "%3A", ":"))
		since, _ := time.Parse(time.RFC3339, m[1])
		until, _ := time.Parse(time.RFC3339, m[2])
		if until.Sub(since) > 180*24*time.Hour {
			t.Errorf("window of %s", until.Sub(since))
		}
	}
}

func TestOlderIncidentThatIsResolvedNow(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.add("A", "triggered", "2026-05-09T12:00:00Z", "2026-05-09T12:00:00Z")
	s.add("GONE", "triggered", "2026-05-09T13:00:00Z", "2026-05-09T12:00:00Z")
	var p collectortest.Publisher
	cur, err := s.source(t, now, 24*time.Hour).Poll(t.Context(), nil, p.Publish)
	if err != nil {
		t.Fatal(err)
	}
	s.Change(func() {
		s.incidents = s.incidents[:1]
		s.incidents[0]["status"], s.incidents[0]["last_status_change_at"] = "resolved", "2026-05-12T00:00:00Z"
	})
	later := s.source(t, now.Add(5*24*time.Hour), 24*time.Hour)
	if cur, err = later.Poll(t.Context(), cur, p.Publish); err != nil {
		t.Fatal(err)
	}
	events := p.Events()
	facts, err := later.Normalize(events[len(events)-1])
	if err != nil || !slices.ContainsFunc(facts, func(f schema.Fact) bool { return f.(*schema.IncidentUpdate).Kind == schema.IncidentResolved }) {
		t.Errorf("facts are %v (%v)", facts, err)
	}
	if strings.Contains(string(cur), "GONE") || strings.Contains(string(cur), `"A"`) {
		t.Errorf("cursor is %s", cur)
	}
}

func TestMoreIncidentsThanAWindowServes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const many = 1250
	for i := range many {
		s.add(fmt.Sprintf("P%d", i), "resolved", now.Add(-time.Duration(i+1)*time.Second).Format(time.RFC3339), now.Format(time.RFC3339))
	}
	var p collectortest.Publisher
	src := s.source(t, now, 24*time.Hour)
	src.maxOffset = 400
	if _, err := src.Poll(t.Context(), nil, p.Publish); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, ev := range p.Events() {
		seen[ev.Key] = true
	}
	if len(seen) != many {
		t.Errorf("%d incidents", len(seen))
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.add("OLD", "resolved", "2025-02-01T00:00:00Z", "2025-02-02T00:00:00Z")
	s.add("OPEN", "triggered", "2026-05-09T12:00:00Z", "2026-05-09T12:00:00Z")
	poller := func() collectors.Poller { return s.source(t, now, 700*24*time.Hour) }
	collectortest.CheckFailures(t, s.API, "hunter2", poller)
	collectortest.CheckResumes(t, s.API, 2, poller)
	collectortest.CheckBackfill(t, s.API, poller, now.AddDate(-3, 0, 0), now.AddDate(0, 0, -1))
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"nothing":  {func(c *Config) { c.WebhookSecrets = nil }, "webhook_secrets and token are both missing: set one"},
		"empty":    {func(c *Config) { c.WebhookSecrets = []secret.String{""} }, "webhook_secrets[0] is empty"},
		"url":      {func(c *Config) { c.URL = "api" }, "url is no address"},
		"interval": {func(c *Config) { c.Interval = 0 }, "interval is 0s: give at least 10s"},
		"history":  {func(c *Config) { c.History = -1 }, "history is -1ns"},
	} {
		cfg := Config{WebhookSecrets: []secret.String{"x"}, URL: defaultURL, Interval: time.Minute}
		c.change(&cfg)
		if _, err := New(cfg, collectors.Deps{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if newSource(t).Interval() != 0 {
		t.Error("it asks without a token")
	}
}

func FuzzNormalize(f *testing.F) {
	s := newSource(f)
	for _, ev := range collectortest.Events(f, Name, "testdata") {
		f.Add(ev.Type == typeSnapshot, ev.Data)
	}
	f.Fuzz(func(t *testing.T, snapshot bool, data []byte) {
		ev := schema.Event{ID: "1", Source: Name, Type: typeSnapshot, Time: collectortest.Time, Data: data}
		if !snapshot {
			events, err := s.Events(http.Header{}, data, collectortest.Time)
			if err != nil || len(events) != 1 || events[0].Validate() != nil {
				t.Fatalf("%v (%v)", events, err)
			}
			ev = events[0]
		}
		facts, err := s.Normalize(ev)
		if err != nil {
			return
		}
		for _, fact := range facts {
			if err := schema.Seal(fact, 0); err != nil {
				t.Fatal(err)
			}
		}
	})
}

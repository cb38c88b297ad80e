package opsgenie

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
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

func incidents(c *Config) { c.Kind, c.Token = Incidents, "hunter2" }

func TestTestdata(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	collectortest.CheckTestdata(t, s, s.scheme.Sign, "testdata")
}

func TestTestdataOfIncidents(t *testing.T) {
	t.Parallel()
	s := newSource(t, incidents)
	collectortest.CheckTestdata(t, s, s.scheme.Sign, "testdata/incidents")
}

func FuzzNormalize(f *testing.F) { collectortest.Fuzz(f, newSource(f), "testdata") }
func FuzzNormalizeIncidents(f *testing.F) {
	collectortest.Fuzz(f, newSource(f, incidents), "testdata/incidents")
}

// updates says of events of testdata the updates, by id.
func updates(t *testing.T, s *Source, dir string, names ...string) map[string]*schema.IncidentUpdate {
	t.Helper()
	out := map[string]*schema.IncidentUpdate{}
	for _, n := range names {
		fs, err := s.Normalize(collectortest.Events(t, Name, dir)[n])
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		for _, f := range fs {
			out[strings.TrimPrefix(f.FactID(), "opsgenie:")] = f.(*schema.IncidentUpdate)
		}
	}
	return out
}

func TestMillisecondsNanosecondsAndRFC3339(t *testing.T) {
	t.Parallel()
	got := updates(t, newSource(t), "testdata", "create", "close")
	for id, want := range map[string]time.Time{
		"052652ac/triggered@2026-05-01T10:06:40Z": time.Date(2026, 5, 1, 10, 6, 40, 104e6, time.UTC),
		"052652ac/resolved@2026-05-01T10:40:00Z":  time.Date(2026, 5, 1, 10, 40, 0, 764002246, time.UTC),
	} {
		if u := got[id]; u == nil || !u.At.Equal(want) {
			t.Errorf("%s is %+v", id, u)
		}
	}
}

func TestWebhookAndListingAreOneUpdate(t *testing.T) {
	t.Parallel()
	if got := updates(t, newSource(t), "testdata", "create", "acknowledge", "close", "rest_closed"); len(got) != 3 {
		t.Errorf("updates %v", got)
	}
}

func TestCloseTimeCountsFromTheCreation(t *testing.T) {
	t.Parallel()
	got := updates(t, newSource(t), "testdata", "rest_closed_without_report")
	if got["052652ac/resolved@2026-05-02T00:00:00Z"] == nil {
		t.Errorf("without a report it is the last change: %v", got)
	}
	got = updates(t, newSource(t, incidents), "testdata/incidents", "rest_resolved")
	if u := got["i1/resolved@2026-05-01T12:00:00Z"]; u == nil || !slices.Equal(u.ServiceRefs, []string{"opsgenie:s1", "opsgenie:s2"}) {
		t.Errorf("incident: %v", got)
	}
}

func TestOnlyConfiguredPrioritiesCount(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"create_p4", "create_without_priority"} {
		_, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[name])
		if err == nil || err.Error() != "ignored: priority is not configured as an incident" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAlertsOfIncidentsAreNotCountedTwice(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"create", "rest_closed"} {
		_, err := newSource(t, incidents).Normalize(collectortest.Events(t, Name, "testdata")[name])
		if err == nil || err.Error() != "ignored: alerts are not configured as incidents" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// server is Opsgenie's API, whose entries were all created one second apart.
type server struct {
	*collectortest.API
	n int
}

var now = time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)

func newServer(t *testing.T, n int) *server {
	t.Helper()
	s := &server{n: n}
	s.API = collectortest.NewAPI(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.Header.Get("Authorization") != "GenieKey hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var since, from int64
		if _, err := fmt.Sscanf(q.Get("query"), "updatedAt >= %d AND createdAt >= %d AND priority: (P1 OR P2)", &since, &from); err != nil {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		offset, _ := strconv.Atoi(q.Get("offset"))
		data := []any{}
		for i := range s.n {
			at := now.Add(time.Duration(i-s.n) * time.Second)
			if at.UnixMilli() < from || at.UnixMilli() < since {
				continue
			}
			if offset--; offset < 0 && len(data) < pageSize {
				data = append(data, map[string]any{"id": fmt.Sprintf("a%d", i), "status": "open", "priority": "P1", "createdAt": at, "updatedAt": at, "surprise": 1})
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data, "took": 0.1})
	})
	return s
}

func (s *server) source(t *testing.T, kind string) *Source {
	t.Helper()
	src := newSource(t, func(c *Config) { c.Token, c.URL, c.Kind = "hunter2", s.URL, kind })
	src.client.HTTP = s.Client()
	src.now = func() time.Time { return now }
	return src
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	for kind, path := range map[string]string{Alerts: "/v2/alerts?", Incidents: "/v1/incidents?"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, pagesPerPoll*pageSize+7)
			events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t, kind) })
			if len(events) != s.n || !strings.Contains(string(events[0].Data), "surprise") {
				t.Errorf("%d events", len(events))
			}
			if first := s.Requests()[0]; !strings.HasPrefix(first, path) {
				t.Errorf("asked %s", first)
			}
		})
	}
}

func TestBackfill(t *testing.T) {
	t.Parallel()
	s := newServer(t, 5)
	collectortest.CheckBackfill(t, s.API, func() collectors.Poller { return s.source(t, Alerts) }, now.AddDate(0, -9, 0), now.Add(-2*time.Second))
	if _, err := newSource(t).Backfill(now); err == nil {
		t.Error("a backfill without anything to ask")
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t, 2*pageSize+1)
	collectortest.CheckFailures(t, s.API, "hunter2", func() collectors.Poller { return s.source(t, Alerts) })
	collectortest.CheckResumes(t, s.API, 2, func() collectors.Poller { return s.source(t, Alerts) })
}

func TestMoreThanAListServes(t *testing.T) {
	t.Parallel()
	s := newServer(t, 12*pageSize)
	src := s.source(t, Alerts)
	src.maxOffset = 5 * pageSize
	var p collectortest.Publisher
	if _, err := collectortest.CatchUp(t, src, nil, &p); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, ev := range p.Events() {
		keys[ev.Key] = true
	}
	if len(keys) != s.n {
		t.Errorf("%d entries", len(keys))
	}
	for _, r := range s.Requests() {
		if strings.Contains(r, "&offset=500") {
			t.Errorf("asked for %s", r)
		}
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"nothing":    {func(c *Config) { c.WebhookSecrets = nil }, "webhook_secrets and token are both missing"},
		"empty":      {func(c *Config) { c.WebhookSecrets = []secret.String{""} }, "webhook_secrets[0] is empty"},
		"kind":       {func(c *Config) { c.Kind = "x" }, `kind is "x"`},
		"incidents":  {func(c *Config) { c.Kind = Incidents }, "token is missing"},
		"url":        {func(c *Config) { c.URL = "x" }, "url is no address"},
		"priorities": {func(c *Config) { c.Priorities = nil }, "priorities is empty"},
		"priority":   {func(c *Config) { c.Priorities = []string{"high"} }, `priorities[0] is "high"`},
		"interval":   {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
		"history":    {func(c *Config) { c.History = -1 }, "history is -1ns"},
	})
	if newSource(t).Interval() != 0 {
		t.Error("it asks without a token")
	}
}

package statuspage

import (
	"encoding/json"
	"errors"
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

func TestTestdata(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	collectortest.CheckTestdata(t, s, s.scheme.Sign, "testdata")
}

func FuzzNormalize(f *testing.F) { collectortest.Fuzz(f, newSource(f), "testdata") }

// kinds says of an event of testdata "time kind" of each update.
func kinds(t *testing.T, name string) []string {
	t.Helper()
	fs, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[name])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var out []string
	for _, f := range fs {
		u := f.(*schema.IncidentUpdate)
		out = append(out, u.At.Format("15:04 ")+u.Kind)
	}
	return out
}

func TestScheduledMaintenanceIsNoIncident(t *testing.T) {
	t.Parallel()
	_, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")["rest_scheduled"])
	if err == nil || err.Error() != "ignored: Statuspage scheduled maintenance" {
		t.Error(err)
	}
}

func TestReopenedByItsUpdatesInThePagesZone(t *testing.T) {
	t.Parallel()
	if got := kinds(t, "rest_reopened"); !slices.Equal(got, []string{"10:00 triggered", "11:00 resolved", "11:30 reopened", "12:00 resolved"}) {
		t.Errorf("updates %v", got)
	}
}

func TestBackfilledBeganBeforeItWasCreated(t *testing.T) {
	t.Parallel()
	if got := kinds(t, "rest_backfilled"); !slices.Equal(got, []string{"08:00 triggered", "09:00 resolved"}) {
		t.Errorf("updates %v", got)
	}
}

func TestPostmortemChangesNothing(t *testing.T) {
	t.Parallel()
	if got := kinds(t, "rest_postmortem"); !slices.Equal(got, []string{"10:00 triggered", "11:00 resolved"}) {
		t.Errorf("updates %v", got)
	}
}

func TestJSONInEveryForm(t *testing.T) {
	t.Parallel()
	one := `{"id":"a","created_at":"2026-05-01T10:00:00Z","updated_at":"2026-05-01T10:00:00Z"}`
	var ids []string
	for _, body := range []string{one, "[" + one + "]", `{"page":{},"incidents":[` + one + `]}`, `{"meta":{},"incident":` + one + `}`} {
		events, err := newSource(t).Events(http.Header{}, []byte(body), now)
		if err != nil || len(events) != 1 || events[0].Key != "a" {
			t.Errorf("%s: %v (%v)", body, events, err)
			continue
		}
		ids = append(ids, events[0].ID)
	}
	if len(slices.Compact(ids)) != 1 {
		t.Errorf("ids %v", ids)
	}
}

// server is Statuspage, with incidents an hour apart, newest first.
type server struct {
	*collectortest.API
	resolved []bool
	calm     bool
}

var now = time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)

func newServer(t *testing.T, n int) *server {
	t.Helper()
	s := &server{resolved: slices.Repeat([]bool{true}, n)}
	s.API = collectortest.NewAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "OAuth hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if s.calm {
			w.WriteHeader(enhanceYourCalm)
			return
		}
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		list := []any{}
		for i := (page - 1) * pageSize; i < min(page*pageSize, len(s.resolved)); i++ {
			at := now.Add(-time.Duration(i+1) * time.Hour)
			one := map[string]any{"id": fmt.Sprintf("%s%d", strings.Split(r.URL.Path, "/")[3], i), "status": "investigating", "created_at": at, "updated_at": at, "surprise": 1}
			if s.resolved[i] {
				one["status"], one["resolved_at"] = "resolved", at
			}
			list = append(list, one)
		}
		_ = json.NewEncoder(w).Encode(list)
	})
	return s
}

func (s *server) source(t *testing.T) collectors.Poller {
	t.Helper()
	src := newSource(t, func(c *Config) { c.Token, c.URL, c.Pages = "hunter2", s.URL, []string{"a", "b"} })
	src.client.HTTP = s.Client()
	src.now = func() time.Time { return now }
	return src
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3*pageSize+7)
	events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t) })
	if len(events) != 2*(3*pageSize+7) || !strings.Contains(string(events[0].Data), "surprise") {
		t.Errorf("%d events", len(events))
	}
}

func TestBackfill(t *testing.T) {
	t.Parallel()
	s := newServer(t, 9)
	collectortest.CheckBackfill(t, s.API, func() collectors.Poller { return s.source(t) }, now.AddDate(0, -9, 0), now.Add(-4*time.Hour))
	if _, err := newSource(t).Backfill(now); err == nil {
		t.Error("a backfill without anything to ask")
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t, 2*pageSize+7)
	collectortest.CheckFailures(t, s.API, "hunter2", func() collectors.Poller { return s.source(t) })
	collectortest.CheckResumes(t, s.API, 4, func() collectors.Poller { return s.source(t) })
}

func TestRateLimitIs420(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	s.calm = true
	_, err := s.source(t).Poll(t.Context(), nil, (&collectortest.Publisher{}).Publish)
	if retry, ok := errors.AsType[*collectors.RetryAfterError](err); !ok || retry.After < time.Minute {
		t.Errorf("error is %v", err)
	}
}

func TestWhatWasOpenIsReadAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t, 10*pageSize)
	old := 9*pageSize + 5
	s.resolved[old] = false
	cur, err := collectortest.CatchUp(t, s.source(t), nil, &collectortest.Publisher{})
	if err != nil {
		t.Fatal(err)
	}
	s.Change(func() { s.resolved[old] = true })
	var p collectortest.Publisher
	if cur, err = collectortest.CatchUp(t, s.source(t), cur, &p); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(p.Events(), func(ev schema.Event) bool {
		return ev.Key == fmt.Sprintf("a%d", old) && strings.Contains(string(ev.Data), "resolved_at")
	}) {
		t.Error("its end was not read")
	}
	// Then a listing goes no further than thirty days.
	s.Requests()
	if _, err = collectortest.CatchUp(t, s.source(t), cur, &p); err != nil || len(s.Requests()) != 2*8 {
		t.Errorf("not 16 requests (%v)", err)
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"nothing":  {func(c *Config) { c.WebhookSecrets = nil }, "webhook_secrets and token are both missing"},
		"empty":    {func(c *Config) { c.WebhookSecrets = []secret.String{""} }, "webhook_secrets[0] is empty"},
		"pages":    {func(c *Config) { c.Token = "x" }, "token and pages belong together"},
		"page":     {func(c *Config) { c.Token, c.Pages = "x", []string{"a/b"} }, `pages[0] is "a/b"`},
		"url":      {func(c *Config) { c.URL = "x" }, "url is no address"},
		"interval": {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
		"history":  {func(c *Config) { c.History = -1 }, "history is -1ns"},
	})
	if newSource(t).Interval() != 0 {
		t.Error("it asks without a token")
	}
}

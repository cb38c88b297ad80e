package incidentio

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
	"github.com/headway-metrics/headway/collectors/listing"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config() Config {
	c := *Entry().Config().(*Config)
	c.WebhookSecrets = []secret.String{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
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

// kinds says of events of testdata "kind time" by update, the later version winning.
func kinds(t *testing.T, names ...string) []string {
	t.Helper()
	won := map[string]*schema.IncidentUpdate{}
	for _, n := range names {
		fs, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[n])
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		for _, f := range fs {
			u := f.(*schema.IncidentUpdate)
			if have := won[u.FactID()]; have == nil || have.Version <= u.Version {
				won[u.FactID()] = u
			}
		}
	}
	var out []string
	for _, u := range won {
		out = append(out, u.At.Format("15:04 ")+u.Kind)
	}
	slices.Sort(out)
	return out
}

func TestPrivateIncidentIsToldByTheAPIOnly(t *testing.T) {
	t.Parallel()
	_, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")["private"])
	if err == nil || err.Error() != "ignored: incident.io private incident, told by id only" {
		t.Error(err)
	}
	if got := kinds(t, "rest_private"); len(got) != 1 {
		t.Errorf("updates %v", got)
	}
}

func TestStatusUpdateHoldsTheIncident(t *testing.T) {
	t.Parallel()
	if got := kinds(t, "created", "status_closed"); !slices.Equal(got, []string{"09:50 triggered", "11:15 resolved"}) {
		t.Errorf("updates %v", got)
	}
	if got := kinds(t, "status_closed", "status_reopened"); !slices.Equal(got, []string{"09:50 triggered", "11:15 resolved", "12:00 reopened"}) {
		t.Errorf("updates %v", got)
	}
}

func TestEndIsATimestampOrTheChange(t *testing.T) {
	t.Parallel()
	if got := kinds(t, "rest_closed"); !slices.Contains(got, "11:15 resolved") {
		t.Errorf("with a timestamp: %v", got)
	}
	if got := kinds(t, "rest_closed_without_timestamp"); !slices.Contains(got, "11:20 resolved") {
		t.Errorf("without: %v", got)
	}
}

func TestWithdrawnAndNoneYet(t *testing.T) {
	t.Parallel()
	if got := kinds(t, "status_merged"); !slices.Contains(got, "11:20 deleted") {
		t.Errorf("merged: %v", got)
	}
	for _, name := range []string{"rest_triage", "rest_test"} {
		if _, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[name]); err == nil || !strings.HasPrefix(err.Error(), "ignored") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCorrectedTimestampCorrectsTheIncident(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{{"rest_closed", "rest_corrected"}, {"rest_corrected", "rest_closed"}} {
		if got := kinds(t, order...); !slices.Equal(got, []string{"09:50 triggered", "10:45 resolved"}) {
			t.Errorf("%v: %v", order, got)
		}
	}
}

// server is incident.io's API.
type server struct {
	*collectortest.API
	n int
}

var now = time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)

func newServer(t *testing.T, n int) *server {
	t.Helper()
	s := &server{n: n}
	s.API = collectortest.NewAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		from := 0
		if after := r.URL.Query().Get("after"); after == "expired" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		} else if after != "" {
			_, _ = fmt.Sscanf(after, "i%d", &from)
			from++
		}
		var list []any
		for i := from; i < min(from+pageSize, s.n); i++ {
			list = append(list, map[string]any{"id": fmt.Sprintf("i%d", i), "created_at": now, "updated_at": now, "incident_status": map[string]string{"category": "live"}, "surprise": 1})
		}
		meta := map[string]any{"page_size": pageSize, "total_record_count": s.n}
		if len(list) > 0 {
			meta["after"] = fmt.Sprintf("i%d", from+len(list)-1)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"incidents": list, "pagination_meta": meta})
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
	s := newServer(t, listing.PagesPerPoll*pageSize+7)
	events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t) })
	if len(events) != s.n || !strings.Contains(string(events[0].Data), "surprise") {
		t.Errorf("%d events", len(events))
	}
}

func TestBackfill(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	collectortest.CheckBackfill(t, s.API, func() collectors.Poller { return s.source(t) }, now.AddDate(0, -9, 0), now.AddDate(0, 0, -3))
	if _, err := newSource(t).Backfill(now); err == nil {
		t.Error("a backfill without anything to ask")
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t, 2*pageSize+1)
	collectortest.CheckFailures(t, s.API, "hunter2", func() collectors.Poller { return s.source(t) })
	collectortest.CheckResumes(t, s.API, 2, func() collectors.Poller { return s.source(t) })
}

func TestNextListingBeginsWhereThisOneBegan(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	cur, err := s.source(t).Poll(t.Context(), nil, (&collectortest.Publisher{}).Publish)
	if err != nil || string(cur) != `{"since":"2026-05-10T12:00:00Z"}` {
		t.Errorf("cursor %s (%v)", cur, err)
	}
	if first := s.Requests()[0]; !strings.Contains(first, "gte%5D=2025-11-11") {
		t.Errorf("asked %s", first)
	}
}

func TestPlaceThatIsNoLongerKnown(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	cur, err := s.source(t).Poll(t.Context(), collectors.Cursor(`{"since":"2026-05-01T00:00:00Z","started":"2026-05-09T00:00:00Z","after":"expired"}`), (&collectortest.Publisher{}).Publish)
	if err == nil || string(cur) != `{"since":"2026-05-01T00:00:00Z"}` {
		t.Errorf("cursor %s (%v)", cur, err)
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"nothing":  {func(c *Config) { c.WebhookSecrets = nil }, "webhook_secrets and token are both missing"},
		"secret":   {func(c *Config) { c.WebhookSecrets = []secret.String{"whsec_?"} }, "webhook_secrets[0] is no signing secret"},
		"url":      {func(c *Config) { c.URL = "x" }, "url is no address"},
		"interval": {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
		"history":  {func(c *Config) { c.History = -1 }, "history is -1ns"},
	})
	if newSource(t).Interval() != 0 {
		t.Error("it asks without a token")
	}
}

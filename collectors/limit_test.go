package collectors_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// limited is a server with a limit for the fake source, and its clock.
func limited(t *testing.T, l collectors.Limit, p collectors.Publisher, now *time.Time) *collectors.Server {
	t.Helper()
	srv, err := collectors.NewServer(collectors.ServerOptions{
		Sources: []collectors.Source{newFake(), other{newFake()}}, Publisher: p, Logger: slog.New(slog.DiscardHandler),
		Registerer: prometheus.NewRegistry(), Now: func() time.Time { return *now },
		Limits: map[string]collectors.Limit{"fake": l},
	})
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// other is a second source beside the limited one.
type other struct{ fake }

func (other) Name() string { return "other" }

func TestARateIsPerSource(t *testing.T) {
	t.Parallel()
	now := collectortest.Time
	var p collectortest.Publisher
	srv := limited(t, collectors.Limit{PerSecond: 0.5, Burst: 2}, &p, &now)
	post := func(path, id string) *httptest.ResponseRecorder {
		return collectortest.Post(srv, signed(path, id))
	}
	forged := signed("/hooks/fake", "0")
	forged.Body = body("x")
	for range 5 {
		if rec := collectortest.Post(srv, forged); rec.Code != http.StatusUnauthorized {
			t.Fatalf("a forged delivery is answered %d", rec.Code)
		}
	}
	for _, id := range []string{"1", "2"} {
		if rec := post("/hooks/fake", id); rec.Code != http.StatusAccepted {
			t.Fatalf("delivery %s of the burst is answered %d: forged ones used it up", id, rec.Code)
		}
	}
	for range 3 {
		rec := post("/hooks/fake", "3")
		if rec.Code != http.StatusTooManyRequests || rec.Header().Get("Retry-After") != "2" || errorCode(t, rec) != "rate" {
			t.Fatalf("beyond the burst: %d, Retry-After %q: %s", rec.Code, rec.Header().Get("Retry-After"), rec.Body)
		}
	}
	if rec := post("/hooks/other", "4"); rec.Code != http.StatusAccepted {
		t.Errorf("another source is answered %d", rec.Code)
	}
	now = now.Add(2 * time.Second)
	if rec := post("/hooks/fake", "3"); rec.Code != http.StatusAccepted {
		t.Errorf("after the time it was told to wait: %d", rec.Code)
	}
	if n := len(p.Events()); n != 4 {
		t.Errorf("%d events published, want the 4 accepted", n)
	}
}

func TestABodyLimitIsPerSource(t *testing.T) {
	t.Parallel()
	now := collectortest.Time
	srv := limited(t, collectors.Limit{MaxBodyMB: 1}, &collectortest.Publisher{}, &now)
	for path, want := range map[string]int{"/hooks/fake": http.StatusRequestEntityTooLarge, "/hooks/other": http.StatusAccepted} {
		rec := collectortest.Post(srv, signedBody(path, make([]byte, 1<<20+1)))
		if rec.Code != want {
			t.Errorf("%s answers %d to a body over 1 MB, want %d", path, rec.Code, want)
		}
		if want == http.StatusRequestEntityTooLarge && !strings.Contains(rec.Body.String(), "1 MB") {
			t.Errorf("the answer does not name the limit: %s", rec.Body)
		}
	}
	if rec := collectortest.Post(srv, signedBody("/hooks/fake", make([]byte, 1<<20))); rec.Code != http.StatusAccepted {
		t.Errorf("a body of exactly the limit is answered %d", rec.Code)
	}
}

func TestLimitsAreChecked(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]collectors.Limit{
		"per_second":  {PerSecond: -1},
		"burst":       {Burst: 5},
		"max_body_mb": {MaxBodyMB: 26},
		"":            {PerSecond: 10, Burst: 5, MaxBodyMB: 25},
	} {
		err := l.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want an error about %q", l, err, want)
		}
	}
}

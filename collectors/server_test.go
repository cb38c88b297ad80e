package collectors_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/schema"
)

func body(id string) []byte { return []byte(`{"id":"` + id + `","at":"2026-05-01T10:00:00Z"}`) }

func signed(path, id string) collectortest.Delivery {
	return signedBody(path, body(id))
}

func signedBody(path string, b []byte) collectortest.Delivery {
	d := collectortest.Delivery{Name: path, Path: path, Header: http.Header{}, Body: b}
	newFake().Sign(d.Header, d.Body, collectortest.Time)
	return d
}

func TestContract(t *testing.T) {
	t.Parallel()
	collectortest.Check(t, collectortest.Case{
		Source: api{newFake()}, Sign: newFake().Sign, Strict: []string{"/v1/things"},
		Deliveries: []collectortest.Delivery{
			{Name: "hook", Body: body("1")},
			{Name: "hook 2", Body: body("2")},
			{Name: "api", Path: "/v1/things", Body: body("3")},
		},
	})
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	forged := signed("/hooks/fake", "1")
	forged.Body = body("2")
	tests := []struct {
		name     string
		delivery collectortest.Delivery
		fail     func() error
		status   int
		code     string
		types    []string
	}{
		{name: "good", delivery: signed("/hooks/fake", "1"), status: 202, types: []string{"fake.thing"}},
		{name: "good at its own path", delivery: signed("/v1/things", "1"), status: 202, types: []string{"fake.thing"}},
		{name: "forged", delivery: forged, status: 401, code: "signature"},
		{name: "unknown source", delivery: signed("/hooks/nobody", "1"), status: 404, code: "not_found"},
		{name: "unreadable is kept", delivery: signedBody("/hooks/fake", []byte("{")), status: 202, types: []string{"fake.unreadable"}},
		{name: "a panicking source keeps it too", delivery: signed("/hooks/fake", "panic"), status: 202, types: []string{"fake.unreadable"}},
		{name: "an event of another source", delivery: signed("/hooks/fake", "foreign"), status: 202, types: []string{"fake.unreadable"}},
		{name: "our own format names the mistake", delivery: signedBody("/v1/things", []byte("{}")), status: 400, code: "invalid"},
		{name: "no Kafka", delivery: signed("/hooks/fake", "1"), fail: collectortest.Always, status: 503, code: "unavailable"},
		{name: "too large", delivery: signedBody("/hooks/fake", make([]byte, collectors.MaxBody+1)), status: 413, code: "too_large"},
		{name: "as large as allowed", delivery: signedBody("/hooks/fake", make([]byte, collectors.MaxBody)), status: 202, types: []string{"fake.unreadable"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := collectortest.Publisher{Fail: tt.fail}
			rec := collectortest.Post(collectortest.NewServer(t, api{newFake()}, &p), tt.delivery)
			if rec.Code != tt.status {
				t.Fatalf("answered %d: %s", rec.Code, rec.Body)
			}
			if got := errorCode(t, rec); got != tt.code {
				t.Errorf("error code %q, want %q", got, tt.code)
			}
			var types []string
			for _, ev := range p.Events() {
				types = append(types, ev.Type)
			}
			if !slices.Equal(types, tt.types) {
				t.Errorf("published %v, want %v", types, tt.types)
			}
			if (rec.Header().Get("Retry-After") != "") != (tt.status == 503) {
				t.Errorf("Retry-After %q with %d", rec.Header().Get("Retry-After"), rec.Code)
			}
		})
	}
}

func errorCode(t *testing.T, rec *httptest.ResponseRecorder) string {
	t.Helper()
	var answer struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
		t.Fatalf("answer is not JSON: %v: %s", err, rec.Body)
	}
	if answer.Error.Code != "" && answer.Error.Message == "" {
		t.Errorf("error %s without a message", answer.Error.Code)
	}
	return answer.Error.Code
}

func TestOtherMethods(t *testing.T) {
	t.Parallel()
	srv := collectortest.NewServer(t, newFake(), &collectortest.Publisher{})
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		rec := httptest.NewRecorder()
		srv.ServeHTTP(rec, httptest.NewRequest(method, "/hooks/fake", http.NoBody))
		if rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != http.MethodPost {
			t.Errorf("%s: answered %d, Allow %q", method, rec.Code, rec.Header().Get("Allow"))
		}
	}
}

// chunked hides the length of a body.
type chunked struct{ io.Reader }

func TestTooLargeWithoutLength(t *testing.T) {
	t.Parallel()
	d := signedBody("/hooks/fake", make([]byte, collectors.MaxBody+1))
	req := httptest.NewRequest(http.MethodPost, d.Path, chunked{bytes.NewReader(d.Body)})
	req.ContentLength = -1
	req.Header = d.Header
	rec := httptest.NewRecorder()
	collectortest.NewServer(t, newFake(), &collectortest.Publisher{}).ServeHTTP(rec, req)
	if rec.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d: %s", rec.Code, rec.Body)
	}
}

func TestBodyThatEndsEarly(t *testing.T) {
	t.Parallel()
	req := httptest.NewRequest(http.MethodPost, "/hooks/fake", chunked{io.MultiReader(strings.NewReader("{"), failing{})})
	rec := httptest.NewRecorder()
	collectortest.NewServer(t, newFake(), &collectortest.Publisher{}).ServeHTTP(rec, req)
	if rec.Code != http.StatusBadRequest || errorCode(t, rec) != "body" {
		t.Errorf("answered %d: %s", rec.Code, rec.Body)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// panicky panics where the server cannot make an event of it.
type panicky struct{ fake }

func (panicky) Verify(http.Header, []byte, time.Time) error { panic("bug") }

func TestLogsMetricsAndSecrets(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	reg := prometheus.NewRegistry()
	deny := false
	srv, err := collectors.NewServer(collectors.ServerOptions{
		Sources:    []collectors.Source{newFake(), named{panicky{newFake()}}},
		Logger:     slog.New(slog.NewTextHandler(&log, nil)),
		Registerer: reg,
		Publisher: &collectortest.Publisher{Fail: func() error {
			if deny {
				return errors.New("no leader")
			}
			return nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	bad := signed("/hooks/fake", "1")
	bad.Header.Set("X-Sig", "00")
	bad.Header.Set("Authorization", "Bearer "+hushHush)
	for _, d := range []collectortest.Delivery{signed("/hooks/fake", "1"), bad, signed("/hooks/panicky", "1")} {
		collectortest.Post(srv, d)
	}
	deny = true
	collectortest.Post(srv, signed("/hooks/fake", "2"))
	if strings.Contains(log.String(), hushHush) {
		t.Errorf("the log shows the secret:\n%s", log.String())
	}
	for _, want := range []string{"reason=signature", "no leader", "panic in a source"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log.String())
		}
	}
	got := map[string]float64{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			key := f.GetName()
			for _, l := range m.GetLabel() {
				key = strings.Join([]string{key, l.GetValue()}, " ")
			}
			got[key] = m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for key, want := range map[string]float64{
		"headway_webhook_events_total fake":               1,
		"headway_webhook_rejected_total signature fake":   1,
		"headway_webhook_rejected_total unavailable fake": 1,
		"headway_webhook_rejected_total panic panicky":    1,
		"headway_webhook_seconds fake":                    3,
	} {
		a, b, _ := strings.Cut(strings.TrimPrefix(key, "headway_webhook_rejected_total "), " ")
		swapped := "headway_webhook_rejected_total " + b + " " + a
		if got[key] != want && got[swapped] != want {
			t.Errorf("%s = %v, want %v (all: %v)", key, got[key], want, got)
		}
	}
}

// named gives panicky a name of its own.
type named struct{ panicky }

func (named) Name() string { return "panicky" }

func TestTwoSourcesWithOnePath(t *testing.T) {
	t.Parallel()
	_, err := collectors.NewServer(collectors.ServerOptions{
		Sources: []collectors.Source{newFake(), newFake()}, Registerer: prometheus.NewRegistry(),
	})
	if err == nil || !strings.Contains(err.Error(), "/hooks/fake") {
		t.Errorf("error %v does not name the path", err)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	srv := collectortest.NewServer(t, api{newFake()}, &collectortest.Publisher{})
	if got, want := srv.Paths(), []string{"/hooks/", "/v1/things"}; !slices.Equal(got, want) {
		t.Errorf("paths %v, want %v", got, want)
	}
}

// slow blocks a publish until released, and says when it has begun.
type slow struct {
	begun   chan struct{}
	release chan struct{}
}

func (s slow) Publish(ctx context.Context, _ ...schema.Event) error {
	close(s.begun)
	select {
	case <-s.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestShutdownLetsARunningDeliveryFinish(t *testing.T) {
	t.Parallel()
	p := slow{make(chan struct{}), make(chan struct{})}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- collectors.Serve(ctx, ln, collectortest.NewServer(t, newFake(), p), time.Minute) }()

	d := signed("/hooks/fake", "1")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+ln.Addr().String()+d.Path, bytes.NewReader(d.Body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = d.Header
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	status := make(chan int, 1)
	go func() {
		res, err := client.Do(req)
		if err != nil {
			status <- 0
			return
		}
		status <- res.StatusCode
		_ = res.Body.Close()
	}()
	<-p.begun
	stop()
	close(p.release)
	if got := <-status; got != http.StatusAccepted {
		t.Errorf("answered %d", got)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

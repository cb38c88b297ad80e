package collectors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/headway-metrics/headway/schema"
)

// Limits of the server.
const (
	// MaxBody is the largest body taken, in bytes; GitHub sends up to 25 MB.
	MaxBody = 25 << 20
	// maxInFlight is how many bytes of bodies are held at once, so that a crowd
	// of large requests cannot exhaust the memory before any is verified.
	maxInFlight = 16 * MaxBody
	// publishTimeout leaves room below the ten seconds in which GitHub wants an
	// answer.
	publishTimeout = 8 * time.Second
	hooksPath      = "/hooks/"
)

// ServerOptions say what a Server serves. All fields but Limits and Now are
// required.
type ServerOptions struct {
	// Sources that are a Webhook answer at /hooks/<name>; those that are an
	// Intake answer at their own paths.
	Sources    []Source
	Publisher  Publisher
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Limits of the sources that have one of their own, by name.
	Limits map[string]Limit
	// Now is time.Now when nil.
	Now func() time.Time
}

// Server takes deliveries: it verifies, makes events, and answers 2xx only once
// Kafka has them (invariant 1). It is an http.Handler; Paths says where to mount it.
type Server struct {
	routes    map[string]route
	publisher Publisher
	logger    *slog.Logger
	metrics   *serverMetrics
	inFlight  *semaphore.Weighted
	now       func() time.Time
}

type route struct {
	source   string
	receiver Receiver
	gate     gate
}

// NewServer makes a server. It fails when two sources want the same path.
func NewServer(o ServerOptions) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		routes: map[string]route{}, publisher: o.Publisher, logger: o.Logger,
		inFlight: semaphore.NewWeighted(maxInFlight), now: o.Now,
	}
	for _, src := range o.Sources {
		var endpoints []Endpoint
		g := newGate(o.Limits[src.Name()])
		if w, ok := src.(Webhook); ok {
			endpoints = append(endpoints, Endpoint{hooksPath + src.Name(), w})
		}
		if in, ok := src.(Intake); ok {
			endpoints = append(endpoints, in.Endpoints()...)
		}
		for _, e := range endpoints {
			if other, taken := s.routes[e.Path]; taken {
				return nil, fmt.Errorf("source %s: path %s already belongs to source %s", src.Name(), e.Path, other.source)
			}
			s.routes[e.Path] = route{src.Name(), e.Receiver, g}
		}
	}
	var err error
	if s.metrics, err = newServerMetrics(o.Registerer); err != nil {
		return nil, err
	}
	return s, nil
}

// Paths are the paths to mount the server at: "/hooks/" and the sources' own.
func (s *Server) Paths() []string {
	out := []string{hooksPath}
	for _, p := range slices.Sorted(maps.Keys(s.routes)) {
		if !strings.HasPrefix(p, hooksPath) {
			out = append(out, p)
		}
	}
	return out
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to, ok := s.routes[r.URL.Path]
	if !ok {
		writeError(w, http.StatusNotFound, "not_found", "no configured source listens here")
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeError(w, http.StatusMethodNotAllowed, "method_not_allowed", "send deliveries with POST")
		return
	}
	start := s.now()
	n, rej := s.safeReceive(w, r, to)
	s.metrics.seconds.WithLabelValues(to.source).Observe(s.now().Sub(start).Seconds())
	if rej == nil {
		s.metrics.received.WithLabelValues(to.source).Add(float64(n))
		writeJSON(w, success(to.receiver), map[string]int{"accepted": n})
		return
	}
	s.metrics.rejected.WithLabelValues(to.source, rej.code).Inc()
	s.logger.Log(r.Context(), rej.level(), "delivery rejected", "source", to.source, "reason", rej.code, "error", rej.err)
	if rej.retryAfter != "" {
		w.Header().Set("Retry-After", rej.retryAfter)
	}
	if rej.status == http.StatusUnauthorized {
		// RFC 9110 §15.5.2 wants a challenge with every 401.
		w.Header().Set("WWW-Authenticate", `Bearer realm="headway"`)
	}
	writeError(w, rej.status, rej.code, rej.message)
}

func success(r Receiver) int {
	if a, ok := r.(Answerer); ok {
		return a.Answer()
	}
	return http.StatusAccepted
}

// safeReceive is receive without its panics.
func (s *Server) safeReceive(w http.ResponseWriter, r *http.Request, to route) (n int, rej *rejection) {
	ctx := r.Context()
	defer func() {
		if p := recover(); p != nil {
			s.logger.ErrorContext(ctx, "panic in a source", "source", to.source, "stack", string(debug.Stack()))
			n, rej = 0, reject(http.StatusInternalServerError, "panic", "this is a bug in Headway; its log has the stack", fmt.Errorf("%v", p))
		}
	}()
	return s.receive(w, r, to)
}

// receive takes one delivery and returns how many events Kafka has of it.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, to route) (int, *rejection) {
	size := r.ContentLength
	if size > to.gate.maxBody {
		return 0, tooLarge(to.gate.maxBody, nil)
	}
	if size < 0 {
		size = to.gate.maxBody
	}
	if !s.inFlight.TryAcquire(size) {
		return 0, unavailable("busy", "1", "too many deliveries at once; send it again", nil)
	}
	defer s.inFlight.Release(size)

	body, err := readAll(http.MaxBytesReader(w, r.Body, to.gate.maxBody), r.ContentLength)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return 0, tooLarge(to.gate.maxBody, err)
		}
		return 0, reject(http.StatusBadRequest, "body", "the body ended early", err)
	}
	received := s.now().UTC()
	if err := to.receiver.Verify(r.Header, body, received); err != nil {
		return 0, reject(http.StatusUnauthorized, "signature", err.Error(), err)
	}
	if rej := to.gate.admit(received); rej != nil {
		return 0, rej
	}
	events, err := s.events(r.Context(), to, r.Header, body, received)
	if err != nil {
		return 0, reject(http.StatusBadRequest, "invalid", err.Error(), err)
	}
	// A sender that hangs up must not cut a publish in half.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), publishTimeout)
	defer cancel()
	if err := s.publisher.Publish(ctx, events...); err != nil {
		return 0, unavailable("unavailable", "5", "events cannot be stored now; send it again", err)
	}
	return len(events), nil
}

// announced is the most that is set aside for a body on the word of its sender.
const announced = 1 << 20

// readAll is io.ReadAll of a body whose length is announced, or -1: it need not grow
// step by step, which costs several times its memory.
func readAll(body io.Reader, length int64) ([]byte, error) {
	var b bytes.Buffer
	// More than the body, for ReadFrom wants room to see the end in.
	b.Grow(int(min(max(length, 0), announced)) + bytes.MinRead)
	_, err := b.ReadFrom(body)
	return b.Bytes(), err //nolint:wrapcheck // The caller tells errors apart.
}

// events asks the source for its events. Whatever goes wrong there, the
// delivery is kept as an unreadable event; only an InvalidError is returned.
func (s *Server) events(ctx context.Context, to route, header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	events, err := safeEvents(to.receiver, header, body, received)
	if _, ok := errors.AsType[*InvalidError](err); ok {
		return nil, err
	}
	for _, ev := range events {
		if err == nil {
			err = ev.Validate()
		}
		if err == nil && ev.Source != to.source {
			err = fmt.Errorf("event %s belongs to source %q", ev.ID, ev.Source)
		}
	}
	if err != nil {
		s.logger.WarnContext(ctx, "delivery unreadable", "source", to.source, "error", err)
		return []schema.Event{Unreadable(to.source, header, body, received)}, nil
	}
	return events, nil
}

func safeEvents(rec Receiver, header http.Header, body []byte, received time.Time) (events []schema.Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			events, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	return rec.Events(header, body, received)
}

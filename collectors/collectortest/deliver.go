package collectortest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// Publisher keeps what is published, and fails on demand. It is safe for
// concurrent use.
type Publisher struct {
	// Fail, when set, is asked before each publish; its error is returned and
	// nothing is kept.
	Fail func() error

	mu     sync.Mutex
	events []schema.Event
}

// Publish implements collectors.Publisher and collectors.Emit.
func (p *Publisher) Publish(_ context.Context, events ...schema.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Fail != nil {
		if err := p.Fail(); err != nil {
			return err
		}
	}
	p.events = append(p.events, events...)
	return nil
}

// Events are those published so far, in order.
func (p *Publisher) Events() []schema.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events)
}

// Randomly fails with probability share, in the same order in every run.
func Randomly(share float64) func() error {
	rng := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // Repeatable on purpose.
	return func() error {
		if rng.Float64() < share {
			return errors.New("the broker is away for a moment")
		}
		return nil
	}
}

// Always fails.
func Always() error { return errors.New("the broker refuses") }

// NewServer is the real webhook server with only this source, whose clock
// stands at Time.
func NewServer(tb testing.TB, s collectors.Source, p collectors.Publisher) *collectors.Server {
	tb.Helper()
	srv, err := collectors.NewServer(collectors.ServerOptions{
		Sources: []collectors.Source{s}, Publisher: p, Logger: slog.New(slog.DiscardHandler),
		Registerer: prometheus.NewRegistry(), Now: func() time.Time { return Time },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return srv
}

// Post sends one delivery and returns the answer.
func Post(h http.Handler, d Delivery) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(context.Background(), http.MethodPost, d.Path, bytes.NewReader(d.Body))
	req.Header = d.Header.Clone()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

// checkDeliveries tries the webhook side and returns the events.
func checkDeliveries(t *testing.T, c Case) []schema.Event {
	t.Helper()
	signed := make([]Delivery, len(c.Deliveries))
	for i, d := range c.Deliveries {
		signed[i] = c.signed(d)
	}
	var ok Publisher
	t.Run("accepted", func(t *testing.T) {
		srv := NewServer(t, c.Source, &ok)
		for _, d := range signed {
			before := len(ok.Events())
			if rec := Post(srv, d); rec.Code/100 != 2 {
				t.Errorf("%s: answered %d: %s", d.Name, rec.Code, rec.Body)
			}
			if len(ok.Events()) == before {
				t.Errorf("%s: accepted without an event", d.Name)
			}
		}
	})
	t.Run("deterministic ids", func(t *testing.T) {
		var again Publisher
		srv := NewServer(t, c.Source, &again)
		for _, d := range signed {
			Post(srv, d)
		}
		if d := cmp.Diff(ok.Events(), again.Events()); d != "" {
			t.Errorf("the same deliveries make other events the second time:\n%s", d)
		}
	})
	t.Run("not signed", func(t *testing.T) {
		var p Publisher
		srv := NewServer(t, c.Source, &p)
		for _, d := range c.Deliveries {
			if rec := Post(srv, c.unsigned(d)); rec.Code != http.StatusUnauthorized {
				t.Errorf("%s without signature: answered %d, want 401", d.Name, rec.Code)
			}
		}
		if n := len(p.Events()); n > 0 {
			t.Errorf("%d events without signature", n)
		}
	})
	t.Run("publisher fails now and then", func(t *testing.T) {
		p := Publisher{Fail: Randomly(0.4)}
		srv := NewServer(t, c.Source, &p)
		for _, d := range signed {
			for rec := Post(srv, d); rec.Code/100 != 2; rec = Post(srv, d) {
				if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" {
					t.Fatalf("%s: answered %d (Retry-After %q), want 503", d.Name, rec.Code, rec.Header().Get("Retry-After"))
				}
			}
		}
		if d := cmp.Diff(ids(ok.Events()), ids(p.Events())); d != "" {
			t.Errorf("ids not accounted for:\n%s", d)
		}
	})
	t.Run("publisher fails for good", func(t *testing.T) {
		srv := NewServer(t, c.Source, &Publisher{Fail: Always})
		for _, d := range signed {
			if rec := Post(srv, d); rec.Code/100 == 2 {
				t.Errorf("%s: answered %d although nothing was stored", d.Name, rec.Code)
			}
		}
	})
	t.Run("nonsense", func(t *testing.T) { checkNonsense(t, c) })
	return ok.Events()
}

// checkNonsense signs bodies that mean nothing: they must be kept and refused by
// Normalize, or on strict paths be answered with 400.
func checkNonsense(t *testing.T, c Case) {
	t.Helper()
	for _, d := range c.Deliveries {
		for _, body := range []string{"", "{", "null", "[[", "\xff\xfe", `"x"`} {
			d.Body = []byte(body)
			d := c.signed(d)
			var p Publisher
			rec := Post(NewServer(t, c.Source, &p), d)
			if slices.Contains(c.Strict, d.Path) {
				if rec.Code != http.StatusBadRequest || len(p.Events()) > 0 {
					t.Errorf("%s with body %q: answered %d with %d events, want 400", d.Name, body, rec.Code, len(p.Events()))
				}
				continue
			}
			if rec.Code/100 != 2 || len(p.Events()) == 0 {
				t.Errorf("%s with body %q: answered %d with %d events, want it kept", d.Name, body, rec.Code, len(p.Events()))
				continue
			}
			for _, ev := range p.Events() {
				if o := read(c.Source, ev); len(o.facts) > 0 || o.panicked {
					t.Errorf("%s with body %q: %d facts, %s", d.Name, body, len(o.facts), o.dead)
				}
			}
		}
	}
}

func (c Case) unsigned(d Delivery) Delivery {
	if d.Path == "" {
		d.Path = "/hooks/" + c.Source.Name()
	}
	if d.Header == nil {
		d.Header = http.Header{}
	}
	d.Header = d.Header.Clone()
	return d
}

func (c Case) signed(d Delivery) Delivery {
	d = c.unsigned(d)
	c.Sign(d.Header, d.Body, Time)
	return d
}

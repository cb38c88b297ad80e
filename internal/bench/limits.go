package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/generic/events"
	"github.com/headway-metrics/headway/collectors/github"
	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/embedded"
	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/schema"
)

// Limit is what one part does with the same events while Headway is idle.
type Limit struct {
	Name string
	// Rate in events a second, on as many cores as the part uses.
	Rate float64
	// CPU is the processor time of an event. Other work on the machine takes from
	// the rate, hardly from this.
	CPU time.Duration
}

// limitEvents is about how many events of the mix the limits work on.
const limitEvents = 10_000

// limits measures each part for a time.
func limits(ctx context.Context, p *payloads, conn *clickhouse.Conn, o Options) ([]Limit, error) {
	w, err := newWork(p)
	if err != nil {
		return nil, err
	}
	var out []Limit
	for _, l := range []struct {
		name    string
		measure func(context.Context, time.Duration) (float64, error)
	}{
		{"signatures and tokens, one thread", w.verify},
		{"encoding/json into maps, one thread", w.decode},
		{"Headway's parsers (webhook and loader), one thread", w.parse},
		{"HTTP with the generator", func(ctx context.Context, d time.Duration) (float64, error) { return accept(ctx, p, d, o.Workers) }},
		{"broker with its client, acks=all, synced", func(ctx context.Context, d time.Duration) (float64, error) { return w.broker(ctx, d, o.Logger) }},
		{"ClickHouse with its client, facts and receipts", func(ctx context.Context, d time.Duration) (float64, error) { return w.insert(ctx, d, conn) }},
	} {
		o.OnStep("Measuring alone: " + l.name)
		cpu, began := usedCPU(), time.Now()
		rate, err := l.measure(ctx, o.Limit)
		if err != nil {
			return nil, fmt.Errorf("measuring %s: %w", l.name, err)
		}
		n := rate * time.Since(began).Seconds()
		out = append(out, Limit{l.name, rate, time.Duration(float64(usedCPU()-cpu) / n)})
	}
	return out, nil
}

// work is requests of the mix, and who reads them.
type work struct {
	requests []request
	events   int
	sources  map[string]reader
}

type request struct {
	path   string
	header http.Header
	body   []byte
	events int
}

// reader is both sides of a source.
type reader interface {
	collectors.Source
	collectors.Receiver
}

func newWork(p *payloads) (*work, error) {
	hooks, err := github.New(github.Config{WebhookSecret: webhookSecret}, collectors.Deps{}, time.Now)
	if err != nil {
		return nil, err
	}
	e := events.Entry()
	open, err := e.New(e.Config(), collectors.Deps{APIToken: apiToken})
	if err != nil {
		return nil, err
	}
	intake, ok := open.(reader)
	if !ok {
		return nil, errors.New("the source of events receives nothing")
	}
	w := &work{sources: map[string]reader{"/hooks/github": hooks, "/v1/events": intake}}
	s := &sender{g: &generator{payloads: p}}
	for w.events < limitEvents {
		d := s.choose()
		r := request{path: d.path, header: d.header.Clone(), body: d.number(nil, int64(w.events)), events: d.events}
		r.header.Set("X-GitHub-Delivery", fmt.Sprintf("%08x-limit", w.events))
		w.requests = append(w.requests, r)
		w.events += d.events
	}
	return w, nil
}

// repeat does all requests over and over and returns events a second.
func (w *work) repeat(ctx context.Context, lasts time.Duration, do func(request) error) (float64, error) {
	done := 0
	for began := time.Now(); ; {
		for _, r := range w.requests {
			if err := do(r); err != nil {
				return 0, err
			}
			done += r.events
			if took := time.Since(began); took >= lasts {
				return float64(done) / took.Seconds(), ctx.Err()
			}
		}
	}
}

func (w *work) verify(ctx context.Context, lasts time.Duration) (float64, error) {
	return w.repeat(ctx, lasts, func(r request) error { return w.sources[r.path].Verify(r.header, r.body, time.Now()) })
}

func (w *work) decode(ctx context.Context, lasts time.Duration) (float64, error) {
	return w.repeat(ctx, lasts, func(r request) error {
		var v any
		if err := json.Unmarshal(r.body, &v); err != nil && r.path != "/hooks/github" {
			return err // Some webhooks are damaged, as they are in life.
		}
		return nil
	})
}

func (w *work) parse(ctx context.Context, lasts time.Duration) (float64, error) {
	return w.repeat(ctx, lasts, func(r request) error {
		_, err := w.facts(r)
		return err
	})
}

// facts reads a request as the webhook server and the loader do, and adds the
// receipts.
func (w *work) facts(r request) ([]schema.Fact, error) {
	src := w.sources[r.path]
	list, err := src.Events(r.header, r.body, time.Now())
	if err != nil {
		return nil, err
	}
	var out []schema.Fact
	for _, ev := range list {
		// What is ignored or damaged has a receipt too.
		facts, err := src.Normalize(ev)
		outcome := schema.OutcomeFacts
		if err != nil {
			outcome = schema.OutcomeIgnored
		}
		out = append(append(out, facts...), &schema.Receipt{
			Meta:    schema.Meta{Source: ev.Source, Version: schema.NewVersion(ev.Time, 0)},
			EventID: ev.ID, Type: ev.Type, Outcome: outcome, ReceivedAt: ev.Time,
		})
	}
	return out, nil
}

// accept is a server that reads a body and answers, and the generator.
func accept(ctx context.Context, p *payloads, lasts time.Duration, workers int) (float64, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		rw.WriteHeader(http.StatusAccepted)
	})}
	var wg sync.WaitGroup
	ended := make(chan error, 1)
	wg.Go(func() { ended <- srv.Serve(ln) })
	g := &generator{addr: ln.Addr().String(), payloads: p}
	began := time.Now()
	err = g.flood(ctx, lasts, workers)
	took := time.Since(began)
	closed := srv.Close()
	wg.Wait()
	if serve := <-ended; !errors.Is(serve, http.ErrServerClosed) {
		err = errors.Join(err, serve)
	}
	return float64(g.sent.Load()) / took.Seconds(), errors.Join(err, closed)
}

// broker publishes the events of each request from several callers, as the
// webhook server does, to a broker of its own.
func (w *work) broker(ctx context.Context, lasts time.Duration, log *slog.Logger) (rate float64, err error) {
	dir, err := os.MkdirTemp("", "headway-bench-broker")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := embedded.StartBroker(ctx, embedded.BrokerOptions{Dir: dir, Partitions: 1, Logger: log})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, b.Stop()) }()
	client, err := kafka.New(kafka.Config{Brokers: []string{b.Addr()}, Logger: log})
	if err != nil {
		return 0, err
	}
	defer client.Close()
	var batches [][]schema.Event
	for _, r := range w.requests {
		list, err := w.sources[r.path].Events(r.header, r.body, time.Now())
		if err != nil {
			return 0, err
		}
		batches = append(batches, list)
	}
	if err := client.EnsureTopics(ctx, kafka.Topic{Name: schema.RawTopic("github"), Partitions: 1}, kafka.Topic{Name: schema.RawTopic("events"), Partitions: 1}); err != nil {
		return 0, err
	}
	pub := client.NewPublisher()
	defer func() { err = errors.Join(err, pub.Close()) }()
	const callers = 128
	var wg sync.WaitGroup
	var next, done atomic.Int64
	errs := make([]error, callers)
	began := time.Now()
	for i := range callers {
		wg.Go(func() {
			for errs[i] == nil && time.Since(began) < lasts {
				list := batches[int(next.Add(1))%len(batches)]
				errs[i] = pub.Publish(ctx, list...)
				done.Add(int64(len(list)))
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(began).Seconds(), errors.Join(errs...)
}

// insert stores all facts and their receipts as one flush of the loader, again and
// again.
func (w *work) insert(ctx context.Context, lasts time.Duration, conn *clickhouse.Conn) (float64, error) {
	var facts []schema.Fact
	for _, r := range w.requests {
		list, err := w.facts(r)
		if err != nil {
			return 0, err
		}
		facts = append(facts, list...)
	}
	done := 0
	began := time.Now()
	for time.Since(began) < lasts {
		if err := conn.Insert(ctx, facts); err != nil {
			return 0, err
		}
		done += w.events
	}
	return float64(done) / time.Since(began).Seconds(), nil
}

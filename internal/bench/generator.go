package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
)

// generator sends the payloads of a mix over and over, each time as new events.
// It writes requests onto its own connections: what it costs is Headway's share
// of the machine lost.
type generator struct {
	addr        string
	payloads    *payloads
	next        atomic.Int64
	sent, bytes atomic.Int64
	webhooks    atomic.Int64
}

// sender is one connection and the share of the mix that goes over it.
type sender struct {
	g        *generator
	conn     net.Conn
	answers  *bufio.Reader
	turn     int
	events   float64
	webhooks float64
	head     []byte
	body     []byte
}

func (g *generator) connect(ctx context.Context, turn int) (*sender, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", g.addr)
	if err != nil {
		return nil, fmt.Errorf("connecting the generator: %w", err)
	}
	// Senders begin at different places, so that they do not send the same at once.
	return &sender{g: g, conn: conn, answers: bufio.NewReader(conn), turn: turn * 31}, nil
}

// choose keeps the share of webhooks among the events.
func (s *sender) choose() *shipment {
	p := s.g.payloads
	s.turn++
	if len(p.batches) == 0 || s.webhooks < p.share*s.events {
		s.webhooks++
		s.events++
		return p.webhooks[s.turn%len(p.webhooks)]
	}
	b := p.batches[s.turn%len(p.batches)]
	s.events += float64(b.events)
	return b
}

// retryFor is how long an unavailable Headway is waited for.
const retryFor = time.Minute

// one sends the next shipment until it is accepted.
func (s *sender) one(ctx context.Context) error {
	d := s.choose()
	n := s.g.next.Add(int64(d.events)) - int64(d.events)
	s.body = d.number(s.body, n)
	s.head = fmt.Appendf(s.head[:0], "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", d.path, s.g.addr, len(s.body))
	for k, v := range d.header {
		s.head = fmt.Appendf(s.head, "%s: %s\r\n", k, v[0])
	}
	s.head = fmt.Appendf(s.head, "X-GitHub-Delivery: %08x-bench\r\n\r\n", n)
	for deadline := time.Now().Add(retryFor); ; {
		code, err := s.post()
		switch {
		case err != nil:
			return fmt.Errorf("delivering to %s: %w", d.path, err)
		case code == http.StatusAccepted:
			s.g.sent.Add(int64(d.events))
			s.g.bytes.Add(int64(len(s.body)))
			if len(d.at) == 0 {
				s.g.webhooks.Add(1)
			}
			return nil
		case code < http.StatusInternalServerError || time.Now().After(deadline):
			return fmt.Errorf("headway answered %d to a delivery of %s", code, d.path)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *sender) post() (int, error) {
	request := net.Buffers{s.head, s.body}
	if len(s.body) == 0 {
		return 0, errors.New("a shipment is empty")
	}
	if _, err := request.WriteTo(s.conn); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(s.answers, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// flood sends as fast as it is answered.
func (g *generator) flood(ctx context.Context, lasts time.Duration, workers int) error {
	until := time.Now().Add(lasts)
	return g.together(ctx, workers, func(s *sender) error {
		for time.Now().Before(until) {
			if err := s.one(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// together runs do on n connections and returns the first error. In profiles
// their work has the label part=generator.
func (g *generator) together(ctx context.Context, n int, do func(*sender) error) error {
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			pprof.Do(ctx, pprof.Labels("part", "generator"), func(ctx context.Context) {
				s, err := g.connect(ctx, i)
				if err != nil {
					errs[i] = err
					return
				}
				errs[i] = errors.Join(do(s), s.conn.Close())
			})
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// perRequest is how many events a request has on average.
func (g *generator) perRequest() float64 {
	p := g.payloads
	if len(p.batches) == 0 {
		return 1
	}
	batch := float64(p.batches[0].events)
	return 1 / (p.share + (1-p.share)/batch)
}

// steady sends events at a rate until ctx ends.
func (g *generator) steady(ctx context.Context, rate, workers int) error {
	tokens := make(chan struct{}, rate)
	var wg sync.WaitGroup
	defer wg.Wait()
	requests := float64(rate) / g.perRequest()
	wg.Go(func() {
		defer close(tokens)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		began, given := time.Now(), 0
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for due := int(time.Since(began).Seconds() * requests); given < due; given++ {
				select {
				case tokens <- struct{}{}:
				default: // The senders are behind; the missing events are not made up for.
				}
			}
		}
	})
	return g.together(ctx, workers, func(s *sender) error {
		for range tokens {
			if err := s.one(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
		return nil
	})
}

package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/headway-metrics/headway/schema"
)

const (
	// DefaultBatchBytes keeps a batch under the 1 MB that brokers take by default,
	// whatever the topic's own limit.
	DefaultBatchBytes = 900 << 10
	batchSize         = 2000
	// batchTimeout is short because a flush has already gathered what there is.
	batchTimeout = time.Millisecond
	// One flush is under way at a time and what arrives meanwhile makes the next,
	// so batches grow with the broker's latency and callers never wait for a
	// timer. More at once would only cut the batches: a broker that syncs each
	// request to disk takes them one after the other.
	maxFlushMessages = 20_000
	maxFlushBytes    = 16 << 20
	// writeAttempts and their backoff ride out a change of leader; a longer
	// outage is the caller's to report (HTTP 5xx, cursor not saved).
	writeAttempts = 5
)

// Publisher writes messages and waits for all in-sync replicas. It is safe for
// concurrent use: messages of many callers share batches.
type Publisher struct {
	client       *Client
	small, large *kafkago.Writer

	flushing sync.WaitGroup
	mu       sync.Mutex
	waiting  sync.Cond // On mu: the queue or closed changed.
	queue    []*publication
	closed   bool
}

// publication is one caller's messages and where its answer goes.
type publication struct {
	messages []kafkago.Message
	bytes    int
	answer   chan error // Capacity 1: nobody waits for a caller that has left.
}

// NewPublisher makes a publisher; Close ends it.
func (c *Client) NewPublisher() *Publisher {
	writer := func(size int, bytes int64) *kafkago.Writer {
		return &kafkago.Writer{
			Addr: kafkago.TCP(c.cfg.Brokers...), Transport: c.transport,
			// Invariant 1: written means written on every in-sync replica.
			RequiredAcks: kafkago.RequireAll,
			Balancer:     &kafkago.Hash{},
			BatchSize:    size, BatchBytes: bytes, BatchTimeout: batchTimeout,
			MaxAttempts: writeAttempts, WriteBackoffMin: 100 * time.Millisecond, WriteBackoffMax: time.Second,
			ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
			Compression: kafkago.Snappy,
			ErrorLogger: c.warnings("publisher"),
		}
	}
	// A message too large for a common batch travels alone, so that a broker
	// that refuses it refuses nothing else.
	p := &Publisher{client: c, small: writer(batchSize, int64(c.cfg.BatchBytes)), large: writer(1, MaxMessageBytes)}
	p.waiting.L = &p.mu
	p.flushing.Go(p.flush)
	return p
}

// Close sends what is under way and ends the publisher.
func (p *Publisher) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.waiting.Broadcast()
	p.flushing.Wait()
	if err := errors.Join(p.small.Close(), p.large.Close()); err != nil {
		return fmt.Errorf("closing the publisher: %w", err)
	}
	return nil
}

// ErrClosed is what a closed publisher answers.
var ErrClosed = errors.New("the publisher is closed")

// PublishError says how many messages of one call were not acknowledged. Some
// of these may be in Kafka all the same; publishing all again is safe
// (invariant 3).
type PublishError struct {
	Failed, Total int
	// Err joins the distinct causes.
	Err error
}

func (e *PublishError) Error() string {
	return fmt.Sprintf("publishing: %d of %d messages were not acknowledged: %v", e.Failed, e.Total, e.Err)
}

func (e *PublishError) Unwrap() error { return e.Err }

// Publish writes events to their sources' topics. It returns nil only when
// Kafka has acknowledged every one (invariant 1).
func (p *Publisher) Publish(ctx context.Context, events ...schema.Event) error {
	messages := make([]kafkago.Message, 0, len(events))
	for _, e := range events {
		m, err := MessageFromEvent(e)
		if err != nil {
			return err
		}
		messages = append(messages, p.client.toKafka(m.Topic, m))
	}
	return p.write(ctx, messages)
}

// PublishMessages writes messages to one topic, by the hash of their keys; only
// Key, Value and Headers of a message count. It acknowledges as Publish does.
func (p *Publisher) PublishMessages(ctx context.Context, topic string, messages ...Message) error {
	out := make([]kafkago.Message, len(messages))
	for i, m := range messages {
		out[i] = p.client.toKafka(topic, m)
	}
	return p.write(ctx, out)
}

// write queues the messages of one call and waits for their acknowledgement.
func (p *Publisher) write(ctx context.Context, messages []kafkago.Message) error {
	if len(messages) == 0 {
		return nil
	}
	pub := &publication{messages: messages, answer: make(chan error, 1)}
	for _, m := range messages {
		size := wireSize(m)
		if size > MaxMessageBytes {
			return fmt.Errorf("publishing to %s: a message has %d bytes, the limit is %d", p.client.plainName(m.Topic), size, MaxMessageBytes)
		}
		pub.bytes += size
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return fmt.Errorf("publishing: %w", ErrClosed)
	}
	p.queue = append(p.queue, pub)
	p.mu.Unlock()
	p.waiting.Signal()
	select {
	case err := <-pub.answer:
		return err
	case <-ctx.Done():
		return &PublishError{Failed: len(messages), Total: len(messages), Err: ctx.Err()}
	}
}

// flush writes what is queued until the publisher is closed and empty.
func (p *Publisher) flush() {
	for {
		group := p.take()
		if group == nil {
			return
		}
		p.deliver(group)
	}
}

// take waits for publications and removes as many as make a good flush; nil
// means the end.
func (p *Publisher) take() []*publication {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) == 0 {
		if p.closed {
			return nil
		}
		p.waiting.Wait()
	}
	messages, bytes, n := 0, 0, 0
	for n < len(p.queue) && (n == 0 || messages < maxFlushMessages && bytes < maxFlushBytes) {
		messages += len(p.queue[n].messages)
		bytes += p.queue[n].bytes
		n++
	}
	group := p.queue[:n:n]
	p.queue = append([]*publication(nil), p.queue[n:]...)
	return group
}

// deliver writes a group together and answers each caller.
func (p *Publisher) deliver(group []*publication) {
	n := 0
	for _, pub := range group {
		n += len(pub.messages)
	}
	all := make([]kafkago.Message, 0, n)
	for _, pub := range group {
		all = append(all, pub.messages...)
	}
	errs, refused := p.send(all)
	if refused && len(group) > 1 {
		// Kafka refuses the whole call for one caller's topic: call for each.
		for _, pub := range group {
			p.deliver([]*publication{pub})
		}
		return
	}
	for _, pub := range group {
		own := errs[:len(pub.messages)]
		errs = errs[len(pub.messages):]
		pub.answer <- publishError(own)
	}
}

// send returns one error or nil for each message. refused means that Kafka took
// none because of one of them.
func (p *Publisher) send(messages []kafkago.Message) (errs []error, refused bool) {
	errs = make([]error, len(messages))
	var large []int
	small := make([]int, 0, len(messages))
	for i, m := range messages {
		if wireSize(m) > p.client.cfg.BatchBytes {
			large = append(large, i)
		} else {
			small = append(small, i)
		}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, part := range []struct {
		w       *kafkago.Writer
		indexes []int
	}{{p.small, small}, {p.large, large}} {
		if len(part.indexes) == 0 {
			continue
		}
		wg.Go(func() {
			own := make([]kafkago.Message, len(part.indexes))
			for i, at := range part.indexes {
				own[i] = messages[at]
			}
			// The callers' contexts end their waiting, not the common write; the
			// writer's own timeouts bound it.
			err := part.w.WriteMessages(context.Background(), own...)
			each, perMessage := errors.AsType[kafkago.WriteErrors](err)
			_, fromKafka := errors.AsType[kafkago.Error](err)
			mu.Lock()
			defer mu.Unlock()
			refused = refused || fromKafka && !perMessage
			for i, at := range part.indexes {
				errs[at] = err
				if perMessage {
					errs[at] = each[i]
				}
			}
		})
	}
	wg.Wait()
	return errs, refused
}

// publishError is nil when no message failed.
func publishError(errs []error) error {
	failed := 0
	for _, err := range errs {
		if err != nil {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	return &PublishError{Failed: failed, Total: len(errs), Err: distinct(errs)}
}

// wireSize is an upper bound of what a message takes in a batch.
func wireSize(m kafkago.Message) int {
	const overhead, headerOverhead = 64, 10
	n := overhead + len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		n += headerOverhead + len(h.Key) + len(h.Value)
	}
	return n
}

func distinct(errs []error) error {
	seen := map[string]bool{}
	var out []error
	for _, err := range errs {
		if err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			out = append(out, err)
		}
	}
	return errors.Join(out...)
}

package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/headway-metrics/headway/schema"
)

const (
	// batchBytes keeps a batch under the 1 MB that brokers take by default,
	// whatever the topic's own limit.
	batchBytes   = 900 << 10
	batchSize    = 2000
	batchTimeout = 5 * time.Millisecond
	// writeAttempts and their backoff ride out a change of leader; a longer
	// outage is the caller's to report (HTTP 5xx, cursor not saved).
	writeAttempts = 5
)

// Publisher writes messages and waits for all in-sync replicas. It is safe for
// concurrent use: messages of many callers share batches.
type Publisher struct {
	client       *Client
	small, large *kafkago.Writer
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
	return &Publisher{client: c, small: writer(batchSize, batchBytes), large: writer(1, MaxMessageBytes)}
}

// Close sends what is under way and ends the publisher.
func (p *Publisher) Close() error {
	if err := errors.Join(p.small.Close(), p.large.Close()); err != nil {
		return fmt.Errorf("closing the publisher: %w", err)
	}
	return nil
}

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

func (p *Publisher) write(ctx context.Context, messages []kafkago.Message) error {
	var small, large []kafkago.Message
	for _, m := range messages {
		switch size := wireSize(m); {
		case size > MaxMessageBytes:
			return fmt.Errorf("publishing to %s: a message has %d bytes, the limit is %d", m.Topic, size, MaxMessageBytes)
		case size > batchBytes:
			large = append(large, m)
		default:
			small = append(small, m)
		}
	}
	failed := &PublishError{Total: len(messages)}
	for _, part := range []struct {
		w    *kafkago.Writer
		msgs []kafkago.Message
	}{{p.small, small}, {p.large, large}} {
		if len(part.msgs) == 0 {
			continue
		}
		err := part.w.WriteMessages(ctx, part.msgs...)
		var each kafkago.WriteErrors
		switch {
		case err == nil:
			continue
		case errors.As(err, &each):
			failed.Failed += each.Count()
			failed.Err = errors.Join(failed.Err, distinct(each))
		default:
			failed.Failed += len(part.msgs)
			failed.Err = errors.Join(failed.Err, err)
		}
	}
	if failed.Err != nil {
		return failed
	}
	return nil
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

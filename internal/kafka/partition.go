package kafka

import (
	"context"
	"errors"
	"log/slog"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

const (
	fetchMaxBytes = 10 << 20
	// How long a fetch may take, and so how long a reader takes to end: long for
	// a stream, short where the end is near. kafka-go tells the broker to answer
	// earlier, by a quarter of a short time or a second of a long one; an answer
	// that comes after the time costs a new connection, so a busy broker needs
	// the second.
	streamMaxWait = 2 * time.Second
	rangeMaxWait  = 400 * time.Millisecond
)

// partitionReader streams one partition. It reads without a group: the
// generation owns the offsets.
type partitionReader struct {
	client    *Client
	log       *slog.Logger
	topic     string
	partition int
	queue     int
	maxWait   time.Duration
}

// run sends messages from offset on until ctx ends.
func (p partitionReader) run(ctx context.Context, offset int64, out chan<- Message) {
	for ctx.Err() == nil {
		next, err := p.stream(ctx, offset, out)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, kafkago.OffsetOutOfRange):
			offset = p.earliest(ctx, next)
		default:
			p.log.Warn("reading a partition stopped, it is opened again", "offset", next, "error", err)
			offset = next
		}
	}
}

// earliest reports the loss and says where to go on.
func (p partitionReader) earliest(ctx context.Context, wanted int64) int64 {
	lost := int64(-1)
	bounds, err := p.client.bounds(ctx, p.topic)
	if err == nil {
		lost = max(bounds[p.partition].first-wanted, 0)
	}
	p.log.Error("the group's offset is not on the broker any more: retention removed it, or the topic was made anew; going on at the earliest message",
		"wanted_offset", wanted, "lost_messages", lost, "error", err)
	return kafkago.FirstOffset
}

// stream reads until an error that the reader does not overcome by itself. It
// returns the offset to go on from.
func (p partitionReader) stream(ctx context.Context, offset int64, out chan<- Message) (next int64, err error) {
	r := kafkago.NewReader(kafkago.ReaderConfig{
		Brokers: p.client.cfg.Brokers, Dialer: p.client.dialer(), Topic: p.client.wire(p.topic), Partition: p.partition,
		MinBytes: 1, MaxBytes: fetchMaxBytes, MaxWait: p.maxWait, QueueCapacity: p.queue,
		ReadBackoffMin: 20 * time.Millisecond, ReadBackoffMax: time.Second, ReadLagInterval: -1,
		OffsetOutOfRangeError: true,
		ErrorLogger:           p.client.warnings("consumer"),
	})
	defer func() {
		if cerr := r.Close(); cerr != nil {
			p.log.Warn("closing a partition's reader", "error", cerr)
		}
	}()
	if err := r.SetOffset(offset); err != nil {
		return offset, err //nolint:wrapcheck // Logged with its context by run.
	}
	for {
		m, err := r.FetchMessage(ctx)
		if err != nil {
			return offset, err //nolint:wrapcheck // As above.
		}
		select {
		case out <- p.client.fromKafka(m):
			offset = m.Offset + 1
		case <-ctx.Done():
			return offset, ctx.Err() //nolint:wrapcheck // As above.
		}
	}
}

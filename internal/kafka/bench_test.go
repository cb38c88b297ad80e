package kafka_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/internal/kafka/kafkatest"
	"github.com/headway-metrics/headway/schema"
)

func benchClient(b *testing.B) *kafka.Client {
	b.Helper()
	broker := kafkatest.New(b)
	broker.Config.Logger = slog.New(slog.DiscardHandler)
	c := broker.Client(b)
	broker.Topics(b, c, 6, "headway.raw.github")
	return c
}

// BenchmarkPublish: what concurrent webhooks see, one event a call, each waiting
// for acks=all (and fsync on the embedded broker).
func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{500, 10_000} {
		b.Run(fmt.Sprintf("callers=512/bytes=%d", size), func(b *testing.B) {
			c := benchClient(b)
			p := c.NewPublisher()
			defer func() {
				if err := p.Close(); err != nil {
					b.Error(err)
				}
			}()
			data := payload(size)
			var n atomic.Int64
			b.SetBytes(int64(size))
			b.SetParallelism(256)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := p.Publish(b.Context(), event(int(n.Add(1)), data)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkPublishBatches: what a poller sees, 500 events a call.
func BenchmarkPublishBatches(b *testing.B) {
	c := benchClient(b)
	p := c.NewPublisher()
	defer func() {
		if err := p.Close(); err != nil {
			b.Error(err)
		}
	}()
	const portion, size = 500, 1000
	data := payload(size)
	events := make([]schema.Event, portion)
	for i := range events {
		events[i] = event(i, data)
	}
	b.SetBytes(portion * size)
	n := 0
	for b.Loop() {
		if err := p.Publish(b.Context(), events...); err != nil {
			b.Fatal(err)
		}
		n += portion
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkConsume: from a full topic through one consumer to a handler that
// does nothing, offsets committed.
func BenchmarkConsume(b *testing.B) {
	for _, size := range []int{500, 10_000} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			c := benchClient(b)
			p := c.NewPublisher()
			defer func() {
				if err := p.Close(); err != nil {
					b.Error(err)
				}
			}()
			data := payload(size)
			const portion = 500
			for from := 0; from < b.N; from += portion {
				events := make([]schema.Event, 0, portion)
				for i := from; i < min(from+portion, b.N); i++ {
					events = append(events, event(i, data))
				}
				if err := p.Publish(b.Context(), events...); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(size))
			b.ResetTimer()
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			n := 0
			if err := c.Consume(ctx, kafka.ConsumerConfig{Group: "g", Topics: []string{"headway.raw.github"}}, func(_ context.Context, batch []kafka.Message) error {
				if n += len(batch); n >= b.N {
					cancel()
				}
				return nil
			}); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// payload is half repetition and half noise, as JSON compresses.
func payload(size int) []byte {
	b := make([]byte, size)
	state := uint32(1)
	for i := range b {
		if b[i] = "\"name\":\"value\",  "[i%16]; i%2 == 0 {
			state = state*1664525 + 1013904223
			b[i] = 'a' + byte(state>>24)%26
		}
	}
	return b
}

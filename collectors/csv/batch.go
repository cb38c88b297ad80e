package csv

import (
	"context"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// batch is how many events are published at once.
const batch = 500

// Batcher publishes events together, so that not every row waits for Kafka alone.
type Batcher struct {
	Emit collectors.Emit

	events []schema.Event
}

// Add publishes once enough has come together.
func (b *Batcher) Add(ctx context.Context, ev schema.Event) error {
	if b.events = append(b.events, ev); len(b.events) < batch {
		return nil
	}
	return b.Flush(ctx)
}

// Flush publishes what is left.
func (b *Batcher) Flush(ctx context.Context) error {
	if len(b.events) == 0 {
		return nil
	}
	err := b.Emit(ctx, b.events...)
	b.events = nil
	return err
}

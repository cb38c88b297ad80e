package app

import (
	"context"
	"fmt"

	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/schema"
)

// outbox publishes what loading and deriving have to tell: dirty keys and dead
// letters.
type outbox struct{ publisher *kafka.Publisher }

// PublishDirty implements pipeline.Outbox. The same key always reaches the same
// worker.
func (o outbox) PublishDirty(ctx context.Context, keys ...schema.DirtyKey) error {
	messages := make([]kafka.Message, 0, len(keys))
	for _, k := range keys {
		messages = append(messages, kafka.Message{Key: []byte(k.Partition()), Value: []byte(k)})
	}
	return o.publisher.PublishMessages(ctx, schema.TopicDirty, messages...)
}

// Headers that a dead letter has beside those of its event.
const (
	headerReason = "headway_reason"
	headerDetail = "headway_detail"
)

// PublishDead implements pipeline.Outbox.
func (o outbox) PublishDead(ctx context.Context, letters ...pipeline.DeadEvent) error {
	messages := make([]kafka.Message, 0, len(letters))
	for _, l := range letters {
		m, err := kafka.MessageFromEvent(l.Event)
		if err != nil {
			return fmt.Errorf("encoding the dead letter %s: %w", l.Event.ID, err)
		}
		m.Headers = append(m.Headers,
			kafka.Header{Key: headerReason, Value: []byte(l.Reason)},
			kafka.Header{Key: headerDetail, Value: []byte(l.Detail)})
		messages = append(messages, m)
	}
	return o.publisher.PublishMessages(ctx, schema.TopicDeadLetter, messages...)
}

// events reads a batch of messages.
func events(batch []kafka.Message) []schema.Event {
	out := make([]schema.Event, 0, len(batch))
	for _, m := range batch {
		out = append(out, event(m))
	}
	return out
}

// event reads a message; one that cannot be decoded becomes an event that the
// loader dead-letters.
func event(m kafka.Message) schema.Event {
	ev, err := kafka.EventFromMessage(m)
	if err != nil {
		return pipeline.Undecodable(pipeline.RawMessage{
			Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Time: m.Time, Key: m.Key, Value: m.Value,
		}, err)
	}
	return ev
}

// cloudEvents publishes CloudEvents on one topic, in the Kafka binding's binary mode.
type cloudEvents struct {
	publisher *kafka.Publisher
	topic     string
}

// Publish implements announce.Publisher.
func (c cloudEvents) Publish(ctx context.Context, events ...schema.Event) error {
	messages := make([]kafka.Message, 0, len(events))
	for _, ev := range events {
		m, err := kafka.MessageFromEvent(ev)
		if err != nil {
			return fmt.Errorf("encoding the event %s: %w", ev.ID, err)
		}
		messages = append(messages, m)
	}
	return c.publisher.PublishMessages(ctx, c.topic, messages...)
}

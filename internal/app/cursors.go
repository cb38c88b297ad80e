package app

import (
	"context"
	"fmt"
	"sync"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/schema"
)

// cursorTopic keeps cursors as the last values of their keys on
// schema.TopicCursors. It reads the topic once, and what it saves later.
type cursorTopic struct {
	publisher *kafka.Publisher
	mu        sync.Mutex
	last      map[string]collectors.Cursor
}

func openCursors(ctx context.Context, client *kafka.Client, p *kafka.Publisher) (*cursorTopic, error) {
	c := &cursorTopic{publisher: p, last: map[string]collectors.Cursor{}}
	messages, err := client.ReadAll(ctx, schema.TopicCursors)
	if err != nil {
		return nil, fmt.Errorf("reading the cursors: %w", err)
	}
	for key, m := range messages {
		c.last[key] = m.Value
	}
	return c, nil
}

// Load implements collectors.CursorStore.
func (c *cursorTopic) Load(_ context.Context, key string) (collectors.Cursor, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[key], nil
}

// Save implements collectors.CursorStore.
func (c *cursorTopic) Save(ctx context.Context, key string, cursor collectors.Cursor) error {
	if err := c.publisher.PublishMessages(ctx, schema.TopicCursors, kafka.Message{Key: []byte(key), Value: cursor}); err != nil {
		return fmt.Errorf("saving the cursor %s: %w", key, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last[key] = cursor
	return nil
}

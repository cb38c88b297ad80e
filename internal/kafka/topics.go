package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// MaxMessageBytes is the largest message a topic made by EnsureTopics takes:
// the 25 MB body of a webhook and room for its headers.
const MaxMessageBytes = 32 << 20

// Topic is what EnsureTopics makes.
type Topic struct {
	Name string
	// Partitions is the number of new topic's partitions, at least 1.
	Partitions int
	// Replication is the number of copies; 0 means the cluster's default. With
	// three or more, a write needs two.
	Replication int
	// Compact keeps only the last message of each key.
	Compact bool
	// Retention is how long messages are kept; 0 means the cluster's default,
	// negative for ever. A compacted topic has none.
	Retention time.Duration
}

func (t Topic) config() kafkago.TopicConfig {
	cfg := kafkago.TopicConfig{Topic: t.Name, NumPartitions: t.Partitions, ReplicationFactor: t.Replication}
	if t.Replication == 0 {
		cfg.ReplicationFactor = -1
	}
	set := func(name, value string) {
		cfg.ConfigEntries = append(cfg.ConfigEntries, kafkago.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	set("max.message.bytes", strconv.Itoa(MaxMessageBytes))
	switch {
	case t.Compact:
		set("cleanup.policy", "compact")
		set("segment.ms", strconv.FormatInt(time.Hour.Milliseconds(), 10))
	case t.Retention < 0:
		set("retention.ms", "-1")
	case t.Retention > 0:
		set("retention.ms", strconv.FormatInt(t.Retention.Milliseconds(), 10))
	}
	if t.Replication >= 3 {
		set("min.insync.replicas", "2")
	}
	return cfg
}

// EnsureTopics makes the topics that are missing and returns when every broker
// asked knows them. An existing topic stays as it is, also when its partitions
// differ: changing their number would move keys between them.
func (c *Client) EnsureTopics(ctx context.Context, topics ...Topic) error {
	if len(topics) == 0 {
		return nil
	}
	configs := make([]kafkago.TopicConfig, len(topics))
	for i, t := range topics {
		configs[i] = t.config()
		configs[i].Topic = c.wire(t.Name)
	}
	res, err := c.admin().CreateTopics(ctx, &kafkago.CreateTopicsRequest{Topics: configs})
	if err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	var errs []error
	for name, err := range res.Errors {
		if err != nil && !errors.Is(err, kafkago.TopicAlreadyExists) {
			errs = append(errs, fmt.Errorf("creating the topic %s: %w", c.plainName(name), err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	return c.awaitTopics(ctx, names)
}

// awaitTopics waits until every partition has a leader that knows it: a cluster
// makes a topic a little after it says so, and the leader a little after that.
func (c *Client) awaitTopics(ctx context.Context, names []string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.answering(ctx, names)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for topics: %w (last: %w)", ctx.Err(), err)
		case <-tick.C:
			// The transport remembers the cluster's layout: ask afresh.
			c.transport.CloseIdleConnections()
		}
	}
}

// answering asks every partition of the topics for its offsets.
func (c *Client) answering(ctx context.Context, names []string) error {
	for _, n := range names {
		if _, err := c.bounds(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// partitions returns the partition numbers of topics; a topic or leader that is
// missing is an error.
func (c *Client) partitions(ctx context.Context, topics ...string) (map[string][]int, error) {
	res, err := c.admin().Metadata(ctx, &kafkago.MetadataRequest{Topics: c.wireAll(topics)})
	if err != nil {
		return nil, fmt.Errorf("reading the cluster's layout: %w", err)
	}
	out := make(map[string][]int, len(topics))
	for _, t := range res.Topics {
		name := c.plainName(t.Name)
		if t.Error != nil {
			return nil, fmt.Errorf("reading the layout of topic %s: %w", name, t.Error)
		}
		for _, p := range t.Partitions {
			if p.Error != nil {
				return nil, fmt.Errorf("reading the layout of topic %s, partition %d: %w", name, p.ID, p.Error)
			}
			out[name] = append(out[name], p.ID)
		}
	}
	for _, name := range topics {
		if len(out[name]) == 0 {
			return nil, fmt.Errorf("reading the layout of topic %s: %w", name, kafkago.UnknownTopicOrPartition)
		}
	}
	return out, nil
}

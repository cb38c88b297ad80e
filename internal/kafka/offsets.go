package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// PartitionLag is how far a group is behind on one partition.
type PartitionLag struct {
	Topic     string
	Partition int
	// Committed is the next offset the group will read; -1 when it has none.
	Committed int64
	// End is the offset the next published message will have.
	End int64
	// Messages not yet committed.
	Messages int64
}

// Lag returns the lag of a group on every partition of the topics.
func (c *Client) Lag(ctx context.Context, group string, topics ...string) ([]PartitionLag, error) {
	parts, err := c.partitions(ctx, topics...)
	if err != nil {
		return nil, err
	}
	wireParts := make(map[string][]int, len(parts))
	for topic, list := range parts {
		wireParts[c.wire(topic)] = list
	}
	res, err := c.offsets(ctx, &kafkago.OffsetFetchRequest{GroupID: c.wire(group), Topics: wireParts})
	if err != nil {
		return nil, fmt.Errorf("reading the offsets of group %s: %w", group, err)
	}
	committed := map[string]map[int]int64{}
	for wire, list := range res.Topics {
		topic := c.plainName(wire)
		committed[topic] = map[int]int64{}
		for _, p := range list {
			if p.Error != nil {
				return nil, fmt.Errorf("reading the offset of group %s on %s/%d: %w", group, topic, p.Partition, p.Error)
			}
			committed[topic][p.Partition] = p.CommittedOffset
		}
	}
	var out []PartitionLag
	for _, topic := range topics {
		bounds, err := c.bounds(ctx, topic)
		if err != nil {
			return nil, err
		}
		for _, p := range parts[topic] {
			l := PartitionLag{Topic: topic, Partition: p, Committed: -1, End: bounds[p].end}
			if at, ok := committed[topic][p]; ok {
				l.Committed = at
			}
			l.Messages = l.End - max(l.Committed, bounds[p].first)
			out = append(out, l)
		}
	}
	return out, nil
}

// coordinatorPatience is how long a group's coordinator may be unsettled: Kafka moves
// it when brokers come and go, and makes it when the first group is asked for.
const coordinatorPatience = 5 * time.Second

// offsets fetches the offsets of a group, again while its coordinator is moving. A
// group that never committed has no offsets; some brokers call that an error.
func (c *Client) offsets(ctx context.Context, req *kafkago.OffsetFetchRequest) (*kafkago.OffsetFetchResponse, error) {
	patience := time.After(coordinatorPatience)
	for {
		res, err := c.admin().OffsetFetch(ctx, req)
		if err == nil && (res.Error == nil || errors.Is(res.Error, kafkago.GroupIdNotFound)) {
			return res, nil
		}
		if err == nil {
			err = res.Error
		}
		moving := errors.Is(err, kafkago.NotCoordinatorForGroup) || errors.Is(err, kafkago.GroupCoordinatorNotAvailable) || errors.Is(err, kafkago.GroupLoadInProgress)
		if !moving {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-patience:
			return nil, err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

type offsetRange struct{ first, end int64 }

// bounds returns the offsets that the partitions of a topic hold now.
func (c *Client) bounds(ctx context.Context, topic string) (map[int]offsetRange, error) {
	parts, err := c.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	var requests []kafkago.OffsetRequest
	for _, p := range parts[topic] {
		requests = append(requests, kafkago.FirstOffsetOf(p), kafkago.LastOffsetOf(p))
	}
	list, err := c.listOffsets(ctx, topic, requests)
	if err != nil {
		return nil, err
	}
	out := make(map[int]offsetRange, len(list))
	for _, p := range list {
		out[p.Partition] = offsetRange{first: p.FirstOffset, end: p.LastOffset}
	}
	return out, nil
}

func (c *Client) listOffsets(ctx context.Context, topic string, requests []kafkago.OffsetRequest) ([]kafkago.PartitionOffsets, error) {
	res, err := c.admin().ListOffsets(ctx, &kafkago.ListOffsetsRequest{Topics: map[string][]kafkago.OffsetRequest{c.wire(topic): requests}})
	if err != nil {
		return nil, fmt.Errorf("listing the offsets of %s: %w", topic, err)
	}
	list := res.Topics[c.wire(topic)]
	for _, p := range list {
		if p.Error != nil {
			return nil, fmt.Errorf("listing the offsets of %s/%d: %w", topic, p.Partition, p.Error)
		}
	}
	return list, nil
}

// ReadRange calls fn with every message of a topic that was published since a
// time (the zero time means all) and before this call, in order within each
// partition, partition after partition. An error of fn ends the reading.
func (c *Client) ReadRange(ctx context.Context, topic string, since time.Time, fn func(Message) error) error {
	bounds, err := c.bounds(ctx, topic)
	if err != nil {
		return err
	}
	from := map[int]int64{}
	if !since.IsZero() {
		if from, err = c.offsetsAt(ctx, topic, since, bounds); err != nil {
			return err
		}
	}
	partitions := make([]int, 0, len(bounds))
	for p := range bounds {
		partitions = append(partitions, p)
	}
	slices.Sort(partitions)
	for _, p := range partitions {
		start := max(bounds[p].first, from[p])
		if start >= bounds[p].end {
			continue
		}
		if err := c.readPartition(ctx, topic, p, start, bounds[p].end, fn); err != nil {
			return err
		}
	}
	return nil
}

// offsetsAt finds the first message of each partition at or after a time; the
// end of the partition when there is none.
func (c *Client) offsetsAt(ctx context.Context, topic string, at time.Time, bounds map[int]offsetRange) (map[int]int64, error) {
	out := make(map[int]int64, len(bounds))
	requests := make([]kafkago.OffsetRequest, 0, len(bounds))
	for p, b := range bounds {
		out[p] = b.end
		requests = append(requests, kafkago.TimeOffsetOf(p, at))
	}
	list, err := c.listOffsets(ctx, topic, requests)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		for offset := range p.Offsets {
			if offset >= 0 {
				out[p.Partition] = min(out[p.Partition], offset)
			}
		}
	}
	return out, nil
}

func (c *Client) readPartition(ctx context.Context, topic string, partition int, start, end int64, fn func(Message) error) error {
	ctx, cancel := context.WithCancel(ctx)
	messages := make(chan Message, 256)
	ended := make(chan struct{})
	r := partitionReader{client: c, log: c.log.With("topic", topic, "partition", partition), topic: topic, partition: partition, queue: 256, maxWait: rangeMaxWait}
	go func() {
		defer close(ended)
		r.run(ctx, start, messages)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("reading %s/%d: %w", topic, partition, ctx.Err())
		case m := <-messages:
			if m.Offset >= end {
				return nil
			}
			if err := fn(m); err != nil {
				return err
			}
			if m.Offset == end-1 {
				return nil
			}
		}
	}
}

// ReadAll returns the last message of each key of a topic, as compaction leaves
// it; a key whose last value is empty is absent.
func (c *Client) ReadAll(ctx context.Context, topic string) (map[string]Message, error) {
	out := map[string]Message{}
	err := c.ReadRange(ctx, topic, time.Time{}, func(m Message) error {
		if len(m.Value) == 0 {
			delete(out, string(m.Key))
		} else {
			out[string(m.Key)] = m
		}
		return nil
	})
	return out, err
}

package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/internal/kafka/kafkatest"
	"github.com/headway-metrics/headway/schema"
)

func event(i int, data []byte) schema.Event {
	return schema.Event{
		ID: strconv.Itoa(i), Source: "github", Type: "github.push", Subject: "s", Key: fmt.Sprint("repo", i%7),
		Time: time.UnixMilli(1_770_000_000_000).UTC(), Data: data,
	}
}

func readAll(t *testing.T, c *kafka.Client, topic string, since time.Time) []kafka.Message {
	t.Helper()
	var out []kafka.Message
	if err := c.ReadRange(t.Context(), topic, since, func(m kafka.Message) error {
		out = append(out, m)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPublishFromManyCallers(t *testing.T) {
	t.Parallel()
	b := kafkatest.New(t)
	c := b.Client(t)
	b.Topics(t, c, 3, "headway.raw.github")
	p := publisher(t, c)
	const callers, each = 20, 50
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				if err := p.Publish(t.Context(), event(caller*each+i, []byte(`{"a":1}`))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	partitionOf := map[string]int{}
	for _, m := range readAll(t, c, "headway.raw.github", time.Time{}) {
		e, err := kafka.EventFromMessage(m)
		if err != nil {
			t.Fatal(err)
		}
		seen[e.ID] = true
		if prev, ok := partitionOf[e.Key]; ok && prev != m.Partition {
			t.Errorf("key %s is on partitions %d and %d", e.Key, prev, m.Partition)
		}
		partitionOf[e.Key] = m.Partition
	}
	if len(seen) != callers*each {
		t.Errorf("%d events arrived, want %d", len(seen), callers*each)
	}
}

func TestPublishLargeBodies(t *testing.T) {
	t.Parallel()
	b := kafkatest.New(t)
	c := b.Client(t)
	b.Topics(t, c, 2, "headway.raw.github")
	p := publisher(t, c)
	random := rand.NewChaCha8([32]byte{})
	body := make([]byte, 25<<20) // The largest a webhook accepts, not compressible.
	_, _ = random.Read(body)
	if err := p.Publish(t.Context(), event(1, body), event(2, []byte("small"))); err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	l := newLedger()
	consume(t, c, kafka.ConsumerConfig{Group: "g", Topics: []string{"headway.raw.github"}}, func(ctx context.Context, batch []kafka.Message) error {
		for _, m := range batch {
			e, err := kafka.EventFromMessage(m)
			if err != nil {
				return err
			}
			l.mu.Lock()
			got[e.ID] = e.Data
			l.mu.Unlock()
		}
		return l.handle(ctx, batch)
	})
	eventually(t, 60*time.Second, handled(l, 2))
	if !bytes.Equal(got["1"], body) || string(got["2"]) != "small" {
		t.Error("the bodies changed on their way")
	}
	tooLarge := event(3, make([]byte, kafka.MaxMessageBytes+1))
	if err := p.Publish(t.Context(), tooLarge); err == nil || !strings.Contains(err.Error(), "the limit is") {
		t.Errorf("a body over the limit: %v", err)
	}
}

func TestPublishErrors(t *testing.T) {
	t.Parallel()
	b := kafkatest.NewEmbedded(t)
	c := b.Client(t)
	b.Topics(t, c, 1, "headway.raw.github")
	p := publisher(t, c)
	unknown := event(1, nil)
	unknown.Source = "nosuch"
	var pe *kafka.PublishError
	if err := p.Publish(t.Context(), unknown); !errors.As(err, &pe) || pe.Failed != 1 || pe.Total != 1 {
		t.Errorf("an unknown topic: %v", err)
	}
	if err := p.Publish(t.Context(), schema.Event{}); err == nil {
		t.Error("an invalid event was published")
	}
	b.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := p.Publish(ctx, event(1, nil)); err == nil {
		t.Error("published without a broker")
	}
	b.Start(t)
	eventually(t, 30*time.Second, func() error { return p.Publish(t.Context(), event(1, nil)) })
}

func TestEnsureTopicsTwice(t *testing.T) {
	t.Parallel()
	b := kafkatest.New(t)
	c := b.Client(t)
	topics := []kafka.Topic{
		{Name: "headway.cursors", Partitions: 1, Replication: b.Replication, Compact: true},
		{Name: "headway.raw.git", Partitions: 3, Replication: b.Replication, Retention: -1},
		{Name: "headway.dirty", Partitions: 6, Retention: time.Hour},
	}
	for range 2 {
		if err := c.EnsureTopics(t.Context(), topics...); err != nil {
			t.Fatal(err)
		}
	}
	topics[1].Partitions = 5 // An existing topic stays as it is.
	if err := c.EnsureTopics(t.Context(), topics...); err != nil {
		t.Fatal(err)
	}
	lag, err := c.Lag(t.Context(), "g", "headway.cursors", "headway.raw.git", "headway.dirty")
	if err != nil {
		t.Fatal(err)
	}
	if len(lag) != 1+3+6 {
		t.Errorf("%d partitions, want 10: %+v", len(lag), lag)
	}
	for _, l := range lag {
		if l.Committed != -1 || l.Messages != 0 {
			t.Errorf("a new topic has lag %+v", l)
		}
	}
}

func TestReadRange(t *testing.T) {
	t.Parallel()
	b := kafkatest.New(t)
	c := b.Client(t)
	b.Topics(t, c, 3, "a")
	p := publisher(t, c)
	publishNumbers(t, p, "a", 0, 100)
	before := readAll(t, c, "a", time.Time{})
	if len(before) != 100 {
		t.Fatalf("%d messages, want 100", len(before))
	}
	var latest time.Time
	for _, m := range before {
		if m.Time.After(latest) {
			latest = m.Time
		}
	}
	// Kafka's times have milliseconds: wait for the next one.
	eventually(t, time.Second, func() error {
		if !time.Now().After(latest.Add(2 * time.Millisecond)) {
			return errors.New("the clock stands still")
		}
		return nil
	})
	publishNumbers(t, p, "a", 100, 130)
	after := readAll(t, c, "a", latest.Add(time.Millisecond))
	if len(after) != 30 {
		t.Errorf("%d messages since the first portion, want 30", len(after))
	}
	if none := readAll(t, c, "a", time.Now().Add(time.Hour)); len(none) != 0 {
		t.Errorf("%d messages from the future", len(none))
	}
	if err := c.ReadRange(t.Context(), "a", time.Time{}, func(kafka.Message) error { return errOnDemand }); !errors.Is(err, errOnDemand) {
		t.Errorf("the callback's error came back as %v", err)
	}
}

func TestReadAllKeepsTheLastValue(t *testing.T) {
	t.Parallel()
	b := kafkatest.New(t)
	c := b.Client(t)
	if err := c.EnsureTopics(t.Context(), kafka.Topic{Name: "cursors", Partitions: 1, Replication: b.Replication, Compact: true}); err != nil {
		t.Fatal(err)
	}
	p := publisher(t, c)
	put := func(key, value string) {
		t.Helper()
		m := kafka.Message{Key: []byte(key)}
		if value != "" {
			m.Value = []byte(value)
		}
		if err := p.PublishMessages(t.Context(), "cursors", m); err != nil {
			t.Fatal(err)
		}
	}
	put("a", "1")
	put("b", "1")
	put("a", "2")
	put("c", "1")
	put("c", "")
	all, err := c.ReadAll(t.Context(), "cursors")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || string(all["a"].Value) != "2" || string(all["b"].Value) != "1" {
		t.Errorf("got %+v", all)
	}
}

// TestPublishErrorsStayWithTheirCaller: callers share flushes, not failures.
func TestPublishErrorsStayWithTheirCaller(t *testing.T) {
	t.Parallel()
	b := kafkatest.New(t)
	c := b.Client(t)
	b.Topics(t, c, 2, "headway.raw.github")
	p := publisher(t, c)
	var wg sync.WaitGroup
	for caller := range 20 {
		wg.Go(func() {
			for i := range 5 {
				e := event(caller*5+i, []byte("{}"))
				bad := caller%4 == 0
				if bad {
					e.Source = "nosuch"
				}
				if err := p.Publish(t.Context(), e); bad != (err != nil) {
					t.Errorf("caller %d: bad %v, error %v", caller, bad, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(readAll(t, c, "headway.raw.github", time.Time{})); n != 75 {
		t.Errorf("%d events arrived, want 75", n)
	}
}

func TestPublishAfterClose(t *testing.T) {
	t.Parallel()
	b := kafkatest.NewEmbedded(t)
	p := b.Client(t).NewPublisher()
	if err := p.Publish(t.Context()); err != nil {
		t.Errorf("publishing nothing: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(t.Context(), event(1, nil)); !errors.Is(err, kafka.ErrClosed) {
		t.Errorf("publishing after Close: %v", err)
	}
}

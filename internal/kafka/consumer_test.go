package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/internal/kafka/kafkatest"
)

// ledger records what handlers saw and checks the consumer's contract.
type ledger struct {
	mu      sync.Mutex
	seen    map[string]int           // value → times handled
	handled map[string]map[int]int64 // topic, partition → next offset handled so far
	broken  []string
}

func newLedger() *ledger {
	return &ledger{seen: map[string]int{}, handled: map[string]map[int]int64{}}
}

func (l *ledger) handle(_ context.Context, batch []kafka.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := map[string]int64{}
	for _, m := range batch {
		l.seen[string(m.Value)]++
		key := fmt.Sprint(m.Topic, "/", m.Partition)
		if prev, ok := last[key]; ok && m.Offset <= prev {
			l.broken = append(l.broken, fmt.Sprintf("%s: offset %d after %d in one batch", key, m.Offset, prev))
		}
		last[key] = m.Offset
		if l.handled[m.Topic] == nil {
			l.handled[m.Topic] = map[int]int64{}
		}
		if next := l.handled[m.Topic][m.Partition]; m.Offset > next {
			l.broken = append(l.broken, fmt.Sprintf("%s: offset %d handled before %d", key, m.Offset, next))
		}
		l.handled[m.Topic][m.Partition] = max(l.handled[m.Topic][m.Partition], m.Offset+1)
	}
	return nil
}

func (l *ledger) distinct() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}

func (l *ledger) duplicates() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, times := range l.seen {
		n += times - 1
	}
	return n
}

// consume runs a consumer until the returned function is called, which joins it.
func consume(t *testing.T, c *kafka.Client, cfg kafka.ConsumerConfig, h kafka.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Consume(ctx, cfg, h) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("consuming ended with %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func publishNumbers(t *testing.T, p *kafka.Publisher, topic string, from, to int) {
	t.Helper()
	var ms []kafka.Message
	for i := from; i < to; i++ {
		ms = append(ms, kafka.Message{Key: fmt.Append(nil, i%50), Value: fmt.Append(nil, i)})
	}
	if err := p.PublishMessages(t.Context(), topic, ms...); err != nil {
		t.Fatal(err)
	}
}

func publisher(t *testing.T, c *kafka.Client) *kafka.Publisher {
	t.Helper()
	p := c.NewPublisher()
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// eventually tries f until it returns nil; the deadline is a failure.
func eventually(t *testing.T, within time.Duration, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %v", within, err)
		case <-tick.C:
		}
	}
}

func handled(l *ledger, want int) func() error {
	return func() error {
		if got := l.distinct(); got != want {
			return fmt.Errorf("%d distinct messages were handled, want %d", got, want)
		}
		return nil
	}
}

func committed(t *testing.T, c *kafka.Client, topic string) func() error {
	t.Helper()
	return func() error {
		lag, err := c.Lag(t.Context(), "g", topic)
		if err != nil {
			return err
		}
		for _, p := range lag {
			if p.Messages != 0 {
				return fmt.Errorf("lag %+v", p)
			}
		}
		return nil
	}
}

func TestConsumeMergesPartitions(t *testing.T) {
	t.Parallel()
	b := kafkatest.New(t)
	c := b.Client(t)
	b.Topics(t, c, 4, "a", "b")
	p := publisher(t, c)
	publishNumbers(t, p, "a", 0, 500)
	publishNumbers(t, p, "b", 500, 1000)
	l := newLedger()
	merged := false
	consume(t, c, kafka.ConsumerConfig{Group: "g", Topics: []string{"a", "b"}, FlushEvery: 500 * time.Millisecond}, func(ctx context.Context, batch []kafka.Message) error {
		partitions := map[string]bool{}
		for _, m := range batch {
			partitions[fmt.Sprint(m.Topic, m.Partition)] = true
		}
		l.mu.Lock()
		merged = merged || len(partitions) > 2
		l.mu.Unlock()
		return l.handle(ctx, batch)
	})
	eventually(t, 30*time.Second, handled(l, 1000))
	eventually(t, 10*time.Second, committed(t, c, "a"))
	eventually(t, 10*time.Second, committed(t, c, "b"))
	if !merged {
		t.Error("no batch merged more than two partitions")
	}
	if len(l.broken) > 0 || l.duplicates() > 0 {
		t.Errorf("broken order: %v; duplicates: %d", l.broken, l.duplicates())
	}
}

var errOnDemand = errors.New("on demand")

func TestConsumeRetriesTheSameBatch(t *testing.T) {
	t.Parallel()
	b := kafkatest.New(t)
	c := b.Client(t)
	b.Topics(t, c, 3, "a")
	p := publisher(t, c)
	publishNumbers(t, p, "a", 0, 100)
	l := newLedger()
	fails := 3
	var failed [][]kafka.Message
	consume(t, c, kafka.ConsumerConfig{Group: "g", Topics: []string{"a"}, MaxBatch: 30}, func(ctx context.Context, batch []kafka.Message) error {
		l.mu.Lock()
		failing := fails > 0
		if failing {
			fails--
		}
		if len(failed) < 4 {
			failed = append(failed, batch)
		}
		l.mu.Unlock()
		if failing {
			return errOnDemand
		}
		return l.handle(ctx, batch)
	})
	eventually(t, 30*time.Second, handled(l, 100))
	eventually(t, 10*time.Second, committed(t, c, "a"))
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := 1; i < len(failed); i++ {
		if len(failed[i]) != len(failed[0]) || &failed[i][0] != &failed[0][0] {
			t.Errorf("attempt %d got another batch than the first", i)
		}
	}
	if len(l.broken) > 0 {
		t.Error(l.broken)
	}
}

func TestConsumeUnderChurn(t *testing.T) {
	t.Parallel()
	b := kafkatest.New(t)
	c := b.Client(t)
	b.Topics(t, c, 6, "a")
	p := publisher(t, c)
	const portion = 500
	l := newLedger()
	cfg := kafka.ConsumerConfig{Group: "g", Topics: []string{"a"}, MaxBatch: 1000, FlushEvery: 20 * time.Millisecond}
	consume(t, c, cfg, l.handle)

	total := 0
	calm, published := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(published)
		for ; ; total += portion {
			select {
			case <-calm:
				return
			default:
				publishNumbers(t, p, "a", total, total+portion)
			}
		}
	}()
	// Members join and leave while messages flow; each stays until it has
	// handled something, so that every join really moves partitions.
	for range 5 {
		busy := make(chan struct{})
		var once sync.Once
		leave := consume(t, c, cfg, func(ctx context.Context, batch []kafka.Message) error {
			defer once.Do(func() { close(busy) })
			return l.handle(ctx, batch)
		})
		select {
		case <-busy:
		case <-time.After(30 * time.Second):
			t.Error("a joining member got nothing")
		}
		leave()
	}
	close(calm)
	<-published
	eventually(t, 60*time.Second, handled(l, total))
	eventually(t, 10*time.Second, committed(t, c, "a"))
	t.Logf("%d messages through 5 joins and 5 leaves, %d handled twice", total, l.duplicates())
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.broken) > 0 {
		t.Errorf("%d breaks of order, first: %s", len(l.broken), l.broken[0])
	}
}

// TestConsumeNeverCommitsUnhandled kills nothing gently: members leave while
// their handler fails, and no offset may pass what a handler has accepted.
func TestConsumeNeverCommitsUnhandled(t *testing.T) {
	t.Parallel()
	b := kafkatest.New(t)
	c := b.Client(t)
	b.Topics(t, c, 4, "a")
	p := publisher(t, c)
	publishNumbers(t, p, "a", 0, 2000)
	cfg := kafka.ConsumerConfig{Group: "g", Topics: []string{"a"}, MaxBatch: 100}
	l := newLedger()
	for round := range 4 {
		enough := make(chan struct{})
		var once sync.Once
		calls := 0
		leave := consume(t, c, cfg, func(ctx context.Context, batch []kafka.Message) error {
			if calls++; calls > round { // Each round accepts one batch more.
				once.Do(func() { close(enough) })
				return errOnDemand
			}
			return l.handle(ctx, batch)
		})
		select {
		case <-enough:
		case <-time.After(30 * time.Second):
			t.Error("nothing came")
		}
		leave()
		lag, err := c.Lag(t.Context(), "g", "a")
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range lag {
			l.mu.Lock()
			next := l.handled["a"][part.Partition]
			l.mu.Unlock()
			if part.Committed > next {
				t.Errorf("round %d: partition %d is committed up to %d, handled up to %d", round, part.Partition, part.Committed, next)
			}
		}
	}
	consume(t, c, cfg, l.handle)
	eventually(t, 30*time.Second, handled(l, 2000))
}

func TestConsumeSurvivesBrokerRestart(t *testing.T) {
	t.Parallel()
	b := kafkatest.NewEmbedded(t)
	c := b.Client(t)
	b.Topics(t, c, 3, "a")
	b.Stop(t) // Down before the consumer starts.
	l := newLedger()
	consume(t, c, kafka.ConsumerConfig{Group: "g", Topics: []string{"a"}}, l.handle)
	b.Start(t)
	p := publisher(t, c)
	for round := range 3 {
		publishNumbers(t, p, "a", round*1000, round*1000+1000)
		eventually(t, 60*time.Second, handled(l, round*1000+1000))
		b.Stop(t)
		b.Start(t)
	}
	eventually(t, 60*time.Second, committed(t, c, "a"))
	if len(l.broken) > 0 {
		t.Error(l.broken)
	}
}

func TestConsumeResumesBehindCommittedOffset(t *testing.T) {
	t.Parallel()
	b := kafkatest.New(t)
	c := b.Client(t)
	b.Topics(t, c, 2, "a")
	p := publisher(t, c)
	cfg := kafka.ConsumerConfig{Group: "g", Topics: []string{"a"}}
	publishNumbers(t, p, "a", 0, 100)
	first := newLedger()
	stop := consume(t, c, cfg, first.handle)
	eventually(t, 30*time.Second, committed(t, c, "a"))
	stop()
	publishNumbers(t, p, "a", 100, 150)
	second := newLedger()
	consume(t, c, cfg, second.handle)
	eventually(t, 30*time.Second, handled(second, 50))
	if first.distinct() != 100 {
		t.Errorf("the first consumer handled %d, want 100", first.distinct())
	}
}

func TestConsumeBoundsBatches(t *testing.T) {
	t.Parallel()
	b := kafkatest.New(t)
	c := b.Client(t)
	b.Topics(t, c, 2, "a")
	p := publisher(t, c)
	value := make([]byte, 10_000)
	for range 200 {
		if err := p.PublishMessages(t.Context(), "a", kafka.Message{Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	total, largest := 0, 0
	consume(t, c, kafka.ConsumerConfig{Group: "g", Topics: []string{"a"}, MaxBytes: 50_000}, func(_ context.Context, batch []kafka.Message) error {
		mu.Lock()
		defer mu.Unlock()
		total += len(batch)
		largest = max(largest, len(batch))
		return nil
	})
	eventually(t, 30*time.Second, func() error {
		mu.Lock()
		defer mu.Unlock()
		if total != 200 {
			return fmt.Errorf("%d messages, want 200", total)
		}
		return nil
	})
	if largest > 6 {
		t.Errorf("a batch had %d messages of 10 kB, the limit is 50 kB", largest)
	}
}

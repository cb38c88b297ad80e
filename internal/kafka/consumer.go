package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Defaults of ConsumerConfig.
const (
	DefaultMaxBatch   = 20_000
	DefaultMaxBytes   = 32 << 20
	DefaultFlushEvery = 250 * time.Millisecond
)

const (
	heartbeatEvery   = time.Second
	sessionTimeout   = 10 * time.Second
	rebalanceTimeout = 30 * time.Second
	// handleGrace is how long a batch in hand may take to finish after its
	// generation has ended. It must leave time to commit and rejoin before the
	// rebalance times out.
	handleGrace  = 20 * time.Second
	joinBackoff  = 500 * time.Millisecond
	retryFirst   = 100 * time.Millisecond
	retryLast    = 5 * time.Second
	partitionTTL = 30 * time.Second
)

// ConsumerConfig says what to consume and in what portions.
type ConsumerConfig struct {
	Group  string
	Topics []string
	// MaxBatch is the most messages of one batch; 0 means DefaultMaxBatch.
	MaxBatch int
	// MaxBytes is when a batch is full by the size of its messages, which it may
	// pass by one message; 0 means DefaultMaxBytes.
	MaxBytes int
	// FlushEvery is how long the first message of a batch waits for others at most,
	// and how far apart batches are as a rule; 0 means DefaultFlushEvery. While
	// nothing happens, a quarter of it without a further message is enough.
	FlushEvery time.Duration
	// Continues says that a message follows from others that have waited already, so
	// that it need not keep apart from theirs. nil means that none does.
	Continues func(Message) bool
}

func (c *ConsumerConfig) setDefaults() {
	if c.MaxBatch == 0 {
		c.MaxBatch = DefaultMaxBatch
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.FlushEvery == 0 {
		c.FlushEvery = DefaultFlushEvery
	}
}

// Handler handles one batch: messages of all partitions this consumer has, in
// order within each partition. After an error the same batch comes again.
type Handler func(ctx context.Context, batch []Message) error

// Consume joins a group and hands its messages to handle until ctx ends, which
// is its only good end; other errors are those of a wrong configuration. A
// broker that is away is waited for.
//
// The contract (invariant 2): an offset is committed only after handle returned
// nil for its message. Batches are handled one at a time; while one fails and
// is tried again, nothing behind it is handled. When the group rebalances, the
// batch in hand is finished and committed if that succeeds in time, else it is
// left to the next owner; so a message may be handled twice, never lost.
//
// A committed offset that the broker no longer has, because retention removed
// it, is logged as an error with the number of lost messages, and consuming
// goes on at the earliest message there is. A group without an offset starts
// there too.
func (c *Client) Consume(ctx context.Context, cfg ConsumerConfig, handle Handler) error {
	cfg.setDefaults()
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: c.wire(cfg.Group), Topics: c.wireAll(cfg.Topics), Brokers: c.cfg.Brokers, Dialer: c.dialer(),
		HeartbeatInterval: heartbeatEvery, SessionTimeout: sessionTimeout, RebalanceTimeout: rebalanceTimeout,
		JoinGroupBackoff: joinBackoff, StartOffset: kafkago.FirstOffset,
		WatchPartitionChanges: true, PartitionWatchInterval: partitionTTL,
		GroupBalancers: []kafkago.GroupBalancer{kafkago.RoundRobinGroupBalancer{}},
	})
	if err != nil {
		return fmt.Errorf("consuming as group %s: %w", cfg.Group, err)
	}
	defer func() {
		if err := group.Close(); err != nil {
			c.log.Warn("leaving a consumer group", "group", cfg.Group, "error", err)
		}
	}()
	for {
		gen, err := group.Next(ctx)
		if ctx.Err() != nil {
			return nil // The end that was asked for.
		}
		if err != nil {
			// The group itself waits joinBackoff before it tries again.
			c.log.Warn("joining a consumer group", "group", cfg.Group, "error", err)
			continue
		}
		g := &generation{client: c, cfg: cfg, gen: gen, handle: handle, log: c.log.With("group", cfg.Group, "generation", gen.ID)}
		ended := make(chan struct{})
		gen.Start(func(genCtx context.Context) {
			defer close(ended)
			g.run(ctx, genCtx)
		})
		<-ended
	}
}

// generation is one assignment of partitions, from join to rebalance.
type generation struct {
	client *Client
	cfg    ConsumerConfig
	gen    *kafkago.Generation
	handle Handler
	log    *slog.Logger
}

// run reads all assigned partitions into one stream of batches and handles it.
// It returns when the generation or the whole consumer ends, with every
// goroutine joined.
func (g *generation) run(ctx, genCtx context.Context) {
	fetchCtx, stop := context.WithCancel(ctx)
	detach := context.AfterFunc(genCtx, stop)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer detach()
	defer stop()

	partitions := 0
	for _, assigned := range g.gen.Assignments {
		partitions += len(assigned)
	}
	g.log.Debug("consuming", "partitions", partitions)
	in := make(chan Message, 256)
	for topic, assigned := range g.gen.Assignments {
		for _, a := range assigned {
			r := partitionReader{
				client: g.client, log: g.log.With("topic", g.client.plainName(topic), "partition", a.ID),
				topic: g.client.plainName(topic), partition: a.ID, queue: queueCapacity(g.cfg.MaxBytes, partitions), maxWait: streamMaxWait,
			}
			wg.Go(func() { r.run(fetchCtx, a.Offset, in) })
		}
	}
	batches := make(chan *batch)
	wg.Go(func() { collect(fetchCtx, g.cfg, in, batches) })
	for {
		select {
		case <-fetchCtx.Done():
			return
		case b := <-batches:
			if !g.deliver(ctx, fetchCtx, b) {
				return
			}
		}
	}
}

// deliver handles one batch until it succeeds and commits it; false means that
// the generation or the consumer ended first, and nothing was committed.
func (g *generation) deliver(ctx, fetchCtx context.Context, b *batch) bool {
	// The batch in hand outlives its generation by the grace, not the consumer.
	handleCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(fetchCtx, func() {
		grace := time.NewTimer(handleGrace)
		defer grace.Stop()
		select {
		case <-grace.C:
			cancel()
		case <-handleCtx.Done():
		}
	})()
	for attempt := 0; ; attempt++ {
		err := g.handle(handleCtx, b.messages)
		if err == nil {
			return g.commit(fetchCtx, b)
		}
		if fetchCtx.Err() != nil {
			if !errors.Is(err, context.Canceled) {
				g.log.Warn("leaving a batch to the next owner", "messages", len(b.messages), "error", err)
			}
			return false
		}
		wait := backoff(attempt)
		g.log.Warn("handling a batch failed, it is tried again", "messages", len(b.messages), "attempt", attempt+1, "wait", wait.String(), "error", err)
		select {
		case <-fetchCtx.Done():
			return false
		case <-time.After(wait):
		}
	}
}

// commit stores the offsets behind a handled batch. When the generation ended
// meanwhile it tries once: the coordinator accepts the commit as long as the
// rebalance waits for this member, and refuses it later.
func (g *generation) commit(fetchCtx context.Context, b *batch) bool {
	for attempt := 0; ; attempt++ {
		err := g.gen.CommitOffsets(g.client.wireOffsets(b.next))
		if err == nil {
			return true
		}
		if fetchCtx.Err() != nil {
			g.log.Warn("a handled batch was not committed and will come again", "messages", len(b.messages), "error", err)
			return false
		}
		wait := backoff(attempt)
		g.log.Warn("committing offsets failed, it is tried again", "attempt", attempt+1, "wait", wait.String(), "error", err)
		select {
		case <-fetchCtx.Done():
			return false
		case <-time.After(wait):
		}
	}
}

func (c *Client) wireOffsets(next map[string]map[int]int64) map[string]map[int]int64 {
	out := make(map[string]map[int]int64, len(next))
	for topic, offsets := range next {
		out[c.wire(topic)] = offsets
	}
	return out
}

// backoff grows from retryFirst to retryLast, with up to half of it random so
// that many consumers do not knock at once.
func backoff(attempt int) time.Duration {
	d := retryLast
	if attempt < 6 {
		d = min(retryFirst<<attempt, retryLast)
	}
	return d/2 + rand.N(d/2) //nolint:gosec // Jitter needs no secrecy.
}

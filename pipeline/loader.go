package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Options of a Loader. Metrics may be nil; everything else up to Logger is needed.
type Options struct {
	// Normalizers by source name.
	Normalizers map[string]Normalizer
	Sink        Sink
	Outbox      Outbox
	Logger      *slog.Logger
	Metrics     *Metrics
	// Workers is how many events are parsed at once; 0 means one per core.
	Workers int
	// Replay is the number of the replay that the loader works for (1 to
	// schema.MaxReplays), or 0 for live events. Its rows beat those of lower
	// numbers, never a newer change.
	Replay int
	// ReplayedAt is when the replay began; unused for live events.
	ReplayedAt time.Time
}

func (o Options) validate() error {
	switch {
	case o.Sink == nil:
		return errors.New("pipeline: Options.Sink is nil")
	case o.Outbox == nil:
		return errors.New("pipeline: Options.Outbox is nil")
	case o.Logger == nil:
		return errors.New("pipeline: Options.Logger is nil")
	case o.Workers < 0:
		return fmt.Errorf("pipeline: Options.Workers is %d", o.Workers)
	case o.Replay < 0 || o.Replay > schema.MaxReplays:
		return fmt.Errorf("pipeline: Options.Replay is %d, outside 0…%d", o.Replay, schema.MaxReplays)
	}
	return nil
}

// Loader turns batches of raw events into stored facts. It remembers nothing
// between batches and may be used from several goroutines at once.
type Loader struct {
	opts Options
}

// NewLoader checks the options and returns a loader.
func NewLoader(o Options) (*Loader, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return &Loader{opts: o}, nil
}

// Handle is one flush. It returns nil only when every event is accounted for:
// its facts are stored, its receipt is stored, a dead event is on the
// dead-letter topic, and the dirty keys are published (invariant 2). On any error
// any part may have happened, and the caller hands the same events over again,
// in this or another grouping: ids and versions make that change nothing.
//
// The order is what makes a crash at any point safe. A receipt is stored after
// the facts it vouches for and after a dead event was published; dirty keys go
// last, so whoever reacts to one sees the facts.
//
// A row that the store refuses for good does not hold the batch up: it is
// found by bisection, the events that it came from are dead with
// ReasonRejected, and their other facts stay.
func (l *Loader) Handle(ctx context.Context, events []schema.Event) error {
	_, err := l.handle(ctx, events)
	return err
}

func (l *Loader) handle(ctx context.Context, events []schema.Event) ([]*result, error) {
	if len(events) == 0 {
		return nil, nil
	}
	started := time.Now()
	results, err := l.normalizeAll(ctx, events)
	if err != nil {
		return nil, err
	}
	l.logPanics(ctx, results)
	if err := l.storeFacts(ctx, results); err != nil {
		return nil, fmt.Errorf("storing facts: %w", err)
	}
	if err := l.publishDead(ctx, results); err != nil {
		return nil, fmt.Errorf("publishing dead letters: %w", err)
	}
	if err := l.storeLedger(ctx, results); err != nil {
		return nil, fmt.Errorf("storing receipts: %w", err)
	}
	if keys := dirtyKeys(results); len(keys) > 0 {
		if err := l.opts.Outbox.PublishDirty(ctx, keys...); err != nil {
			return nil, fmt.Errorf("publishing dirty keys: %w", err)
		}
	}
	l.opts.Metrics.flushed(results, time.Since(started), l.opts.Replay > 0)
	return results, nil
}

func (l *Loader) publishDead(ctx context.Context, results []*result) error {
	var letters []DeadEvent
	seen := map[string]bool{}
	for _, r := range results {
		if !r.dead() {
			continue
		}
		if id := r.event.Source + "/" + r.event.ID; !seen[id] {
			seen[id] = true
			letters = append(letters, DeadEvent{Event: r.event, Reason: r.reason, Detail: r.detail})
		}
	}
	if len(letters) == 0 {
		return nil
	}
	// One line for the flush: a sender gone wrong must not flood the log, and
	// each letter is kept with its reason anyway.
	l.opts.Logger.WarnContext(ctx, "events are dead letters",
		slog.Int("count", len(letters)),
		slog.String("first_source", letters[0].Event.Source),
		slog.String("first_event_id", letters[0].Event.ID),
		slog.String("first_reason", string(letters[0].Reason)))
	return l.opts.Outbox.PublishDead(ctx, letters...)
}

// dirtyKeys of all stored facts, each once, in order of appearance. Facts that
// lost to a newer one in the same batch count too: what they name was touched.
func dirtyKeys(results []*result) []schema.DirtyKey {
	var keys []schema.DirtyKey
	seen := map[schema.DirtyKey]bool{}
	for _, r := range results {
		for i := range r.facts {
			for _, k := range r.facts[i].dirty {
				if !r.facts[i].refused && !seen[k] {
					seen[k] = true
					keys = append(keys, k)
				}
			}
		}
	}
	return keys
}

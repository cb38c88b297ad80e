package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/headway-metrics/headway/schema"
)

// result is what became of one event of a batch.
type result struct {
	event schema.Event
	facts []sealedFact
	// ignored is why an understood event has no facts, else "".
	ignored string
	// reason is why the event is dead, else "".
	reason Reason
	detail string
	stack  []byte
}

// unknown stands for a name that is missing or comes from outside.
const unknown = "unknown"

func (r *result) dead() bool { return r.reason != "" }

func (r *result) kill(reason Reason, detail string) {
	r.reason, r.detail, r.ignored = reason, shorten(detail), ""
}

// maxDetail bounds a detail, in bytes; parsers quote what they could not read.
const maxDetail = 2000

func shorten(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	return strings.ToValidUTF8(s[:maxDetail], "") + "…"
}

// factKey is a fact's place in its table.
type factKey struct{ table, id string }

type sealedFact struct {
	fact    schema.Fact
	key     factKey
	version uint64
	dirty   []schema.DirtyKey
	// refused by the store; see Loader.storeFacts.
	refused bool
}

// parallelFrom is the size of a batch from which it is worth starting
// goroutines; parsing one event takes some ten microseconds.
const parallelFrom = 32

// normalizeAll gives one result per event, in order. It fails only when ctx ends.
func (l *Loader) normalizeAll(ctx context.Context, events []schema.Event) ([]*result, error) {
	results := make([]*result, len(events))
	workers := l.opts.Workers
	if len(events) < parallelFrom {
		workers = 1
	}
	var next atomic.Int64
	work := func() {
		for ctx.Err() == nil {
			// Small shares even out events of very different sizes.
			end := int(next.Add(parallelFrom / 2))
			start := end - parallelFrom/2
			if start >= len(events) {
				return
			}
			for i := start; i < min(end, len(events)); i++ {
				results[i] = l.normalize(events[i])
			}
		}
	}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("normalising: %w", err)
	}
	return results, nil
}

// normalize never panics: whatever a parser does to one event, the others of
// the batch go on (invariant 5).
func (l *Loader) normalize(ev schema.Event) (r *result) {
	r = &result{event: ev}
	defer func() {
		if p := recover(); p != nil {
			r = &result{event: identified(ev), stack: debug.Stack()}
			r.kill(ReasonParserPanic, fmt.Sprint(p))
		}
	}()
	if ev.Type == TypeUndecodable {
		r.kill(ReasonUndecodable, ev.Subject)
		r.event = identified(ev)
		return r
	}
	if err := ev.Validate(); err != nil {
		r.event = identified(ev)
		r.kill(ReasonInvalidEvent, err.Error())
		return r
	}
	n, ok := l.opts.Normalizers[ev.Source]
	if !ok {
		r.kill(ReasonUnknownSource, fmt.Sprintf("no source named %q is configured", ev.Source))
		return r
	}
	facts, err := n.Normalize(ev)
	var ignored *schema.IgnoredError
	switch {
	case errors.As(err, &ignored):
		r.ignored = ignored.Reason
	case errors.Is(err, errors.ErrUnsupported):
		r.kill(ReasonUnsupportedType, err.Error())
	case err != nil:
		r.kill(ReasonUnparsable, err.Error())
	case len(facts) == 0:
		r.ignored = reasonNoFacts
	default:
		l.seal(r, facts)
	}
	return r
}

func (l *Loader) seal(r *result, facts []schema.Fact) {
	sealed := make([]sealedFact, 0, len(facts))
	for i, f := range facts {
		if f == nil {
			r.kill(ReasonInvalidFact, fmt.Sprintf("fact %d of %d is nil", i+1, len(facts)))
			return
		}
		if err := schema.Seal(f, l.opts.Replay); err != nil {
			r.kill(ReasonInvalidFact, err.Error())
			return
		}
		key := factKey{table: f.Table(), id: f.FactID()}
		if key.id == "" {
			r.kill(ReasonInvalidFact, fmt.Sprintf("fact %d of %d, for table %s, has no id", i+1, len(facts), key.table))
			return
		}
		sealed = append(sealed, sealedFact{fact: f, key: key, version: schema.MetaOf(f).Version, dirty: f.DirtyKeys()})
	}
	r.facts = sealed
}

// identified fills in what an event must have and lacks, its id made from what
// it has, so that it too can be accounted for and published as a dead letter.
func identified(ev schema.Event) schema.Event {
	if ev.ID == "" {
		ev.ID = schema.EventID(ev.Source, ev.Type, ev.Subject, ev.Key, string(ev.Data))
	}
	if ev.Source == "" {
		ev.Source = unknown
	}
	if ev.Type == "" {
		ev.Type = unknown
	}
	if ev.Time.IsZero() {
		ev.Time = schema.MinTime
	}
	return ev
}

// logPanics writes one stack per source and flush: a parser that panics on
// every event must not flood the log.
func (l *Loader) logPanics(ctx context.Context, results []*result) {
	logged := map[string]bool{}
	for _, r := range results {
		if r.stack == nil || logged[r.event.Source] {
			continue
		}
		logged[r.event.Source] = true
		l.opts.Logger.ErrorContext(ctx, "parser panicked",
			slog.String("source", r.event.Source),
			slog.String("event_id", r.event.ID),
			slog.String("event_type", r.event.Type),
			slog.String("panic", r.detail),
			slog.String("stack", string(r.stack)))
	}
}

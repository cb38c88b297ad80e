package collectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Backfiller is a Poller that can be asked for more of the past than its
// configuration says.
type Backfiller interface {
	Poller
	// Backfill returns a poller of the same system that reads what happened from a
	// time on, begins with an empty cursor, and returns no ErrMore once it has
	// caught up. Its events have the ids of those that Poll emits. Its cursor is
	// not Poll's.
	Backfill(from time.Time) (Poller, error)
}

// Estimator is a backfill that knows how far it is.
type Estimator interface {
	// Progress of a cursor: done of total, in a unit such as "days". Total is 0
	// while it is not known.
	Progress(Cursor) (done, total int64, unit string)
}

// BackfillOptions say what to read. All fields but OnProgress are required.
type BackfillOptions struct {
	Source    Backfiller
	From      time.Time
	Cursors   CursorStore
	Publisher Publisher
	Logger    *slog.Logger
	// OnProgress is told after every step.
	OnProgress func(BackfillProgress)
}

// BackfillProgress is how far a backfill is.
type BackfillProgress struct {
	// Events published in this run.
	Events int64
	// Done of Total, in Unit; Total is 0 when nobody knows.
	Done, Total int64
	Unit        string
	// Waiting is how long the system, or the share of the rate budget that live
	// polling has, keeps it; "" is the reason.
	Waiting time.Duration
	Reason  string
}

// backfillState is what is kept of a backfill: its poller's cursor, and whether it
// has ended.
type backfillState struct {
	Cursor []byte    `json:"cursor,omitempty"`
	DoneAt time.Time `json:"done_at,omitzero"`
}

// maxBackfillFailures in a row end a backfill; the same command goes on where it was.
const maxBackfillFailures = 8

// BackfillKey is the key of a backfill's cursor: one for each source and day.
func BackfillKey(source string, from time.Time) string {
	return "backfill/" + source + "/" + from.UTC().Format(time.RFC3339)
}

// Backfill reads the past of a source from a time on and says when it had ended
// before, in which case it reads nothing. A cursor is saved after what it covers is
// in Kafka (invariant 1), so that it goes on where it was when it is interrupted;
// what is read twice has the same ids.
func Backfill(ctx context.Context, o BackfillOptions) (endedBefore time.Time, err error) {
	source := o.Source.Name()
	key := BackfillKey(source, o.From)
	raw, err := o.Cursors.Load(ctx, key)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the cursor of the backfill of %s: %w", source, err)
	}
	var state backfillState
	if raw != nil {
		if err := json.Unmarshal(raw, &state); err != nil {
			return time.Time{}, fmt.Errorf("reading the cursor of the backfill of %s: %w", source, err)
		}
	}
	if !state.DoneAt.IsZero() {
		return state.DoneAt, nil
	}
	p, err := o.Source.Backfill(o.From)
	if err != nil {
		return time.Time{}, fmt.Errorf("backfill of %s: %w", source, err)
	}
	b := &backfill{BackfillOptions: o, poller: p, key: key, state: state}
	return time.Time{}, b.run(ctx)
}

type backfill struct {
	BackfillOptions
	poller   Poller
	key      string
	state    backfillState
	progress BackfillProgress
}

func (b *backfill) run(ctx context.Context) error {
	b.tell(0, "")
	for failures := 0; ; {
		err := b.step(ctx)
		var wait time.Duration
		later, patient := errors.AsType[*RetryAfterError](err)
		switch {
		case err == nil:
			b.state.DoneAt = time.Now().UTC()
			b.progress.Done = b.progress.Total
			b.tell(0, "")
			return b.save(ctx)
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrMore):
			failures = 0
		case patient:
			wait = max(later.After, time.Second)
			b.Logger.InfoContext(ctx, "backfill waits", "source", b.Source.Name(), "wait", wait, "reason", err)
		default:
			if failures++; failures >= maxBackfillFailures {
				return fmt.Errorf("backfill of %s: %w; the same command goes on where it was", b.Source.Name(), err)
			}
			wait = backoff(failures)
			b.Logger.WarnContext(ctx, "backfill failed", "source", b.Source.Name(), "retry_in", wait, "error", err)
		}
		reason := ""
		if wait > 0 {
			reason = err.Error()
		}
		b.tell(wait, reason)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// step polls once and saves the cursor that comes back.
func (b *backfill) step(ctx context.Context) error {
	source := b.Source.Name()
	var cursor Cursor
	if len(b.state.Cursor) > 0 {
		cursor = b.state.Cursor
	}
	after, err := b.poller.Poll(ctx, cursor, func(ctx context.Context, events ...schema.Event) error {
		if len(events) == 0 {
			return nil
		}
		if err := b.Publisher.Publish(ctx, events...); err != nil {
			return fmt.Errorf("publishing events of %s: %w", source, err)
		}
		b.progress.Events += int64(len(events))
		b.tell(0, "")
		return nil
	})
	if after == nil {
		return err
	}
	b.state.Cursor = after
	if saveErr := b.save(ctx); saveErr != nil {
		return errors.Join(err, saveErr)
	}
	return err
}

// save keeps the state, also when the command is being stopped.
func (b *backfill) save(ctx context.Context) error {
	raw, err := json.Marshal(b.state)
	if err != nil {
		return fmt.Errorf("writing the cursor of the backfill: %w", err)
	}
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
	defer cancel()
	if err := b.Cursors.Save(saving, b.key, raw); err != nil {
		return fmt.Errorf("saving the cursor of the backfill: %w", err)
	}
	return nil
}

func (b *backfill) tell(wait time.Duration, reason string) {
	if b.OnProgress == nil {
		return
	}
	if e, ok := b.poller.(Estimator); ok && b.state.DoneAt.IsZero() {
		b.progress.Done, b.progress.Total, b.progress.Unit = e.Progress(b.state.Cursor)
	}
	b.progress.Waiting, b.progress.Reason = wait, reason
	b.OnProgress(b.progress)
}

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/headway-metrics/headway/schema"
)

const (
	// replayBatch and replayBytes bound one flush of a replay.
	replayBatch = 5000
	replayBytes = 16 << 20
	// replayCheckpoint is after how many events a replay saves its position.
	replayCheckpoint = 50_000
)

// ReplayerOptions are what a Replayer works with; all are needed but Metrics,
// which Loader may leave nil. Loader.Replay and Loader.ReplayedAt are set by the
// Replayer.
type ReplayerOptions struct {
	Loader  Options
	History History
	Querier Querier
	// Letters closes the dead letters that the replay has turned into facts.
	Letters *Deadletters
	// Now is the clock, for the times in the record of a replay.
	Now func() time.Time
}

// Replayer applies the current parsers to history.
//
// Nothing is counted twice: a fact keeps its key, and the replay's number in its
// version lets it win over the row it corrects and lose to any newer change
// (schema.Seal). The pipeline should run the corrected parser before a replay
// starts, or events that arrive meanwhile are read by the old one.
//
// What a replay does not do is withdraw a fact that the corrected parser no
// longer makes at all, for instance because the old one had its id wrong:
// facts do not name the event they came from, so the old row cannot be told
// from one that another event vouches for. A parser that changes an id makes
// the fact of the old id too, marked with schema.MarkDeleted, for as long as
// events of that age may be replayed; its replay number then removes the row.
type Replayer struct {
	opts ReplayerOptions
	// batch, bytes and checkpoint are the constants above but in tests.
	batch, bytes, checkpoint int
}

// NewReplayer checks the options and returns a replayer.
func NewReplayer(o ReplayerOptions) (*Replayer, error) {
	switch {
	case o.History == nil:
		return nil, errors.New("pipeline: ReplayerOptions.History is nil")
	case o.Querier == nil:
		return nil, errors.New("pipeline: ReplayerOptions.Querier is nil")
	case o.Letters == nil:
		return nil, errors.New("pipeline: ReplayerOptions.Letters is nil")
	case o.Now == nil:
		return nil, errors.New("pipeline: ReplayerOptions.Now is nil")
	}
	if err := o.Loader.validate(); err != nil {
		return nil, err
	}
	return &Replayer{opts: o, batch: replayBatch, bytes: replayBytes, checkpoint: replayCheckpoint}, nil
}

// ReplayRequest says what to read again.
type ReplayRequest struct {
	Source string
	// From and To bound the time at which events were published, [From, To). The
	// zero From is the beginning, the zero To the end of the topic at the start.
	From, To time.Time
	// DryRun parses and counts and changes nothing.
	DryRun bool
	// Progress, when set, is called after every flush.
	Progress func(ReplayProgress)
}

// ReplayProgress is where a replay stands.
type ReplayProgress struct {
	// Number of the replay among those of its source.
	Number int `json:"number"`
	// Resumed says that an earlier run of this replay was interrupted; Tally
	// includes its events.
	Resumed bool `json:"resumed"`
	// At is the publishing time of the last event handled.
	At time.Time `json:"at"`
	Tally
}

// Run replays a source. A replay that ended early, by an error, its context or
// a crash, is continued by the next Run with the same source, From and To,
// under its own number and where it last saved its position; with other bounds
// a new replay begins. Two runs of one replay at once do the work twice and the
// same.
func (r *Replayer) Run(ctx context.Context, req ReplayRequest) (ReplayProgress, error) {
	if _, ok := r.opts.Loader.Normalizers[req.Source]; !ok {
		return ReplayProgress{}, fmt.Errorf("replaying: no source named %q is configured", req.Source)
	}
	if !req.To.IsZero() && !req.From.Before(req.To) {
		return ReplayProgress{}, fmt.Errorf("replaying %s: from %s is not before to %s", req.Source, req.From.Format(time.RFC3339), req.To.Format(time.RFC3339))
	}
	rec, resumed, err := r.record(ctx, req)
	if err != nil {
		return ReplayProgress{}, fmt.Errorf("replaying %s: %w", req.Source, err)
	}
	run := &replayRun{
		Replayer: r, req: req, record: rec,
		outbox:   &deferredOutbox{Outbox: r.opts.Loader.Outbox, seen: map[schema.DirtyKey]bool{}},
		progress: ReplayProgress{Number: int(rec.Replay), Resumed: resumed, Tally: rec.tally()},
	}
	if err := run.do(ctx); err != nil {
		return run.progress, fmt.Errorf("replaying %s: %w", req.Source, err)
	}
	return run.progress, nil
}

// replayRun is one Run.
type replayRun struct {
	*Replayer
	req      ReplayRequest
	record   *ReplayRecord
	loader   *Loader
	outbox   *deferredOutbox
	progress ReplayProgress

	pending      []schema.Event
	pendingBytes int
	unsaved      int
}

func (r *replayRun) do(ctx context.Context) error {
	o := r.opts.Loader
	o.Outbox, o.Replay, o.ReplayedAt = r.outbox, int(r.record.Replay), r.record.StartedAt
	var err error
	if r.loader, err = NewLoader(o); err != nil {
		return err
	}
	position, err := r.record.position()
	if err != nil {
		return err
	}
	// The record comes first: the number is taken before any row carries it.
	if err := r.save(ctx, position); err != nil {
		return err
	}
	o.Logger.InfoContext(ctx, "replay begins", slog.String("source", r.req.Source), slog.Int("replay", o.Replay),
		slog.Bool("resumed", r.progress.Resumed), slog.Bool("dry_run", r.req.DryRun))
	err = r.opts.History.ReadRange(ctx, schema.RawTopic(r.req.Source), r.req.From, func(rec Record) error {
		if rec.Offset < position[rec.Partition] || !r.req.To.IsZero() && !rec.Published.Before(r.req.To) {
			return nil
		}
		r.pending = append(r.pending, rec.Event)
		r.pendingBytes += len(rec.Event.Data)
		position[rec.Partition] = rec.Offset + 1
		r.progress.At = rec.Published
		if len(r.pending) < r.batch && r.pendingBytes < r.bytes {
			return nil
		}
		return r.flush(ctx, position)
	})
	if err != nil {
		return err
	}
	if err := r.flush(ctx, position); err != nil {
		return err
	}
	return r.finish(ctx, position)
}

func (r *replayRun) flush(ctx context.Context, position map[int]int64) error {
	var results []*result
	var err error
	if r.req.DryRun {
		results, err = r.loader.normalizeAll(ctx, r.pending)
	} else {
		results, err = r.loader.handle(ctx, r.pending)
	}
	if err != nil {
		return err
	}
	r.progress.add(results)
	r.unsaved += len(r.pending)
	r.pending, r.pendingBytes = r.pending[:0], 0
	if r.req.Progress != nil {
		r.req.Progress(r.progress)
	}
	if r.unsaved < r.checkpoint {
		return nil
	}
	return r.save(ctx, position)
}

// save publishes the dirty keys collected so far and only then the position
// behind the events that made them dirty.
func (r *replayRun) save(ctx context.Context, position map[int]int64) error {
	r.unsaved = 0
	if r.req.DryRun {
		return nil
	}
	if err := r.outbox.flush(ctx); err != nil {
		return err
	}
	if err := r.record.update(position, r.progress.Tally, r.opts.Now()); err != nil {
		return err
	}
	if err := r.opts.Loader.Sink.Insert(ctx, []schema.Fact{r.record}); err != nil {
		return fmt.Errorf("saving the position: %w", err)
	}
	return nil
}

func (r *replayRun) finish(ctx context.Context, position map[int]int64) error {
	if r.req.DryRun {
		return nil
	}
	// Before the record is closed, so that an error here is repaired by resuming.
	if _, err := r.opts.Letters.Settle(ctx, r.req.Source); err != nil {
		return err
	}
	now := r.opts.Now()
	r.record.FinishedAt = &now
	return r.save(ctx, position)
}

// deferredOutbox collects dirty keys over many flushes: history touches the same
// few repositories again and again, and each key published costs a derivation.
type deferredOutbox struct {
	Outbox

	keys []schema.DirtyKey
	seen map[schema.DirtyKey]bool
}

func (o *deferredOutbox) PublishDirty(_ context.Context, keys ...schema.DirtyKey) error {
	for _, k := range keys {
		if !o.seen[k] {
			o.seen[k] = true
			o.keys = append(o.keys, k)
		}
	}
	return nil
}

func (o *deferredOutbox) flush(ctx context.Context) error {
	if len(o.keys) == 0 {
		return nil
	}
	if err := o.Outbox.PublishDirty(ctx, o.keys...); err != nil {
		return fmt.Errorf("publishing dirty keys: %w", err)
	}
	o.keys, o.seen = nil, map[schema.DirtyKey]bool{}
	return nil
}

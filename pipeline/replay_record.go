package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// ReplayRecord is the row of one replay in the table replays.
type ReplayRecord struct {
	schema.Meta
	Replay     uint16     `ch:"replay"`
	From       time.Time  `ch:"from_time"`
	To         *time.Time `ch:"to_time"`
	StartedAt  time.Time  `ch:"started_at"`
	FinishedAt *time.Time `ch:"finished_at"`
	// Position is the next offset by partition, as JSON.
	Position string `ch:"position"`
	Events   uint64 `ch:"events"`
	Facts    uint64 `ch:"facts"`
	Ignored  uint64 `ch:"ignored"`
	Dead     uint64 `ch:"dead"`
}

// Table is the ClickHouse table of replays.
func (*ReplayRecord) Table() string { return "replays" }

// FactID names the replay: "github/3".
func (r *ReplayRecord) FactID() string { return fmt.Sprintf("%s/%d", r.Source, r.Replay) }

// DirtyKeys is nil: nothing is derived from replays.
func (*ReplayRecord) DirtyKeys() []schema.DirtyKey { return nil }

func (r *ReplayRecord) tally() Tally {
	return Tally{Events: r.Events, Facts: r.Facts, Ignored: r.Ignored, Dead: r.Dead}
}

func (r *ReplayRecord) position() (map[int]int64, error) {
	out := map[int]int64{}
	if r.Position == "" {
		return out, nil
	}
	if err := json.Unmarshal([]byte(r.Position), &out); err != nil {
		return nil, fmt.Errorf("reading the position of replay %s: %w", r.FactID(), err)
	}
	return out, nil
}

func (r *ReplayRecord) update(position map[int]int64, t Tally, now time.Time) error {
	b, err := json.Marshal(position)
	if err != nil {
		return fmt.Errorf("writing the position: %w", err)
	}
	r.Position = string(b)
	r.Events, r.Facts, r.Ignored, r.Dead = t.Events, t.Facts, t.Ignored, t.Dead
	// Two saves within a millisecond must not be decided by their hash, nor by a
	// clock that was set back.
	at := schema.VersionTime(r.Version).Add(time.Millisecond)
	if now.After(at) {
		at = now
	}
	r.Version = schema.NewVersion(at, 0)
	return schema.Seal(r, 0)
}

// record finds the interrupted replay that the request continues, or makes the
// record of the next.
func (r *Replayer) record(ctx context.Context, req ReplayRequest) (rec *ReplayRecord, resumed bool, err error) {
	columns, rows, err := r.opts.Querier.Query(ctx, `SELECT replay, version, from_time, to_time, started_at, finished_at,
	position, events, facts, ignored, dead
FROM replays FINAL
WHERE source = {source:String}
ORDER BY replay DESC
LIMIT 1`, map[string]any{"source": req.Source})
	if err != nil {
		return nil, false, fmt.Errorf("reading the last replay: %w", err)
	}
	next := &ReplayRecord{
		Meta: schema.Meta{Source: req.Source}, Replay: 1, From: stored(req.From), StartedAt: stored(r.opts.Now()),
	}
	if !req.To.IsZero() {
		to := stored(req.To)
		next.To = &to
	}
	if len(rows) == 0 {
		return next, false, nil
	}
	v := &row{columns: columns, values: rows[0]}
	last := &ReplayRecord{
		Meta:   schema.Meta{Source: req.Source, Version: v.number("version")},
		Replay: uint16(v.number("replay")), //nolint:gosec // The column is a UInt16.
		From:   v.time("from_time"), To: v.optionalTime("to_time"),
		StartedAt: v.time("started_at"), FinishedAt: v.optionalTime("finished_at"), Position: v.text("position"),
		Events: v.number("events"), Facts: v.number("facts"), Ignored: v.number("ignored"), Dead: v.number("dead"),
	}
	if v.err != nil {
		return nil, false, fmt.Errorf("reading the last replay: %w", v.err)
	}
	if last.FinishedAt == nil && last.covers(next) && !req.DryRun {
		return last, true, nil
	}
	if last.Replay >= schema.MaxReplays {
		return nil, false, fmt.Errorf("it has been replayed %d times, and versions can tell no more apart", schema.MaxReplays)
	}
	next.Replay = last.Replay + 1
	return next, false, nil
}

// covers reports whether both read the same range.
func (r *ReplayRecord) covers(o *ReplayRecord) bool {
	if (r.To == nil) != (o.To == nil) || r.To != nil && !r.To.Equal(*o.To) {
		return false
	}
	return r.From.Equal(o.From)
}

// stored is a time as the tables keep it.
func stored(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Millisecond)
	if t.Before(schema.MinTime) {
		return schema.MinTime
	}
	return t
}

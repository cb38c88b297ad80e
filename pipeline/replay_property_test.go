package pipeline_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/pipeline/pipelinetest"
	"github.com/headway-metrics/headway/schema"
)

// warehouse answers the questions of a replay from a Store.
type warehouse struct{ store *pipelinetest.Store }

func (w warehouse) Query(_ context.Context, sql string, args map[string]any) (columns []string, rows [][]any, err error) {
	source := args["source"].(string)
	if strings.Contains(sql, "FROM replays FINAL") {
		records, err := pipelinetest.Read[pipeline.ReplayRecord](w.store, "replays")
		if err != nil {
			return nil, nil, err
		}
		var last *pipeline.ReplayRecord
		for i := range records {
			if records[i].Source == source && (last == nil || records[i].Replay > last.Replay) {
				last = &records[i]
			}
		}
		columns = []string{"replay", "version", "from_time", "to_time", "started_at", "finished_at", "position", "events", "facts", "ignored", "dead"}
		if last == nil {
			return columns, nil, nil
		}
		return columns, [][]any{{
			uint64(last.Replay), last.Version, last.From, null(last.To), last.StartedAt, null(last.FinishedAt),
			last.Position, last.Events, last.Facts, last.Ignored, last.Dead,
		}}, nil
	}
	letters, err := pipelinetest.Read[schema.DeadLetter](w.store, "dead_letters")
	if err != nil {
		return nil, nil, err
	}
	receipts, err := pipelinetest.Read[schema.Receipt](w.store, "receipts")
	if err != nil {
		return nil, nil, err
	}
	understood := map[string]bool{}
	for _, r := range receipts {
		understood[r.Source+"/"+r.EventID] = r.Outcome != schema.OutcomeDead
	}
	columns = []string{"source", "event_id", "type", "subject", "partition_key", "reason", "detail", "received_at", "failed_at", "bytes", "content_type", "understood"}
	for _, d := range letters {
		after := d.Source > args["after_source"].(string) || d.Source == args["after_source"] && d.EventID > args["after_id"].(string)
		if d.Source == source && d.Retried == 0 && after && understood[d.Source+"/"+d.EventID] {
			rows = append(rows, []any{
				d.Source, d.EventID, d.Type, d.Subject, d.Key, d.Reason, d.Detail, d.ReceivedAt, d.FailedAt,
				uint64(len(d.Payload)), d.ContentType, uint64(1),
			})
		}
	}
	return columns, rows, nil
}

func null(t *time.Time) any {
	if t == nil {
		return nil
	}
	return *t
}

type replayRig struct {
	*rig
	history *pipelinetest.History
	now     time.Time
}

// attempt is one process that replays: everything but the stores is new.
func (r *replayRig) attempt(tb testing.TB, batch, checkpoint int) (pipeline.ReplayProgress, error) {
	tb.Helper()
	rp, err := pipeline.NewReplayer(pipeline.ReplayerOptions{
		Loader: pipeline.Options{
			Normalizers: map[string]pipeline.Normalizer{"alpha": scripted{suffix: " fixed"}},
			Sink:        r.store, Outbox: r.outbox, Logger: quiet(),
		},
		History: r.history, Querier: warehouse{r.store},
		Letters: pipeline.NewDeadletters(warehouse{r.store}, &published{}, r.store),
		Now:     func() time.Time { return r.now },
	})
	if err != nil {
		tb.Fatal(err)
	}
	rp.SetSizes(batch, checkpoint)
	return rp.Run(tb.Context(), pipeline.ReplayRequest{Source: "alpha"})
}

// However often a replay is interrupted, it ends as one that was not: same
// tables, its own number, every event counted once in its record.
func TestAnInterruptedReplayEndsAsAnUndisturbedOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var events []schema.Event
		for _, ev := range drawEvents(rt) {
			ev.Source = "alpha"
			events = append(events, ev)
		}
		if _, ok := oracle(rt, events); !ok {
			return
		}
		split := rapid.IntRange(0, len(events)).Draw(rt, "split")
		prepare := func() *replayRig {
			r := &replayRig{rig: newRig(t, func(o *pipeline.Options) {
				o.Normalizers = map[string]pipeline.Normalizer{"alpha": failing{scripted{}, "e03"}}
			}), history: history(events[:split], events[split:]), now: epoch.Add(24 * time.Hour)}
			if err := r.Handle(t.Context(), events); err != nil {
				rt.Fatal(err)
			}
			return r
		}
		batch, checkpoint := rapid.IntRange(1, 6).Draw(rt, "batch"), rapid.IntRange(1, 12).Draw(rt, "checkpoint")

		want := prepare()
		if _, err := want.attempt(t, batch, checkpoint); err != nil {
			rt.Fatal(err)
		}
		got := prepare()
		var progress pipeline.ReplayProgress
		for attempt := 0; ; attempt++ {
			if attempt == 40 {
				rt.Fatal("the replay does not end")
			}
			got.history.FailAfter = 0
			if attempt < 10 {
				got.history.FailAfter = rapid.IntRange(0, len(events)).Draw(rt, "fail_after")
				got.faults.FailAfter(rapid.SampledFrom(pipelinetest.Points()).Draw(rt, "point"), rapid.IntRange(0, 9).Draw(rt, "passes"), 1)
			}
			var err error
			progress, err = got.attempt(t, batch, checkpoint)
			if err == nil || finished(t, got.store) {
				// An answer lost after the last save is an end too.
				break
			}
		}
		if progress.Number != 1 || progress.Events != uint64(len(events)) {
			rt.Fatalf("replay %d counts %d events, want 1 and %d", progress.Number, progress.Events, len(events))
		}
		wantTables, gotTables := want.store.Tables(), got.store.Tables()
		delete(wantTables, "replays")
		delete(gotTables, "replays")
		if d := cmp.Diff(wantTables, gotTables); d != "" {
			rt.Fatalf("tables differ from an undisturbed replay (-want +got):\n%s", d)
		}
		sameSet(rt, "dirty keys", set(want.outbox.Dirty()), set(got.outbox.Dirty()))
		sameSet(rt, "dead letters", deadSet(want.rig), deadSet(got.rig))
	})
}

func finished(tb testing.TB, store *pipelinetest.Store) bool {
	tb.Helper()
	records, err := pipelinetest.Read[pipeline.ReplayRecord](store, "replays")
	if err != nil {
		tb.Fatal(err)
	}
	return len(records) == 1 && records[0].FinishedAt != nil
}

// A position is saved only behind published dirty keys: were it otherwise, a
// crash between them would lose a derivation.
func TestReplayPublishesDirtyKeysBeforeItsPosition(t *testing.T) {
	t.Parallel()
	var events []schema.Event
	for i := range 9 {
		events = append(events, event(fmt.Sprintf("e%d", i), script{Facts: []scriptFact{{ID: fmt.Sprintf("u%d", i), Incident: fmt.Sprintf("i%d", i)}}}))
	}
	r := &replayRig{rig: newRig(t), history: history(events), now: epoch}
	r.faults.FailAfter(pipelinetest.BeforeDirty, 1, 1)
	if _, err := r.attempt(t, 1, 3); err == nil {
		t.Fatal("want the injected error")
	}
	if got := len(r.outbox.Dirty()); got != 3 {
		t.Errorf("%d keys are published, want the first 3", got)
	}
	records, err := pipelinetest.Read[pipeline.ReplayRecord](r.store, "replays")
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != 1 || records[0].Position != `{"0":3}` {
		t.Fatalf("the record is %+v, want position 3", records)
	}
	got, err := r.attempt(t, 1, 3)
	if err != nil || !got.Resumed || got.Number != 1 || len(set(r.outbox.Dirty())) != 9 {
		t.Errorf("resumed replay: %+v, %v, %d keys", got, err, len(set(r.outbox.Dirty())))
	}
}

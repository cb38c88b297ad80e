package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/pipeline/pipelinetest"
	"github.com/headway-metrics/headway/schema"
)

// published is a publisher that remembers.
type published struct {
	mu     sync.Mutex
	events []schema.Event
}

func (p *published) Publish(_ context.Context, events ...schema.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, events...)
	return nil
}

func (p *published) take() []schema.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.events
	p.events = nil
	return out
}

// dump is a table as every query sees it, row by row.
func dump(tb testing.TB, db *clickhousetest.Database, table string) []string {
	tb.Helper()
	_, rows, err := db.Reader.Query(tb.Context(), "SELECT toJSONString(tuple(*)) AS row FROM "+table+" FINAL ORDER BY row", nil)
	if err != nil {
		tb.Fatal(err)
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r[0].(string)
	}
	return out
}

func query(tb testing.TB, db *clickhousetest.Database, sql string) string {
	tb.Helper()
	_, rows, err := db.Reader.Query(tb.Context(), sql, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprint(rows)
}

func TestARowThatClickHouseRefusesKillsItsEventOnly(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	if err := db.Exec(t.Context(), "ALTER TABLE deployments ADD CONSTRAINT sane CHECK branch != '"+refusedNote+"'", nil); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(o *pipeline.Options) { o.Sink = db.Conn })
	var batch []schema.Event
	for i := range 50 {
		f := scriptFact{ID: fmt.Sprintf("d%02d", i), Note: "fine"}
		if i == 13 {
			f.Note = refusedNote
		}
		batch = append(batch, event(fmt.Sprintf("e%02d", i), script{Facts: []scriptFact{f}}))
	}
	if err := r.Handle(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if got := query(t, db, "SELECT count() FROM deployments FINAL"); got != "[[49]]" {
		t.Errorf("%s deployments, want 49", got)
	}
	if got := query(t, db, "SELECT event_id, outcome, reason FROM receipts FINAL WHERE outcome != 'facts'"); got != "[[e13 dead rejected_by_store]]" {
		t.Errorf("receipts without facts: %s", got)
	}
}

func TestDeadLettersAreListedShownRetriedAndSettled(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	var pub published
	letters := pipeline.NewDeadletters(db.Reader, &pub, db.Conn)
	broken := newRig(t, func(o *pipeline.Options) { o.Sink, o.Normalizers = db.Conn, nil })
	mended := newRig(t, func(o *pipeline.Options) { o.Sink = db.Conn })

	first := event("first", script{Facts: []scriptFact{{ID: "d1"}}})
	second := sourceEvent("beta", "second", script{Facts: []scriptFact{{ID: "d2"}}})
	second.Time, second.ContentType, second.Key = epoch.Add(2*time.Hour), "text/csv", "key"
	hopeless := pipeline.Undecodable(pipeline.RawMessage{Topic: schema.RawTopic("alpha"), Value: []byte{0xff, 0}, Time: epoch}, errors.New("no headers"))
	stays := event("stays", script{Fail: "unreadable"})
	stays.Time = epoch.Add(-time.Hour)
	if err := broken.Handle(t.Context(), []schema.Event{first, second, hopeless, stays}); err != nil {
		t.Fatal(err)
	}

	list := func(f pipeline.LetterFilter) string {
		t.Helper()
		all, err := letters.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, l := range all {
			ids = append(ids, l.EventID)
		}
		return strings.Join(ids, " ")
	}
	for _, tc := range []struct {
		name string
		f    pipeline.LetterFilter
		want string
	}{
		{"all, newest first", pipeline.LetterFilter{}, "second first " + hopeless.ID + " stays"},
		{"limit", pipeline.LetterFilter{Limit: 1}, "second"},
		{"source", pipeline.LetterFilter{Source: "beta"}, "second"},
		{"reason", pipeline.LetterFilter{Reason: pipeline.ReasonUndecodable}, hopeless.ID},
		{"from", pipeline.LetterFilter{From: first.Time}, "second first"},
		{"to", pipeline.LetterFilter{To: epoch}, "stays"},
		{"ids", pipeline.LetterFilter{EventIDs: []string{"first", "stays", "nobody"}}, "first stays"},
		{"quotes do no harm", pipeline.LetterFilter{Source: `'; DROP TABLE receipts --\`}, ""},
	} {
		if got := list(tc.f); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}

	l, payload, err := letters.Show(t.Context(), "beta", "second")
	if err != nil {
		t.Fatal(err)
	}
	if string(payload) != string(second.Data) || l.Reason != pipeline.ReasonUnknownSource || l.ContentType != "text/csv" || l.Bytes != uint64(len(payload)) {
		t.Errorf("shown: %+v with payload %q", l, payload)
	}
	if _, raw, err := letters.Show(t.Context(), "alpha", hopeless.ID); err != nil || string(raw) != "\xff\x00" {
		t.Errorf("bytes that are no text: got %q, %v", raw, err)
	}
	if _, _, err := letters.Show(t.Context(), "alpha", "nobody"); !errors.Is(err, pipeline.ErrNoLetter) {
		t.Errorf("got %v, want ErrNoLetter", err)
	}

	retried, err := letters.Retry(t.Context(), pipeline.LetterFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(retried.Published) != 3 || len(retried.Hopeless) != 1 {
		t.Fatalf("retried %+v, want 3 and 1 that is hopeless", retried)
	}
	again := pub.take()
	slices.SortFunc(again, func(a, b schema.Event) int { return strings.Compare(a.ID, b.ID) })
	if d := cmp.Diff([]schema.Event{first, second, stays}, again); d != "" {
		t.Errorf("events are not published as they came (-want +got):\n%s", d)
	}
	if err := mended.Handle(t.Context(), again); err != nil {
		t.Fatal(err)
	}

	if got := list(pipeline.LetterFilter{}); got != hopeless.ID+" stays" {
		t.Errorf("before settling, %q are dead", got)
	}
	for _, want := range []int{2, 0} {
		if n, err := letters.Settle(t.Context(), ""); err != nil || n != want {
			t.Errorf("settled %d, %v; want %d", n, err, want)
		}
	}
	if got := query(t, db, "SELECT event_id, retried, payload FROM dead_letters FINAL WHERE retried = 1 ORDER BY event_id"); got != "[[first 1 ] [second 1 ]]" {
		t.Errorf("settled letters are %s", got)
	}
	if got := list(pipeline.LetterFilter{Understood: true}); got != "second first "+hopeless.ID+" stays" {
		t.Errorf("with the understood ones: %q", got)
	}
	// The old process reads the old message once more: nothing dies again.
	if err := broken.Handle(t.Context(), []schema.Event{first}); err != nil {
		t.Fatal(err)
	}
	if got := list(pipeline.LetterFilter{}); got != hopeless.ID+" stays" {
		t.Errorf("after a late redelivery, %q are dead", got)
	}
	retried, err = letters.Retry(t.Context(), pipeline.LetterFilter{Source: "alpha"})
	if err != nil || len(retried.Published) != 1 || retried.Published[0].EventID != "stays" {
		t.Errorf("retrying again: %+v, %v; want only what is still dead", retried, err)
	}
}

// history puts events on one partition each second.
func history(partitions ...[]schema.Event) *pipelinetest.History {
	h := &pipelinetest.History{}
	for _, events := range partitions {
		var records []pipeline.Record
		for i, ev := range events {
			records = append(records, pipeline.Record{Event: ev, Published: epoch.Add(time.Duration(i) * time.Second)})
		}
		h.Partitions = append(h.Partitions, records)
	}
	return h
}

func replayer(tb testing.TB, db *clickhousetest.Database, h pipeline.History, n pipeline.Normalizer, outbox pipeline.Outbox) *pipeline.Replayer {
	tb.Helper()
	clock := epoch.Add(24 * time.Hour)
	rp, err := pipeline.NewReplayer(pipeline.ReplayerOptions{
		Loader:  pipeline.Options{Normalizers: map[string]pipeline.Normalizer{"alpha": n}, Sink: db.Conn, Outbox: outbox, Logger: quiet()},
		History: h, Querier: db.Reader, Letters: pipeline.NewDeadletters(db.Reader, &published{}, db.Conn),
		Now: func() time.Time { return clock },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return rp
}

func TestReplayAppliesACorrectedParserOnce(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	events := []schema.Event{
		event("e1", script{Facts: []scriptFact{{ID: "d1", Second: 1}}}),
		event("e2", script{Facts: []scriptFact{{ID: "d2", Second: 2}, {ID: "u1", Incident: "i1"}}}),
		event("e3", script{Ignore: "star"}),
		event("e4", script{Facts: []scriptFact{{ID: "d1", Second: 4}}}),
		event("e5", script{Fail: "unreadable for ever"}),
	}
	old := newRig(t, func(o *pipeline.Options) {
		o.Sink = db.Conn
		o.Normalizers = map[string]pipeline.Normalizer{"alpha": failing{scripted{}, "e2"}}
	})
	if err := old.Handle(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if got := query(t, db, "SELECT count() FROM dead_letters FINAL WHERE retried = 0"); got != "[[2]]" {
		t.Fatalf("%s dead letters before, want 2", got)
	}

	outbox := &pipelinetest.Outbox{}
	rp := replayer(t, db, history(events[:3], events[3:]), scripted{suffix: "fixed"}, outbox)
	dry, err := rp.Run(t.Context(), pipeline.ReplayRequest{Source: "alpha", DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	before := dump(t, db, "receipts")
	want := pipeline.Tally{
		Events: 5, Facts: 4, Ignored: 1, Dead: 1,
		Tables: map[string]uint64{"deployments": 3, "incident_updates": 1}, Reasons: map[pipeline.Reason]uint64{pipeline.ReasonUnparsable: 1},
	}
	if d := cmp.Diff(want, dry.Tally); d != "" {
		t.Errorf("dry run (-want +got):\n%s", d)
	}
	if got := query(t, db, "SELECT count() FROM replays"); got != "[[0]]" || len(outbox.Dirty()) != 0 {
		t.Errorf("the dry run left %s records and %v", got, outbox.Dirty())
	}

	for number := 1; number <= 2; number++ {
		got, err := rp.Run(t.Context(), pipeline.ReplayRequest{Source: "alpha"})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got.Tally); d != "" || got.Number != number || got.Resumed {
			t.Errorf("replay is number %d, resumed %t (-want +got):\n%s", got.Number, got.Resumed, d)
		}
		if got := query(t, db, "SELECT deployment_id, branch FROM deployments FINAL ORDER BY 1"); got != "[[d1 fixed] [d2 fixed]]" {
			t.Errorf("after replay %d the deployments are %s", number, got)
		}
		if got := query(t, db, "SELECT event_id FROM dead_letters FINAL WHERE retried = 0"); got != "[[e5]]" {
			t.Errorf("after replay %d these are dead: %s", number, got)
		}
		if got := query(t, db, "SELECT outcome, count() FROM receipts FINAL GROUP BY 1 ORDER BY 1"); got != "[[dead 1] [facts 3] [ignored 1]]" {
			t.Errorf("after replay %d the receipts are %s", number, got)
		}
	}
	if slices.Equal(before, dump(t, db, "receipts")) {
		t.Error("the receipts do not show the replay")
	}
	if got := query(t, db, "SELECT replay, isNotNull(finished_at), events FROM replays FINAL ORDER BY 1"); got != "[[1 1 5] [2 1 5]]" {
		t.Errorf("the records are %s", got)
	}
}

// failing is a parser with a bug: it cannot read one event.
type failing struct {
	pipeline.Normalizer
	id string
}

func (n failing) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.ID == n.id {
		return nil, errors.New("bug")
	}
	return n.Normalizer.Normalize(ev)
}

func TestReplayHonoursItsBounds(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	var events []schema.Event
	for i := range 10 {
		events = append(events, event(fmt.Sprintf("e%d", i), script{Facts: []scriptFact{{ID: fmt.Sprintf("d%d", i)}}}))
	}
	rp := replayer(t, db, history(events), scripted{}, &pipelinetest.Outbox{})
	got, err := rp.Run(t.Context(), pipeline.ReplayRequest{Source: "alpha", From: epoch.Add(3 * time.Second), To: epoch.Add(7 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if ids := query(t, db, "SELECT event_id FROM receipts FINAL ORDER BY 1"); ids != "[[e3] [e4] [e5] [e6]]" || got.Events != 4 {
		t.Errorf("replayed %s, %d events; want e3 to e6", ids, got.Events)
	}
	for _, req := range []pipeline.ReplayRequest{{Source: "nobody"}, {Source: "alpha", From: epoch, To: epoch}} {
		if _, err := rp.Run(t.Context(), req); err == nil {
			t.Errorf("%+v: want an error", req)
		}
	}
}

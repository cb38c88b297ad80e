package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/pipeline/pipelinetest"
	"github.com/headway-metrics/headway/schema"
)

func TestHandleAccountsForEveryKindOfEvent(t *testing.T) {
	t.Parallel()
	good := scriptFact{ID: "d1", Second: 1}
	for _, tc := range []struct {
		name  string
		event schema.Event
		// sent is the event on the dead-letter topic when it is not as it came.
		sent    *schema.Event
		outcome string
		reason  string
		// detail is part of the dead letter's detail.
		detail string
		facts  uint32
	}{
		{name: "facts", event: event("e", script{Facts: []scriptFact{good, {ID: "u", Incident: "i"}}}), outcome: schema.OutcomeFacts, facts: 2},
		{name: "ignored", event: event("e", script{Ignore: "star"}), outcome: schema.OutcomeIgnored, reason: "star"},
		{name: "nothing said", event: event("e", script{}), outcome: schema.OutcomeIgnored, reason: "no_facts"},
		{name: "not JSON", event: schema.Event{ID: "e", Source: "alpha", Type: "t", Time: epoch, Data: []byte("{")}, outcome: schema.OutcomeDead, reason: "unparsable", detail: "reading the script"},
		{name: "parser error", event: event("e", script{Fail: "no merge commit"}), outcome: schema.OutcomeDead, reason: "unparsable", detail: "no merge commit"},
		{name: "unsupported type", event: event("e", script{Unknown: "novelty"}), outcome: schema.OutcomeDead, reason: "unsupported_type", detail: "novelty"},
		{name: "panic", event: event("e", script{Panic: "boom"}), outcome: schema.OutcomeDead, reason: "parser_panic", detail: "boom"},
		{name: "unknown source", event: sourceEvent("ghost", "e", script{}), outcome: schema.OutcomeDead, reason: "unknown_source", detail: "ghost"},
		{name: "nil fact", event: event("e", script{Bad: "nil"}), outcome: schema.OutcomeDead, reason: "invalid_fact", detail: "is nil"},
		{name: "typed nil fact", event: event("e", script{Bad: "typed_nil"}), outcome: schema.OutcomeDead, reason: "parser_panic"},
		{name: "fact without id", event: event("e", script{Bad: "no_id"}), outcome: schema.OutcomeDead, reason: "invalid_fact", detail: "has no id"},
		{name: "unsealable fact", event: event("e", script{Facts: []scriptFact{good}, Bad: "unsealable"}), outcome: schema.OutcomeDead, reason: "invalid_fact", detail: "hashing"},
		{name: "refused fact", event: event("e", script{Facts: []scriptFact{good, {ID: "d2", Note: refusedNote}}}), outcome: schema.OutcomeDead, reason: "rejected_by_store", detail: "deployments d2", facts: 1},
		{name: "no type", event: schema.Event{ID: "e", Source: "alpha", Time: epoch}, sent: &schema.Event{ID: "e", Source: "alpha", Type: "unknown", Time: epoch}, outcome: schema.OutcomeDead, reason: "invalid_event", detail: "no type"},
		{name: "no time", event: schema.Event{ID: "e", Source: "alpha", Type: "t"}, sent: &schema.Event{ID: "e", Source: "alpha", Type: "t", Time: schema.MinTime}, outcome: schema.OutcomeDead, reason: "invalid_event", detail: "no time"},
		{
			name:  "undecodable message",
			event: pipeline.Undecodable(pipeline.RawMessage{Topic: schema.RawTopic("alpha"), Partition: 3, Offset: 42, Time: epoch, Value: []byte{0xff}}, errors.New("no ce_id")), outcome: schema.OutcomeDead,
			reason: "undecodable", detail: "headway.raw.alpha/3@42: no ce_id",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			// A good event before and after: nothing else may stop.
			batch := []schema.Event{event("before", script{Facts: []scriptFact{{ID: "b"}}}), tc.event, event("after", script{Facts: []scriptFact{{ID: "a"}}})}
			if err := r.Handle(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			got := receipts(t, r.store)
			if len(got) != 3 {
				t.Fatalf("got %d receipts, want 3: %v", len(got), got)
			}
			rc := got[tc.event.Source+"/"+tc.event.ID]
			if rc.Outcome != tc.outcome || rc.Reason != tc.reason || rc.Facts != tc.facts {
				t.Errorf("receipt is %s %q with %d facts, want %s %q with %d", rc.Outcome, rc.Reason, rc.Facts, tc.outcome, tc.reason, tc.facts)
			}
			letters, err := pipelinetest.Read[schema.DeadLetter](r.store, "dead_letters")
			if err != nil {
				t.Fatal(err)
			}
			if tc.outcome != schema.OutcomeDead {
				if len(letters) != 0 || len(r.outbox.Dead()) != 0 {
					t.Errorf("dead letters %v, want none", letters)
				}
				return
			}
			sent := r.outbox.Dead()
			if len(letters) != 1 || len(sent) != 1 {
				t.Fatalf("%d dead letters stored and %d published, want one of each", len(letters), len(sent))
			}
			want := tc.event
			if tc.sent != nil {
				want = *tc.sent
			}
			if d := cmp.Diff(want, sent[0].Event); d != "" {
				t.Errorf("published event differs from what came (-want +got):\n%s", d)
			}
			l := letters[0]
			if l.Reason != tc.reason || !strings.Contains(l.Detail, tc.detail) || l.Payload != string(tc.event.Data) || l.Retried != 0 {
				t.Errorf("dead letter is %+v, want reason %s, detail with %q and the payload", l, tc.reason, tc.detail)
			}
			if sent[0].Reason != pipeline.Reason(l.Reason) || !strings.Contains(sent[0].Detail, tc.detail) {
				t.Errorf("published reason %s (%s), stored %s (%s)", sent[0].Reason, sent[0].Detail, l.Reason, l.Detail)
			}
		})
	}
}

func TestHandleGivesAnIDToEventsWithout(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	batch := []schema.Event{{Source: "alpha", Data: []byte("1")}, {Source: "alpha", Data: []byte("2")}, {Data: []byte("3")}}
	for range 2 {
		if err := r.Handle(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if got := receipts(t, r.store); len(got) != 3 {
		t.Errorf("got %d receipts, want 3 different ones: %v", len(got), got)
	}
	for _, l := range r.outbox.Dead() {
		if err := l.Event.Validate(); err != nil {
			t.Errorf("a dead letter cannot be published: %v", err)
		}
	}
}

func TestHandleKeepsTheNewestOfAKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	batch := []schema.Event{
		event("1", script{Facts: []scriptFact{{ID: "d", Second: 2, Note: "second"}}}),
		event("2", script{Facts: []scriptFact{{ID: "d", Second: 3, Note: "third"}}}),
		event("3", script{Facts: []scriptFact{{ID: "d", Second: 1, Note: "first"}}}),
	}
	if err := r.Handle(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	got, err := pipelinetest.Read[schema.Deployment](r.store, "deployments")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Branch != "third" {
		t.Errorf("got %+v, want the third", got)
	}
	// Three receipts and one fact: losers are not even sent.
	if r.store.Rows() != 4 {
		t.Errorf("%d rows were inserted, want 4", r.store.Rows())
	}
	if got := r.outbox.Dirty(); !slices.Equal(got, []schema.DirtyKey{"ref/shop", "deployment/d"}) {
		t.Errorf("dirty keys %v, want one of each", got)
	}
}

// A refused newest fact must not take the one before it with it.
func TestHandleStoresTheRunnerUpOfARefusedFact(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	batch := []schema.Event{
		event("1", script{Facts: []scriptFact{{ID: "d", Second: 1, Note: "good"}}}),
		event("2", script{Facts: []scriptFact{{ID: "d", Second: 2, Note: refusedNote}}}),
	}
	if err := r.Handle(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	got, err := pipelinetest.Read[schema.Deployment](r.store, "deployments")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Branch != "good" {
		t.Errorf("got %+v, want the good one", got)
	}
	rc := receipts(t, r.store)
	if rc["alpha/1"].Outcome != schema.OutcomeFacts || rc["alpha/2"].Outcome != schema.OutcomeDead {
		t.Errorf("receipts are %+v", rc)
	}
}

func TestHandleFindsFewBadFactsInAManyWithFewInserts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const n = 4096
	var batch []schema.Event
	for i := range n {
		f := scriptFact{ID: fmt.Sprintf("d%04d", i)}
		if i == 77 || i == 4000 {
			f.Note = refusedNote
		}
		batch = append(batch, event(fmt.Sprintf("e%04d", i), script{Facts: []scriptFact{f}}))
	}
	if err := r.Handle(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	dead := 0
	for _, rc := range receipts(t, r.store) {
		if rc.Outcome == schema.OutcomeDead {
			dead++
		}
	}
	if got := len(r.store.Tables()["deployments"]); got != n-2 || dead != 2 {
		t.Errorf("%d facts stored and %d events dead, want %d and 2", got, dead, n-2)
	}
	if r.store.Inserts() > 60 {
		t.Errorf("took %d inserts, want about 2 per halving and bad fact", r.store.Inserts())
	}
}

func TestHandleStopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	batch := []schema.Event{event("good", script{Facts: []scriptFact{{ID: "d"}}}), event("dead", script{Fail: "x"})}
	// What may have been published or stored when a point fails the first time.
	for _, tc := range []struct {
		point                      pipelinetest.Point
		passes                     int
		facts, dead, ledger, dirty bool
	}{
		{point: pipelinetest.BeforeInsert},
		{point: pipelinetest.MidInsert},
		{point: pipelinetest.AfterInsert, facts: true},
		{point: pipelinetest.BeforeDead, facts: true},
		{point: pipelinetest.AfterDead, facts: true, dead: true},
		{point: pipelinetest.BeforeInsert, passes: 1, facts: true, dead: true},
		{point: pipelinetest.AfterInsert, passes: 1, facts: true, dead: true, ledger: true},
		{point: pipelinetest.BeforeDirty, facts: true, dead: true, ledger: true},
		{point: pipelinetest.AfterDirty, facts: true, dead: true, ledger: true, dirty: true},
	} {
		t.Run(fmt.Sprintf("%s after %d", tc.point, tc.passes), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.faults.FailAfter(tc.point, tc.passes, 1)
			if err := r.Handle(t.Context(), batch); !errors.Is(err, pipelinetest.ErrDown) {
				t.Fatalf("got %v, want the injected error", err)
			}
			check := func(what string, got, want bool) {
				if got != want {
					t.Errorf("%s: %t, want %t", what, got, want)
				}
			}
			tables := r.store.Tables()
			check("facts stored", len(tables["deployments"]) > 0, tc.facts)
			check("dead letter published", len(r.outbox.Dead()) > 0, tc.dead)
			check("receipts stored", len(tables["receipts"]) > 0, tc.ledger)
			check("dirty keys published", len(r.outbox.Dirty()) > 0, tc.dirty)
			if err := r.Handle(t.Context(), batch); err != nil {
				t.Fatalf("trying again: %v", err)
			}
			undisturbed := newRig(t)
			if err := undisturbed.Handle(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(undisturbed.store.Tables(), r.store.Tables()); d != "" {
				t.Errorf("tables differ from an undisturbed run (-want +got):\n%s", d)
			}
		})
	}
}

// A store that refuses receipts is broken; that must never turn into dead events.
func TestHandleWaitsForAStoreThatTakesNoReceipts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.store.Refuse = func(f schema.Fact) bool { return f.Table() == "receipts" }
	err := r.Handle(t.Context(), []schema.Event{event("e", script{Facts: []scriptFact{{ID: "d"}}})})
	if err == nil || len(r.outbox.Dead()) != 0 || len(r.outbox.Dirty()) != 0 {
		t.Errorf("got error %v, %d dead, %d dirty; want an error and nothing published", err, len(r.outbox.Dead()), len(r.outbox.Dirty()))
	}
}

// Whatever order the deaths and the success of one event are handled in, the
// success stays.
func TestUnderstandingAnEventBeatsItsDeath(t *testing.T) {
	t.Parallel()
	ev := event("e", script{Facts: []scriptFact{{ID: "d"}}})
	dying := func(o *pipeline.Options) { o.Normalizers = nil }
	for name, order := range map[string][]func(*pipeline.Options){
		"dead first": {dying, func(*pipeline.Options) {}},
		"dead last":  {func(*pipeline.Options) {}, dying},
		"replay dead": {func(*pipeline.Options) {}, func(o *pipeline.Options) {
			o.Normalizers, o.Replay, o.ReplayedAt = nil, 3, epoch
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &pipelinetest.Store{}
			for _, change := range order {
				r := newRig(t, change, func(o *pipeline.Options) { o.Sink = store })
				if err := r.Handle(t.Context(), []schema.Event{ev}); err != nil {
					t.Fatal(err)
				}
			}
			if rc := receipts(t, store)["alpha/e"]; rc.Outcome != schema.OutcomeFacts {
				t.Errorf("receipt says %s %s, want facts", rc.Outcome, rc.Reason)
			}
		})
	}
}

func TestHandleEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Handle(ctx, []schema.Event{event("e", script{})}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context ended", err)
	}
}

func TestHandleLogsOneStackPerSourceAndFlush(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := newRig(t, func(o *pipeline.Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
	var batch []schema.Event
	for i := range 100 {
		batch = append(batch, event(strconv.Itoa(i), script{Panic: "boom"}))
	}
	if err := r.Handle(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "parser panicked"); n != 1 {
		t.Errorf("%d panics logged, want 1", n)
	}
	if !strings.Contains(log.String(), "scripted.Normalize") {
		t.Errorf("the log has no stack: %s", log.String())
	}
}

func TestNewLoaderNamesTheBadOption(t *testing.T) {
	t.Parallel()
	store, outbox, logger := &pipelinetest.Store{}, &pipelinetest.Outbox{}, slog.New(slog.DiscardHandler)
	for want, o := range map[string]pipeline.Options{
		"Sink":    {Outbox: outbox, Logger: logger},
		"Outbox":  {Sink: store, Logger: logger},
		"Logger":  {Sink: store, Outbox: outbox},
		"Workers": {Sink: store, Outbox: outbox, Logger: logger, Workers: -1},
		"Replay":  {Sink: store, Outbox: outbox, Logger: logger, Replay: schema.MaxReplays + 1},
	} {
		if _, err := pipeline.NewLoader(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that names %s", err, want)
		}
	}
}

func TestReplayedFactsBeatLiveOnesOfTheSameChangeOnly(t *testing.T) {
	t.Parallel()
	store := &pipelinetest.Store{}
	live := newRig(t, func(o *pipeline.Options) { o.Sink = store })
	fixed := newRig(t, func(o *pipeline.Options) {
		o.Sink, o.Replay, o.ReplayedAt = store, 1, epoch.Add(24*time.Hour)
		o.Normalizers = map[string]pipeline.Normalizer{"alpha": scripted{suffix: " fixed"}}
	})
	old := event("old", script{Facts: []scriptFact{{ID: "corrected", Second: 1}, {ID: "changed since", Second: 1}}})
	newer := event("newer", script{Facts: []scriptFact{{ID: "changed since", Second: 2, Note: "newer"}}})
	for _, step := range []struct {
		l  *rig
		ev schema.Event
	}{{live, old}, {live, newer}, {fixed, old}, {live, old}} {
		if err := step.l.Handle(t.Context(), []schema.Event{step.ev}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := pipelinetest.Read[schema.Deployment](store, "deployments")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Branch != "newer" || got[1].Branch != " fixed" {
		t.Errorf("got %+v, want the newer change kept and the other corrected", got)
	}
}

package pipeline_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/headway-metrics/headway/pipeline/pipelinetest"
	"github.com/headway-metrics/headway/schema"
)

// drawEvents makes events that fight over few keys and times, with every kind
// of trouble among them.
func drawEvents(t *rapid.T) []schema.Event {
	n := rapid.IntRange(1, 25).Draw(t, "events")
	out := make([]schema.Event, 0, n)
	for i := range n {
		id := fmt.Sprintf("e%02d", i)
		source := rapid.SampledFrom([]string{"alpha", "alpha", "beta", "ghost"}).Draw(t, "source")
		var s script
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			s.Ignore = "star"
		case 1:
			s.Fail = "cannot read"
		case 2:
			s.Panic = "boom"
		case 3:
			s.Bad = rapid.SampledFrom([]string{"nil", "typed_nil", "no_id", "unsealable"}).Draw(t, "bad")
		case 4:
			// A key of its own: whether a refused fact is met at all must not
			// depend on what else is in its batch; see Loader.Handle.
			s.Facts = append(s.Facts, scriptFact{ID: "refused of " + id, Note: refusedNote})
			fallthrough
		default:
			for range rapid.IntRange(1, 3).Draw(t, "facts") {
				s.Facts = append(s.Facts, drawFact(t, id))
			}
		}
		out = append(out, sourceEvent(source, id, s))
	}
	return out
}

func drawFact(t *rapid.T, note string) scriptFact {
	f := scriptFact{
		ID:     fmt.Sprintf("d%d", rapid.IntRange(0, 4).Draw(t, "id")),
		Second: rapid.IntRange(0, 3).Draw(t, "second"),
		Rank:   uint8(rapid.IntRange(0, 2).Draw(t, "rank")),
		Note:   note,
		Delete: rapid.IntRange(0, 5).Draw(t, "delete") == 0,
	}
	if rapid.Bool().Draw(t, "incident") {
		f.Incident = fmt.Sprintf("i%d", rapid.IntRange(0, 1).Draw(t, "incident_id"))
	}
	return f
}

// oracle says by brute force which fact of each key must be visible: sort all
// versions and take the highest. It reports false when two different facts of
// one key have one version, which ten bits of hash allow about once in a
// thousand and for which there is no right answer.
func oracle(t *rapid.T, events []schema.Event) (map[string]map[string]string, bool) {
	type version struct {
		v       uint64
		deleted bool
		row     string
	}
	all := map[string]map[string][]version{}
	for _, ev := range events {
		var s script
		if err := json.Unmarshal(ev.Data, &s); err != nil {
			t.Fatal(err)
		}
		if ev.Source == "ghost" || s.Ignore+s.Fail+s.Panic+s.Bad != "" {
			continue
		}
		for _, sf := range s.Facts {
			f := sf.fact(ev.Source, "")
			if refuse(f) {
				continue
			}
			if err := schema.Seal(f, 0); err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			if all[f.Table()] == nil {
				all[f.Table()] = map[string][]version{}
			}
			m := schema.MetaOf(f)
			all[f.Table()][f.FactID()] = append(all[f.Table()][f.FactID()], version{m.Version, m.Deleted == 1, string(b)})
		}
	}
	out := map[string]map[string]string{}
	for table, keys := range all {
		for key, vs := range keys {
			slices.SortFunc(vs, func(a, b version) int { return int(int64(a.v - b.v)) })
			for i := range vs[1:] {
				if vs[i].v == vs[i+1].v && vs[i].row != vs[i+1].row {
					return nil, false
				}
			}
			if top := vs[len(vs)-1]; !top.deleted {
				if out[table] == nil {
					out[table] = map[string]string{}
				}
				out[table][key] = top.row
			}
		}
	}
	return out, true
}

// deliver hands events over as Kafka does after crashes: in any order and
// grouping, some several times, each batch again until it is taken, possibly
// regrouped with what follows.
func deliver(t *rapid.T, r *rig, events []schema.Event) {
	queue := slices.Clone(events)
	for _, ev := range events {
		for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "copies") {
			queue = append(queue, ev)
		}
	}
	queue = rapid.Permutation(queue).Draw(t, "order")
	for range rapid.IntRange(0, 6).Draw(t, "faults") {
		r.faults.FailAfter(
			rapid.SampledFrom(pipelinetest.Points()).Draw(t, "point"),
			rapid.IntRange(0, 8).Draw(t, "passes"),
			rapid.IntRange(1, 3).Draw(t, "failures"))
	}
	for len(queue) > 0 {
		n := rapid.IntRange(1, len(queue)).Draw(t, "batch")
		if err := r.Handle(t.Context(), queue[:n]); err != nil {
			// Not committed: all of it comes again, this time cut elsewhere.
			continue
		}
		queue = queue[n:]
	}
}

// Invariant 3, and that every event has exactly one receipt.
func TestAnyDeliveryEndsInTheSameTables(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		events := drawEvents(rt)
		want, ok := oracle(rt, events)
		if !ok {
			return
		}
		undisturbed := newRig(t)
		if err := undisturbed.Handle(t.Context(), events); err != nil {
			rt.Fatal(err)
		}
		disturbed := newRig(t)
		deliver(rt, disturbed, events)

		got := disturbed.store.Tables()
		if d := cmp.Diff(undisturbed.store.Tables(), got); d != "" {
			rt.Fatalf("tables differ from an undisturbed run (-want +got):\n%s", d)
		}
		rc := receipts(t, disturbed.store)
		if len(rc) != len(events) {
			rt.Fatalf("%d receipts for %d events", len(rc), len(events))
		}
		for _, ev := range events {
			if _, ok := rc[ev.Source+"/"+ev.ID]; !ok {
				rt.Fatalf("event %s has no receipt", ev.ID)
			}
		}
		delete(got, "receipts")
		delete(got, "dead_letters")
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatalf("facts differ from the oracle (-want +got):\n%s", d)
		}
		sameSet(rt, "dirty keys", set(undisturbed.outbox.Dirty()), set(disturbed.outbox.Dirty()))
		sameSet(rt, "dead letters", deadSet(undisturbed), deadSet(disturbed))
	})
}

func set[K comparable](list []K) map[K]bool {
	out := map[K]bool{}
	for _, k := range list {
		out[k] = true
	}
	return out
}

func deadSet(r *rig) map[string]bool {
	out := map[string]bool{}
	for _, l := range r.outbox.Dead() {
		out[fmt.Sprintf("%s/%s %s", l.Event.Source, l.Event.ID, l.Reason)] = true
	}
	return out
}

func sameSet[K comparable](t *rapid.T, what string, want, got map[K]bool) {
	t.Helper()
	if !maps.Equal(want, got) {
		t.Fatalf("%s are %v, want %v", what, got, want)
	}
}

// Several owners of partitions write at once; the tables do not show it.
func TestConcurrentFlushesEndInTheSameTables(t *testing.T) {
	t.Parallel()
	var events []schema.Event
	for i := range 400 {
		id := fmt.Sprintf("e%03d", i)
		s := script{Facts: []scriptFact{{ID: fmt.Sprintf("d%d", i%7), Second: i, Note: id}}}
		if i%10 == 0 {
			s = script{Fail: "cannot read"}
		}
		events = append(events, event(id, s))
	}
	want := newRig(t)
	if err := want.Handle(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	got := newRig(t)
	errs := make(chan error)
	for chunk := range slices.Chunk(events, 50) {
		go func() { errs <- got.Handle(t.Context(), chunk) }()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if d := cmp.Diff(want.store.Tables(), got.store.Tables()); d != "" {
		t.Errorf("tables differ (-want +got):\n%s", d)
	}
}

package collectortest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// maxPolls is how often a poller may ask to be called again before it counts as
// one that never ends.
const maxPolls = 10_000

// CheckPoller runs a poller, made anew each time against the same system, until
// it has caught up; then again with a publisher that fails now and then. Both
// must emit the same ids: a cursor that moved past what was not published loses
// events. It returns the events of the first run.
func CheckPoller(t *testing.T, newPoller func() collectors.Poller) []schema.Event {
	t.Helper()
	var ok Publisher
	cursor, err := CatchUp(t, newPoller(), nil, &ok)
	if err != nil {
		t.Fatal(err)
	}
	if len(ok.Events()) == 0 {
		t.Fatal("the poller emits nothing")
	}
	t.Run("publisher fails now and then", func(t *testing.T) {
		p := Publisher{Fail: Randomly(0.4)}
		var cursor collectors.Cursor
		for range maxPolls {
			// A new poller each time: nothing but the cursor survives a crash.
			c, err := newPoller().Poll(t.Context(), cursor, p.Publish)
			if c != nil {
				cursor = c
			}
			if err == nil {
				break
			}
		}
		if d := cmp.Diff(ids(ok.Events()), ids(p.Events())); d != "" {
			t.Errorf("ids not accounted for:\n%s", d)
		}
	})
	t.Run("publisher fails for good", func(t *testing.T) {
		if _, err := CatchUp(t, newPoller(), nil, &Publisher{Fail: Always}); err == nil {
			t.Error("the poller hides that nothing could be published")
		}
	})
	t.Run("nothing new", func(t *testing.T) {
		var p Publisher
		if _, err := CatchUp(t, newPoller(), cursor, &p); err != nil {
			t.Error(err)
		}
		known := map[string]bool{}
		for _, ev := range ok.Events() {
			known[ev.ID] = true
		}
		for _, ev := range p.Events() {
			if !known[ev.ID] {
				t.Errorf("the same state of the system gives a new event %s of type %s", ev.ID, ev.Type)
			}
		}
	})
	return ok.Events()
}

// CatchUp polls from a cursor until there is no more to read, and returns the
// cursor then.
func CatchUp(tb testing.TB, p collectors.Poller, cursor collectors.Cursor, to *Publisher) (collectors.Cursor, error) {
	tb.Helper()
	for range maxPolls {
		after, err := p.Poll(tb.Context(), cursor, to.Publish)
		if after != nil {
			cursor = after
		}
		if !errors.Is(err, collectors.ErrMore) {
			return cursor, err
		}
	}
	return cursor, fmt.Errorf("not at the end after %d polls", maxPolls)
}

// CheckBackfill reads the past of a system twice, from two times on: the earlier one
// must give everything that polling gives, and must ask for, or give, something else
// than the later one. The pollers are made anew each time.
func CheckBackfill(t *testing.T, api *API, newPoller func() collectors.Poller, early, late time.Time) {
	t.Helper()
	read := func(p collectors.Poller) (events, requests []string) {
		t.Helper()
		var to Publisher
		api.Requests()
		if _, err := CatchUp(t, p, nil, &to); err != nil {
			t.Fatal(err)
		}
		return ids(to.Events()), api.Requests()
	}
	past := func(from time.Time) (events, requests []string) {
		t.Helper()
		source, ok := newPoller().(collectors.Backfiller)
		if !ok {
			t.Fatalf("%T is no collectors.Backfiller", newPoller())
		}
		p, err := source.Backfill(from)
		if err != nil {
			t.Fatal(err)
		}
		return read(p)
	}
	polled, _ := read(newPoller())
	events, requests := past(early)
	for _, id := range polled {
		if !slices.Contains(events, id) {
			t.Errorf("a backfill from %s on lacks event %s, which polling gives", early, id)
		}
	}
	if fewer, other := past(late); slices.Equal(events, fewer) && slices.Equal(requests, other) {
		t.Errorf("a backfill from %s on asks and gives the same as one from %s on", late, early)
	}
}

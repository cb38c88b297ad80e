package surveys

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headway-metrics/headway/schema"
)

// TestMixKeepsCrowds lets any number of people of any teams answer in any order
// with flushes anywhere in between. However it goes, nothing is lost or
// doubled, every team's figures and everybody's grow by crowds, and no team is
// named on fewer answers than the threshold.
func TestMixKeepsCrowds(t *testing.T) {
	t.Parallel()
	closes := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		threshold := rapid.IntRange(2, 6).Draw(t, "threshold")
		var waiting []held
		accepted, published := map[string]bool{}, map[string]bool{}
		total, named := 0, map[string]int{}
		source := rapid.SampledFrom([]string{AnswersSource, ParticipationSource}).Draw(t, "source")
		flush := func(now time.Time) {
			mix(waiting, source, threshold, now)
			events, err := leaving(waiting, source, now)
			if err != nil {
				t.Fatal(err)
			}
			grown := map[string]int{}
			for _, ev := range events {
				if published[ev.ID] {
					t.Fatalf("%s left twice", ev.ID)
				}
				published[ev.ID] = true
				grown[teamOf(t, ev)]++
			}
			waiting = without(waiting, events)
			total += len(events)
			if len(events) > 0 && len(events) < threshold && total != len(events) {
				t.Fatalf("everybody's figure grew by %d to %d", len(events), total)
			}
			for team, n := range grown {
				if team != "" && n < threshold {
					t.Fatalf("team %s grew by %d", team, n)
				}
				named[team] += n
			}
		}
		open := closes.AddDate(0, 0, -7)
		for i, step := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "a", "b", "c", "", "flush"}), 0, 80).Draw(t, "steps") {
			if step == "flush" {
				flush(open)
				continue
			}
			h := held{EventID: fmt.Sprintf("event %d", i), Closes: closes}
			if source == AnswersSource {
				h.Answer = &Answer{Question: "q", Team: step}
			} else {
				h.Participation = &Participation{Team: step}
			}
			accepted[h.EventID] = true
			waiting = append(waiting, h)
		}
		flush(closes)
		if len(waiting) != 0 || !maps.Equal(accepted, published) {
			t.Fatalf("%d of %d left, %d stayed", len(published), len(accepted), len(waiting))
		}
		for team, n := range named {
			if team != "" && n < threshold {
				t.Fatalf("team %s is named on %d", team, n)
			}
		}
	})
}

func teamOf(t *rapid.T, ev schema.Event) string {
	var p struct{ Team string }
	if err := json.Unmarshal(ev.Data, &p); err != nil {
		t.Fatal(err)
	}
	return p.Team
}

// TestPublishingTwiceChangesNothing breaks off between Kafka's acknowledgement
// and the state file, and wants the same events again and no others.
func TestPublishingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	for i := range 2*MinThreshold + 3 {
		o.mustAnswer(t, filled(o.link(t, fmt.Sprintf("p%d@example.com", i), "payments")))
	}
	o.kafka.batches = nil
	o.kafka.after = errors.New("nobody heard")
	for range 3 {
		if err := o.Flush(t.Context()); err == nil {
			t.Fatal("a failed flush returned no error")
		}
	}
	o.kafka.after = nil
	if err := o.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := map[string][]schema.Fact{}
	for _, ev := range o.kafka.events(AnswersSource) {
		facts, err := Answers{}.Normalize(ev)
		if err != nil {
			t.Fatal(err)
		}
		rows[facts[0].FactID()] = append(rows[facts[0].FactID()], facts...)
	}
	// Eight of thirteen leave, with four answers each.
	if want := 5 * (MinThreshold + 3); len(rows) != want {
		t.Errorf("%d rows, want %d", len(rows), want)
	}
	for id, same := range rows {
		if len(same) != 4 {
			t.Errorf("%s was published %d times, want 4", id, len(same))
		}
		for _, f := range same[1:] {
			if !reflect.DeepEqual(f, same[0]) {
				t.Errorf("%s changed between two publications", id)
			}
		}
	}
}

// TestKafkaDown keeps answering while Kafka does not.
func TestKafkaDown(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	var paths []string
	for i := range 3 * MinThreshold {
		paths = append(paths, o.link(t, fmt.Sprintf("p%d@example.com", i), "payments"))
	}
	o.kafka.err = context.DeadlineExceeded
	for _, p := range paths {
		o.mustAnswer(t, filled(p))
		if err := o.Flush(t.Context()); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	o.kafka.err = nil
	*o.now = time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC)
	if err := o.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := len(o.kafka.events(AnswersSource)), 5*len(paths); got != want {
		t.Errorf("%d answers, want %d", got, want)
	}
	st, err := o.store.read()
	if err != nil || len(st.Held) != 0 {
		t.Errorf("%d events are still held, %v", len(st.Held), err)
	}
}

// TestStateFileSaysNothingByItsOrder wants the held events sorted by random ids,
// and the file closed to others.
func TestStateFileSaysNothingByItsOrder(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	for i := range 8 {
		o.mustAnswer(t, filled(o.link(t, fmt.Sprintf("p%d@example.com", i), "payments")))
	}
	st, err := o.store.read()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(st.Held, func(a, b held) int { return cmp.Compare(a.EventID, b.EventID) }) ||
		!slices.IsSorted(st.Spent["platform/2026-Q4"].Marks) {
		t.Error("the state file keeps the order of answering")
	}
	info, err := os.Stat(o.store.stateFile())
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the state file has mode %o, want 600", mode)
	}
}

package derive_test

import (
	"flag"
	"fmt"
	"reflect"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline/derive"
)

// Histories compared with the oracle in every run of the suite: short ones that
// rapid can make smaller when they fail, and longer and more even ones.
const (
	drawnHistories = 4000
	evenHistories  = 8000
	evenParts      = 4
)

func TestMain(m *testing.M) {
	// Histories are cheap and their corners many; -rapid.checks still overrules.
	if err := flag.Set("rapid.checks", strconv.Itoa(drawnHistories)); err != nil {
		panic(err)
	}
	clickhousetest.Main(m)
}

// TestRandomHistories compares the rows of random histories, their facts in
// disorder, with what brute force makes of the facts in order (invariant 3). It
// reports how many histories had each kind of thing in them, and fails when one of
// the kinds never occurred: then it would prove nothing about it.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	c := newCensus()
	t.Cleanup(func() { c.report(t) }) // After all of them.
	t.Run("drawn", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			agree(t, drawHistory(t), rapid.Uint64().Draw(t, "disorder"), c)
		})
	})
	for part := range uint64(evenParts) {
		t.Run(fmt.Sprint("even", part), func(t *testing.T) {
			t.Parallel()
			for seed := part; seed < evenHistories; seed += evenParts {
				if agree(t, evenHistory(seed), seed, c); t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}

func agree(t interface {
	Helper()
	Errorf(format string, args ...any)
}, h *history, disorder uint64, c *census,
) {
	t.Helper()
	want := expect(h)
	rep, in := h.disorder(disorder)
	in.Repo = derive.NewRepo(rep)
	got := derive.Service(in, h.opt)
	// The oracle does not word the evidence of a change.
	for i := range got.Changes {
		got.Changes[i].Evidence = ""
	}
	c.count(h, want)
	// The difference is worded only when there may be one: wording takes longer
	// than all else.
	if reflect.DeepEqual(want, got) {
		return
	}
	if d := outputDiff(want, got); d != "" {
		t.Errorf("wanted (-) and got (+):\n%s\n%s", d, h)
	}
}

package derive_test

import (
	"flag"
	"testing"

	"pgregory.net/rapid"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline/derive"
)

func TestMain(m *testing.M) {
	// Histories are cheap and their corners many; -rapid.checks still overrules.
	if err := flag.Set("rapid.checks", "3000"); err != nil {
		panic(err)
	}
	clickhousetest.Main(m)
}

// TestRandomHistories compares the rows of random histories, their facts in
// disorder, with what brute force makes of the facts in order (invariant 3).
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		agree(t, drawHistory(t), rapid.Uint64().Draw(t, "disorder"))
	})
}

// TestLongHistories does the same with longer and more even ones.
func TestLongHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1000) {
		if agree(t, evenHistory(seed), seed); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func agree(t interface {
	Helper()
	Errorf(format string, args ...any)
}, h *history, disorder uint64,
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
	if d := outputDiff(want, got); d != "" {
		t.Errorf("wanted (-) and got (+):\n%s\n%s", d, h)
	}
}

package derive_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// outputDiff compares rows but for their versions and hashes.
func outputDiff(want, got derive.Output) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(schema.DerivedMeta{}, "Version", "Content"),
		cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }))
}

func sameOutput(t *testing.T, want, got derive.Output) {
	t.Helper()
	if d := outputDiff(want, got); d != "" {
		t.Errorf("wanted (-) and got (+):\n%s", d)
	}
}

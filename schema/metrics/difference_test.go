package metrics

import (
	"fmt"
	"testing"
)

// TestDifference: the examples of Newcombe, "Interval estimation for the difference
// between independent proportions" (1998), table II, method 10.
func TestDifference(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	for _, tt := range []struct {
		a, m, b, n, low, high float64
	}{
		{56, 70, 48, 80, 0.0524, 0.3339},
		{9, 10, 3, 10, 0.1705, 0.8090},
		{10, 10, 0, 20, 0.6791, 1},
	} {
		first, second := wilson(tt.a, tt.m), wilson(tt.b, tt.n)
		low, high := DifferenceSQL("now", "before")
		table := func(p float64, i Interval) string {
			return fmt.Sprintf("(SELECT %g AS value, %g AS low, %g AS high)", p, i.Low, i.High)
		}
		_, rows, err := w.Reader.Query(t.Context(), fmt.Sprintf("SELECT %s, %s FROM %s AS now, %s AS before", low, high,
			table(tt.a/tt.m, first), table(tt.b/tt.n, second)), nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []float64{tt.low, tt.high} {
			if got, ok := rows[0][i].(float64); !ok || round(got, 3) != round(want, 3) {
				t.Errorf("%g/%g less %g/%g: end %d is %v, want %v", tt.a, tt.m, tt.b, tt.n, i, rows[0][i], want)
			}
		}
	}
}

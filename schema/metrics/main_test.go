package metrics

import (
	"math"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline/resolve"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// present is the clock of the tests.
func present() time.Time { return at("2026-06-15T12:00:00Z") }

// at reads a time of a test's table.
func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// warehouse is a database with an engine that asks it as dashboards do.
type warehouse struct {
	*clickhousetest.Database
	engine *Engine
}

func newWarehouse(t *testing.T) warehouse {
	t.Helper()
	db := clickhousetest.New(t)
	return warehouse{db, NewEngine(db.Reader, present)}
}

// insert writes rows into a table in one batch.
func (w warehouse) insert(t *testing.T, table string, rows any) {
	t.Helper()
	if err := w.InsertRows(t.Context(), table, rows); err != nil {
		t.Fatal(err)
	}
	if table == schema.ChangeDeployedTable {
		w.resolve(t, schema.DirtyAll)
	}
}

// resolve does what the pipeline does with the keys of what was stored.
func (w warehouse) resolve(t *testing.T, keys ...schema.DirtyKey) {
	t.Helper()
	if err := resolve.New(w.Database).Handle(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
}

// get asks for points.
func (w warehouse) get(t *testing.T, r Request) []Point {
	t.Helper()
	res, err := w.engine.Get(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return res.Points
}

// total asks for the one point of a window.
func (w warehouse) total(t *testing.T, r Request) Point {
	t.Helper()
	r.Every = Total
	points := w.get(t, r)
	if len(points) != 1 {
		t.Fatalf("%s has %d points, want 1", r.Metric, len(points))
	}
	return points[0]
}

// explain asks for the rows behind points.
func (w warehouse) explain(t *testing.T, r Request) Explanation {
	t.Helper()
	x, err := w.engine.Explain(t.Context(), r, 0)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// wantNumber compares to within rounding.
func wantNumber(t *testing.T, what string, got *float64, want float64) {
	t.Helper()
	if got == nil {
		t.Errorf("%s = NULL, want %v", what, want)
		return
	}
	if d := *got - want; d > 1e-6 || d < -1e-6 {
		t.Errorf("%s = %v, want %v", what, *got, want)
	}
}

func wantNull(t *testing.T, what string, got *float64) {
	t.Helper()
	if got != nil {
		t.Errorf("%s = %v, want NULL", what, *got)
	}
}

func round(x float64, digits int) float64 {
	f := math.Pow10(digits)
	return math.Round(x*f) / f
}

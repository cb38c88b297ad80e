package live_test

import (
	"context"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/headway-metrics/headway/dashboards/live"
	"github.com/headway-metrics/headway/dashboards/macro"
	"github.com/headway-metrics/headway/dashboards/model"
)

// rows answers every query alike.
type rows struct {
	columns []string
	rows    [][]any
}

func (r rows) Query(context.Context, string, map[string]any) ([]string, [][]any, error) {
	return r.columns, r.rows, nil
}

// What a database client returns becomes JSON: missing stays missing, and a
// number that JSON cannot hold is missing too.
func TestRunTurnsValuesIntoJSON(t *testing.T) {
	t.Parallel()
	var missing *float64
	at := time.UnixMilli(1_700_000_000_123)
	tests := []struct {
		name  string
		value any
		want  any
		kind  string
	}{
		{"time", at, int64(1_700_000_000_123), live.ColumnTime},
		{"pointer to time", &at, int64(1_700_000_000_123), live.ColumnTime},
		{"float", 1.5, 1.5, live.ColumnNumber},
		{"unsigned", uint8(7), uint64(7), live.ColumnNumber},
		{"signed", int32(-7), int64(-7), live.ColumnNumber},
		{"bool", true, true, live.ColumnBool},
		{"string", "x", "x", live.ColumnString},
		{"list", []any{"a", 1}, "a, 1", live.ColumnString},
		{"nil", nil, nil, live.ColumnEmpty},
		{"nil pointer", missing, nil, live.ColumnEmpty},
		{"not a number", math.NaN(), nil, live.ColumnEmpty},
		{"infinity", math.Inf(1), nil, live.ColumnEmpty},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := live.Run(t.Context(), rows{[]string{"c"}, [][]any{{tt.value}, {nil}}}, model.Query{RefID: "A", RawSQL: "SELECT 1"}, macro.Scope{}, 10)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(f.Rows[0][0], tt.want) || f.Columns[0].Type != tt.kind || f.Rows[1][0] != nil {
				t.Errorf("%#v of type %s, want %#v of type %s", f.Rows[0][0], f.Columns[0].Type, tt.want, tt.kind)
			}
		})
	}
}

func TestRunKeepsALimit(t *testing.T) {
	t.Parallel()
	f, err := live.Run(t.Context(), rows{[]string{"c"}, [][]any{{1}, {2}, {3}}}, model.Query{RefID: "A", RawSQL: "SELECT 1"}, macro.Scope{}, 2)
	if err != nil || len(f.Rows) != 2 || !f.Truncated {
		t.Errorf("%d rows, truncated %v, %v", len(f.Rows), f.Truncated, err)
	}
}

func TestVariablesChoose(t *testing.T) {
	t.Parallel()
	const list = `{"uid": "u", "title": "T", "templating": {"list": [
	  {"name": "many", "type": "query", "query": "SELECT 1", "multi": true, "includeAll": true},
	  {"name": "one", "type": "query", "query": "SELECT 1"},
	  {"name": "hidden", "type": "query", "hide": 2, "query": "SELECT 1"}]}}`
	d, err := model.Parse([]byte(list))
	if err != nil {
		t.Fatal(err)
	}
	options := rows{[]string{"id", "name"}, [][]any{{"a", "A"}, {"b", "B"}}}
	tests := []struct {
		name   string
		chosen map[string][]string
		all    bool
		want   [3][]string
	}{
		{"nothing", nil, true, [3][]string{{"a", "b"}, {"a"}, {"a"}}},
		{"some", map[string][]string{"many": {"b"}, "one": {"b"}}, false, [3][]string{{"b"}, {"b"}, {"a"}}},
		{"all in words", map[string][]string{"many": {live.AllValue}}, true, [3][]string{{"a", "b"}, {"a"}, {"a"}}},
		{"unknown", map[string][]string{"many": {"z"}, "one": {"z"}}, true, [3][]string{{"a", "b"}, {"a"}, {"a"}}},
		{"too many", map[string][]string{"many": {"b"}, "one": {"a", "b"}}, false, [3][]string{{"b"}, {"a"}, {"a"}}},
		{"hidden", map[string][]string{"hidden": {"b"}}, true, [3][]string{{"a", "b"}, {"a"}, {"a"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := live.Variables(t.Context(), options, d, live.Range{}, tt.chosen)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range got {
				if !reflect.DeepEqual(v.Chosen, tt.want[i]) {
					t.Errorf("%s is %v, want %v", v.Name, v.Chosen, tt.want[i])
				}
			}
			if got[0].All != tt.all || got[0].Options[1] != (live.Option{Value: "b", Text: "B"}) {
				t.Errorf("all %v, options %v", got[0].All, got[0].Options)
			}
		})
	}
}

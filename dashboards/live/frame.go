package live

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/headway-metrics/headway/dashboards/macro"
	"github.com/headway-metrics/headway/dashboards/model"
)

// Types of a column. A column without any value has ColumnEmpty.
const (
	ColumnTime   = "time"
	ColumnNumber = "number"
	ColumnString = "string"
	ColumnBool   = "bool"
	ColumnEmpty  = "empty"
)

// Column of a Frame.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Frame is the answer to one query. Times are milliseconds since 1970; a
// missing value is null, never 0 (invariant 4).
type Frame struct {
	RefID   string   `json:"refId"`
	Format  int      `json:"format"`
	Columns []Column `json:"columns"`
	Rows    [][]any  `json:"rows"`
	// Truncated is true when there were more rows than are kept.
	Truncated bool `json:"truncated"`
}

// Run expands and runs one query and keeps at most limit rows.
func Run(ctx context.Context, q Querier, query model.Query, s macro.Scope, limit int) (Frame, error) {
	sql, err := macro.Expand(query.RawSQL, s)
	if err != nil {
		return Frame{}, fmt.Errorf("expanding query %s: %w", query.RefID, err)
	}
	names, rows, err := q.Query(ctx, sql, nil)
	if err != nil {
		return Frame{}, fmt.Errorf("running query %s: %w", query.RefID, err)
	}
	f := Frame{RefID: query.RefID, Format: query.Format, Rows: [][]any{}}
	if len(rows) > limit {
		rows, f.Truncated = rows[:limit], true
	}
	for _, name := range names {
		f.Columns = append(f.Columns, Column{Name: name, Type: ColumnEmpty})
	}
	for _, row := range rows {
		if len(row) != len(names) {
			return Frame{}, fmt.Errorf("query %s: a row has %d values for %d columns", query.RefID, len(row), len(names))
		}
		cells := make([]any, len(row))
		for i, v := range row {
			value, kind := cell(v)
			cells[i] = value
			if kind != ColumnEmpty {
				f.Columns[i].Type = kind
			}
		}
		f.Rows = append(f.Rows, cells)
	}
	return f, nil
}

// cell turns a value of the database client into a value of JSON.
func cell(v any) (any, string) {
	if t, ok := v.(time.Time); ok {
		return t.UnixMilli(), ColumnTime
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() { //nolint:exhaustive // the other kinds print as text.
	case reflect.Invalid:
		return nil, ColumnEmpty
	case reflect.Pointer, reflect.Interface:
		if rv.IsNil() {
			return nil, ColumnEmpty
		}
		return cell(rv.Elem().Interface())
	case reflect.Bool:
		return rv.Bool(), ColumnBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return rv.Int(), ColumnNumber
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return rv.Uint(), ColumnNumber
	case reflect.Float32, reflect.Float64:
		if f := rv.Float(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f, ColumnNumber
		}
		return nil, ColumnEmpty
	case reflect.String:
		return rv.String(), ColumnString
	case reflect.Slice, reflect.Array:
		parts := make([]string, rv.Len())
		for i := range parts {
			parts[i] = fmt.Sprint(rv.Index(i).Interface())
		}
		return strings.Join(parts, ", "), ColumnString
	}
	return fmt.Sprint(v), ColumnString
}

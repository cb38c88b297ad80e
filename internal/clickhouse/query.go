package clickhouse

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// Column is the name and the ClickHouse type of a result's column.
type Column struct{ Name, Type string }

// Query runs a statement and returns its rows as Go's plain types: nil, string,
// float64, int64, uint64, bool, time.Time (UTC), []any, map[string]any.
//
// Arguments are ClickHouse's own parameters: {name:Type} in the statement, the
// value under that name in args, sent beside the statement and never pasted
// into it. A name that the statement does not use is ignored.
func (c *Conn) Query(ctx context.Context, sql string, args map[string]any) (columns []string, rows [][]any, err error) {
	typed, rows, err := c.QueryTyped(ctx, sql, args)
	for _, t := range typed {
		columns = append(columns, t.Name)
	}
	return columns, rows, err
}

// QueryTyped is Query with the ClickHouse type of each column.
func (c *Conn) QueryTyped(ctx context.Context, sql string, args map[string]any) (columns []Column, rows [][]any, err error) {
	res, err := c.db.Query(hideDeadline(ctx), sql, named(sql, args)...)
	if err != nil {
		return nil, nil, fmt.Errorf("querying ClickHouse: %w", err)
	}
	defer func() {
		if cerr := res.Close(); cerr != nil && err == nil {
			err = fmt.Errorf("ending a query: %w", cerr)
		}
	}()
	types := res.ColumnTypes()
	dest := make([]any, len(types))
	for i, t := range types {
		columns = append(columns, Column{Name: t.Name(), Type: t.DatabaseTypeName()})
		dest[i] = reflect.New(t.ScanType()).Interface()
	}
	for res.Next() {
		if err := res.Scan(dest...); err != nil {
			return columns, nil, fmt.Errorf("reading a row: %w", err)
		}
		row := make([]any, len(dest))
		for i, d := range dest {
			v := reflect.ValueOf(d).Elem()
			row[i] = plain(v)
			v.SetZero() // A NULL must not show the row before.
		}
		rows = append(rows, row)
	}
	if err := res.Err(); err != nil {
		return columns, nil, fmt.Errorf("reading rows: %w", err)
	}
	return columns, rows, nil
}

// Select runs a statement and fills dest, a pointer to a slice of structs
// whose `ch` tags name the columns. args as in Query.
//
// The driver's own Select looks the fields up by name for every row and
// copies the slice as it grows by one; here that is done once and by doubling.
func (c *Conn) Select(ctx context.Context, dest any, sql string, args map[string]any) (err error) {
	rows := reflect.ValueOf(dest)
	if rows.Kind() != reflect.Pointer || rows.Elem().Kind() != reflect.Slice {
		return fmt.Errorf("reading rows into a %T, want a pointer to a slice of structs", dest)
	}
	rows = rows.Elem()
	fields, err := fieldsOf(rows.Type().Elem())
	if err != nil {
		return fmt.Errorf("reading rows: %w", err)
	}
	res, err := c.db.Query(hideDeadline(ctx), sql, named(sql, args)...)
	if err != nil {
		return fmt.Errorf("querying ClickHouse: %w", err)
	}
	defer func() {
		if cerr := res.Close(); cerr != nil && err == nil {
			err = fmt.Errorf("ending a query: %w", cerr)
		}
	}()
	at, err := fields.ordered(res.Columns())
	if err != nil {
		return fmt.Errorf("reading rows into %s: %w", rows.Type(), err)
	}
	rows.SetZero()
	targets := make([]any, len(at))
	for n := 0; res.Next(); n++ {
		if n == rows.Cap() {
			rows.Grow(max(n, 16))
		}
		rows.SetLen(n + 1)
		row := rows.Index(n)
		for i, index := range at {
			targets[i] = row.FieldByIndex(index).Addr().Interface()
		}
		if err := res.Scan(targets...); err != nil {
			return fmt.Errorf("reading row %d: %w", n, err)
		}
	}
	if err := res.Err(); err != nil {
		return fmt.Errorf("reading rows: %w", err)
	}
	return nil
}

// named makes the driver's arguments of those the statement uses, in an order
// that does not depend on the map.
func named(sql string, args map[string]any) []any {
	names := make([]string, 0, len(args))
	for name := range args {
		if strings.Contains(sql, "{"+name+":") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	out := make([]any, len(names))
	for i, name := range names {
		out[i] = driver.Named(name, args[name])
	}
	return out
}

// withoutDeadline hides the deadline, not the cancellation: the driver turns a
// deadline into the setting max_execution_time, which a read-only user may not
// raise above its cap.
type withoutDeadline struct{ context.Context } //nolint:containedctx // It is a context.

func hideDeadline(ctx context.Context) context.Context { return withoutDeadline{ctx} }

func (withoutDeadline) Deadline() (time.Time, bool) { return time.Time{}, false }

// plain turns what the driver scans into Go's plain types.
func plain(v reflect.Value) any {
	switch v.Kind() { //nolint:exhaustive // The rest is below.
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return x.UTC()
	case decimal.Decimal:
		return x.InexactFloat64()
	case uuid.UUID:
		return x.String()
	case netip.Addr:
		return x.String()
	case []byte:
		return string(x)
	}
	switch v.Kind() { //nolint:exhaustive // The rest is printed.
	case reflect.Bool:
		return v.Bool()
	case reflect.String:
		return v.String()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return v.Uint()
	case reflect.Float32, reflect.Float64:
		return v.Float()
	case reflect.Slice, reflect.Array:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = plain(v.Index(i))
		}
		return out
	case reflect.Map:
		out := make(map[string]any, v.Len())
		for iter := v.MapRange(); iter.Next(); {
			out[fmt.Sprint(plain(iter.Key()))] = plain(iter.Value())
		}
		return out
	}
	return fmt.Sprint(v.Interface())
}

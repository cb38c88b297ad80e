package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/headway-metrics/headway/schema"
)

// insertsAtOnce is how many tables are filled at a time: the server waits for the
// disk at the end of each insert, and the next may use its processor meanwhile.
const insertsAtOnce = 3

// Insert stores facts, one batch a table, and returns nil only when the server
// has acknowledged every batch (invariant 2). After an error some tables may
// have their rows: insert the same facts again, equal rows collapse
// (invariant 3).
func (c *Conn) Insert(ctx context.Context, facts []schema.Fact) error {
	var order []string
	byTable := map[string][]any{}
	for _, f := range facts {
		table := f.Table()
		if byTable[table] == nil {
			order = append(order, table)
		}
		byTable[table] = append(byTable[table], f)
	}
	var g errgroup.Group
	g.SetLimit(insertsAtOnce)
	for _, table := range order {
		g.Go(func() error { return c.insert(ctx, table, byTable[table]) })
	}
	return g.Wait()
}

// InsertRows stores rows, a slice of structs or of pointers to structs whose
// `ch` tags name columns of the table. It acknowledges as Insert does.
func (c *Conn) InsertRows(ctx context.Context, table string, rows any) error {
	v := reflect.ValueOf(rows)
	if v.Kind() != reflect.Slice {
		return fmt.Errorf("inserting into %s: rows are a %T, want a slice of structs", table, rows)
	}
	pointers := make([]any, v.Len())
	for i := range pointers {
		e := v.Index(i)
		if e.Kind() == reflect.Interface {
			e = e.Elem()
		}
		if e.Kind() == reflect.Struct {
			e = e.Addr()
		}
		pointers[i] = e.Interface()
	}
	return c.insert(ctx, table, pointers)
}

// insert sends pointers to structs of one type as one block.
func (c *Conn) insert(ctx context.Context, table string, rows []any) (err error) {
	if len(rows) == 0 {
		return nil
	}
	t := reflect.TypeOf(rows[0])
	if t == nil || t.Kind() != reflect.Pointer {
		return fmt.Errorf("inserting into %s: a row is a %T, want a pointer to a struct", table, rows[0])
	}
	fields, err := fieldsOf(t.Elem())
	if err != nil {
		return fmt.Errorf("inserting into %s: %w", table, err)
	}
	columns := make([]string, len(fields.names))
	for i, name := range fields.names {
		columns[i] = quote(name)
	}
	// Synchronous: the acknowledgement means that the part is written. A replicated
	// table would drop a block that it has already, and not hand it on to the views
	// that an insert died before; equal rows collapse anyway.
	ctx = driver.Context(ctx, driver.WithSettings(driver.Settings{"async_insert": 0, "insert_deduplicate": 0}))
	query := "INSERT INTO " + quote(table) + " (" + strings.Join(columns, ", ") + ")"
	batch, err := c.db.PrepareBatch(ctx, query)
	if err != nil {
		return fmt.Errorf("inserting into %s: %w", table, err)
	}
	defer func() {
		if cerr := batch.Close(); cerr != nil && err == nil {
			err = fmt.Errorf("inserting into %s: %w", table, cerr)
		}
	}()
	for i, index := range fields.at {
		// By columns: the driver then looks at each type once, not at each value's.
		values := reflect.MakeSlice(reflect.SliceOf(t.Elem().FieldByIndex(index).Type), len(rows), len(rows))
		for n, r := range rows {
			values.Index(n).Set(reflect.ValueOf(r).Elem().FieldByIndex(index))
		}
		if err := batch.Column(i).Append(values.Interface()); err != nil {
			return errors.Join(fmt.Errorf("inserting into %s: column %s: %w", table, fields.names[i], err), batch.Abort())
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("inserting %d rows into %s: %w", len(rows), table, refusal(err))
	}
	return nil
}

// quote makes an identifier of a name, and of database.name two.
func quote(name string) string {
	parts := strings.SplitN(name, ".", 2)
	for i, p := range parts {
		parts[i] = "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(p) + "`"
	}
	return strings.Join(parts, ".")
}

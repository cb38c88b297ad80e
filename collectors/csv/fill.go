package csv

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/generic/api"
)

// listSeparator stands between the items of a cell that holds several.
const listSeparator = "|"

// columnsOf lists the columns of a kind, in the order of the fields.
func columnsOf(r api.Row) []string {
	var out []string
	for field := range reflect.TypeOf(r.Fields()).Elem().Fields() {
		out = append(out, field.Tag.Get("json"))
	}
	return out
}

// fill puts cells into the fields of their names and checks the whole. Cells of
// other names are let pass: events of other versions of Headway stay readable.
func (t Times) fill(r api.Row, cells map[string]string, zone *time.Location) error {
	v := reflect.ValueOf(r.Fields()).Elem()
	var errs []error
	for i, name := range columnsOf(r) {
		cell, ok := cells[name]
		if !ok {
			continue
		}
		if err := t.set(v.Field(i), name, cell, zone); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return r.Check()
}

func (t Times) set(field reflect.Value, name, cell string, zone *time.Location) error {
	switch to := field.Addr().Interface().(type) {
	case *string:
		*to = cell
		if name != "day" {
			return nil
		}
		at, err := t.parse(cell, zone)
		if err != nil {
			return err
		}
		*to = at.Format(time.DateOnly)
	case *[]string:
		for item := range strings.SplitSeq(cell, listSeparator) {
			*to = append(*to, strings.TrimSpace(item))
		}
	case *bool:
		b, ok := map[string]bool{"true": true, "yes": true, "1": true, "false": false, "no": false, "0": false}[strings.ToLower(cell)]
		if !ok {
			return fmt.Errorf("is %q; write true or false", cell)
		}
		*to = b
	case *uint32:
		n, err := strconv.ParseUint(cell, 10, 32)
		if err != nil {
			return fmt.Errorf("is %q; write a whole number", cell)
		}
		*to = uint32(n)
	case **time.Time:
		at, err := t.parse(cell, zone)
		if err != nil {
			return err
		}
		*to = &at
	case **api.Day:
		at, err := t.parse(cell, zone)
		if err != nil {
			return err
		}
		*to = &api.Day{Time: at}
	default:
		return fmt.Errorf("a field of type %s has no cell", field.Type())
	}
	return nil
}

package metrics

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// record reads one row by the names of its columns and collects what is wrong.
type record struct {
	cols   []string
	row    []any
	errors *[]error
}

func scan(cols []string, row []any) record { return record{cols, row, new([]error)} }

func (r record) err() error { return errors.Join(*r.errors...) }

// value is the column's value, nil for NULL.
func (r record) value(name string) any {
	i := slices.Index(r.cols, name)
	if i < 0 || i >= len(r.row) {
		*r.errors = append(*r.errors, fmt.Errorf("the answer has no column %s", name))
		return nil
	}
	return r.row[i]
}

func (r record) wrong(name string, v any) {
	*r.errors = append(*r.errors, fmt.Errorf("column %s holds an unexpected %T", name, v))
}

func (r record) time(name string) time.Time {
	v := r.value(name)
	t, ok := v.(time.Time)
	if !ok {
		r.wrong(name, v)
	}
	return t.UTC()
}

func (r record) text(name string) string {
	v := r.value(name)
	s, ok := v.(string)
	if !ok {
		r.wrong(name, v)
	}
	return s
}

func (r record) number(name string) *float64 {
	v := r.value(name)
	if v == nil {
		return nil
	}
	var x float64
	switch v := v.(type) {
	case float64:
		x = v
	case int64:
		x = float64(v)
	case uint64:
		x = float64(v)
	default:
		r.wrong(name, v)
	}
	if !finite(x) {
		return nil
	}
	return &x
}

func (r record) count(name string) uint64 {
	x := r.number(name)
	if x == nil || *x < 0 {
		r.wrong(name, r.value(name))
		return 0
	}
	return uint64(*x)
}

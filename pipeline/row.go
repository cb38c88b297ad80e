package pipeline

import (
	"fmt"
	"time"
)

// row reads the columns of one row of a Querier by name. The first column that
// is missing or of another type is kept as err; the rest reads as zero.
type row struct {
	columns []string
	values  []any
	err     error
}

func column[T any](r *row, name string) T {
	var zero T
	for i, c := range r.columns {
		if c != name || i >= len(r.values) {
			continue
		}
		v, ok := r.values[i].(T)
		if !ok && r.err == nil {
			r.err = fmt.Errorf("column %s is a %T, want a %T", name, r.values[i], zero)
		}
		return v
	}
	if r.err == nil {
		r.err = fmt.Errorf("column %s is missing", name)
	}
	return zero
}

func (r *row) text(name string) string    { return column[string](r, name) }
func (r *row) number(name string) uint64  { return column[uint64](r, name) }
func (r *row) time(name string) time.Time { return column[time.Time](r, name) }

// optionalTime is nil for NULL.
func (r *row) optionalTime(name string) *time.Time {
	for i, c := range r.columns {
		if c == name && i < len(r.values) && r.values[i] == nil {
			return nil
		}
	}
	t := column[time.Time](r, name)
	return &t
}

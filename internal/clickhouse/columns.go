package clickhouse

import (
	"fmt"
	"reflect"
	"slices"
)

// columnFields are the fields of a struct that stand for columns: those with a
// `ch` tag, those of embedded structs included, in the order of the struct.
type columnFields struct {
	names []string
	at    [][]int
}

func fieldsOf(t reflect.Type) (columnFields, error) {
	var out columnFields
	if t.Kind() != reflect.Struct {
		return out, fmt.Errorf("a row is a %s, want a struct", t)
	}
	out.add(t, nil)
	if len(out.names) == 0 {
		return out, fmt.Errorf("%s has no field with a ch tag", t)
	}
	return out, nil
}

// add adds the fields of t, which is found at the index. A field counts also where a
// field of the same name hides it.
func (c *columnFields) add(t reflect.Type, at []int) {
	for i := range t.NumField() {
		f, index := t.Field(i), append(slices.Clone(at), i)
		switch tag := f.Tag.Get("ch"); {
		case tag != "" && tag != "-":
			c.names, c.at = append(c.names, tag), append(c.at, index)
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			c.add(f.Type, index)
		}
	}
}

// ordered are the fields of the columns of a result, in their order.
func (c columnFields) ordered(columns []string) ([][]int, error) {
	at := make(map[string][]int, len(c.names))
	for i, name := range c.names {
		at[name] = c.at[i]
	}
	out := make([][]int, len(columns))
	for i, name := range columns {
		if out[i] = at[name]; out[i] == nil {
			return nil, fmt.Errorf("no field has the tag ch:%q", name)
		}
	}
	return out, nil
}

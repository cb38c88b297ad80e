package derive

import (
	"reflect"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// sameRow says that two derived rows are equal but for their versions. Times are
// compared as instants, and an empty list equals a missing one, for that is what
// a store gives back.
func sameRow[T any](a, b *T) bool {
	return sameValue(reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem())
}

func sameValue(a, b reflect.Value) bool {
	switch x := a.Interface().(type) {
	case time.Time:
		return x.Equal(b.Interface().(time.Time))
	case schema.DerivedMeta:
		y := b.Interface().(schema.DerivedMeta)
		x.Version, y.Version = 0, 0
		return x == y
	}
	switch a.Kind() { //nolint:exhaustive // The rest is compared as it is.
	case reflect.Struct:
		for i := range a.NumField() {
			if !sameValue(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		return sameValue(a.Elem(), b.Elem())
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !sameValue(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}

package derive

import (
	"reflect"
	"testing"
	"time"
)

// TestContentSeesEveryField changes one field after another: a hash that leaves a
// field out would leave a row stale for ever.
func TestContentSeesEveryField(t *testing.T) {
	t.Parallel()
	var c content
	check(t, c.release, "ReleaseID")
	check(t, c.change, "ChangeID")
	check(t, c.incident, "IncidentID")
}

func check[T any](t *testing.T, hash func(*T) uint64, key string) {
	t.Helper()
	var empty T
	seen := map[uint64]string{hash(&empty): "nothing"}
	if hash(&empty) == 0 {
		t.Errorf("%T: the hash of an empty row is 0", empty)
	}
	own := map[string]bool{key: true, "ServiceID": true, "Version": true, "Deleted": true, "Content": true}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if f.Anonymous {
			continue
		}
		var row T
		touch(t, reflect.ValueOf(&row).Elem().FieldByIndex(f.Index))
		h := hash(&row)
		if own[f.Name] {
			if seen[h] != "nothing" {
				t.Errorf("%T: %s is part of the hash", row, f.Name)
			}
			continue
		}
		if other, ok := seen[h]; ok {
			t.Errorf("%T: a change of %s has the hash of a change of %s", row, f.Name, other)
		}
		seen[h] = f.Name
	}
}

func touch(t *testing.T, v reflect.Value) {
	t.Helper()
	at, seconds := time.UnixMilli(1_700_000_000_000), 1.5
	switch v.Interface().(type) {
	case string:
		v.SetString("x")
	case []string:
		v.Set(reflect.ValueOf([]string{"x"}))
	case uint8, uint32, uint64:
		v.SetUint(1)
	case time.Time:
		v.Set(reflect.ValueOf(at))
	case *time.Time:
		v.Set(reflect.ValueOf(&at))
	case *float64:
		v.Set(reflect.ValueOf(&seconds))
	default:
		t.Fatalf("no way to change a %s", v.Type())
	}
}

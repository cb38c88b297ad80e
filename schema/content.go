package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
)

// contentBuffers hold the bytes that are hashed; every fact and receipt is.
var contentBuffers = sync.Pool{New: func() any { return new([]byte) }}

// contentHash is a hash of what a sealed fact says: of the JSON that encoding/json
// makes of it, so that a version stays what it was whoever computes it. A value that
// JSON cannot hold is an error.
func contentHash(fact reflect.Value) (uint64, error) {
	buf := contentBuffers.Get().(*[]byte)
	defer contentBuffers.Put(buf)
	b, err := appendFact((*buf)[:0], fact)
	if err != nil {
		return 0, err
	}
	*buf = b
	return xxhash.Sum64(b), nil
}

// contentField is a field of a fact and what stands before its value in JSON.
type contentField struct {
	before string
	at     []int
}

var contentFieldCache sync.Map // reflect.Type → []contentField

func contentFields(t reflect.Type) []contentField {
	if c, ok := contentFieldCache.Load(t); ok {
		return c.([]contentField)
	}
	var out []contentField
	var add func(reflect.Type, []int)
	add = func(t reflect.Type, at []int) {
		for i := range t.NumField() {
			f, index := t.Field(i), append(slices.Clone(at), i)
			if f.Anonymous {
				add(f.Type, index)
				continue
			}
			name := f.Name
			if tag := f.Tag.Get("json"); tag != "" {
				name = tag
			}
			sep := ","
			if len(out) == 0 {
				sep = "{"
			}
			out = append(out, contentField{sep + strconv.Quote(name) + ":", index})
		}
	}
	add(t, nil)
	contentFieldCache.Store(t, out)
	return out
}

func appendFact(b []byte, fact reflect.Value) ([]byte, error) {
	for _, f := range contentFields(fact.Type()) {
		var err error
		if b, err = appendValue(append(b, f.before...), fact.FieldByIndex(f.at)); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// appendValue appends the JSON of a field. What takes thought is left to
// encoding/json.
func appendValue(b []byte, v reflect.Value) ([]byte, error) {
	switch v.Kind() { //nolint:exhaustive // The rest is below.
	case reflect.String:
		if s := v.String(); plain(s) {
			return append(append(append(b, '"'), s...), '"'), nil
		}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		return appendValue(b, v.Elem())
	case reflect.Slice:
		if v.Len() == 0 && v.IsNil() {
			return append(b, "null"...), nil
		}
		if v.Type().Elem().Kind() == reflect.String {
			return appendList(b, v)
		}
	case reflect.Struct:
		if t, ok := v.Addr().Interface().(*time.Time); ok { //nolint:modernize // A time by value is copied to the heap.
			return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"'), nil
		}
	}
	j, err := json.Marshal(v.Interface())
	if err != nil {
		return b, fmt.Errorf("a field of type %s: %w", v.Type(), err)
	}
	return append(b, j...), nil
}

func appendList(b []byte, v reflect.Value) ([]byte, error) {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendValue(b, v.Index(i)); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

// plain says that a text stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

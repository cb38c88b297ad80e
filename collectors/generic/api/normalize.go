package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Normalize implements collectors.Source. Unknown fields are let pass, so that
// events of other versions of Headway stay readable.
func (*Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	for _, k := range kinds() {
		if k.eventType != ev.Type {
			continue
		}
		it, err := k.parse(ev.Data, false)
		if err != nil {
			return nil, err
		}
		if err := it.validate(); err != nil {
			return nil, err
		}
		return it.facts(Origin{Source: Name, At: ev.Time}), nil
	}
	return nil, fmt.Errorf("unknown event type %s", ev.Type)
}

// parse reads exactly one object.
func (k kind) parse(raw []byte, strict bool) (item, error) {
	if firstByte(raw) != '{' {
		return nil, errors.New("is not a JSON object")
	}
	v := k.empty()
	dec := json.NewDecoder(bytes.NewReader(raw))
	if strict {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(v); err != nil {
		if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, fmt.Errorf("%s: is a %s, which does not fit", typed.Field, typed.Value)
		}
		return nil, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return v, nil
}

func firstByte(b []byte) byte {
	if b = bytes.TrimLeft(b, " \t\r\n"); len(b) > 0 {
		return b[0]
	}
	return 0
}

// need returns an error when a field has no value.
func need(field, value string) error {
	if value == "" {
		return fmt.Errorf("%s: is required", field)
	}
	return nil
}

// oneOf returns an error when value is none of those allowed.
func oneOf(field, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s: is %q; use one of %s", field, value, strings.Join(allowed, ", "))
}

// latest is the last of the times that are set.
func latest(times ...*time.Time) time.Time {
	var out time.Time
	for _, t := range times {
		if t != nil && t.After(out) {
			out = *t
		}
	}
	return out
}

// earliest is the first of the times that are set.
func earliest(times ...*time.Time) time.Time {
	var out time.Time
	for _, t := range times {
		if t != nil && (out.IsZero() || t.Before(out)) {
			out = *t
		}
	}
	return out
}

func flag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

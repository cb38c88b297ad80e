// Package redact takes out of a payload what must not be kept. Payloads are kept
// verbatim everywhere else; but some tools send the very secret that they have
// found, and a secret that is stored once is in every copy of the topic. No
// knowledge of a system may enter.
package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Members returns the JSON without the members of these names, at any depth. The
// order of what stays and its numbers are as they were; white space is not.
func Members(body []byte, names ...string) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var out bytes.Buffer
	if err := copyValue(dec, &out, names, 0); err != nil {
		return nil, fmt.Errorf("taking members out: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("taking members out: something follows the JSON value")
	}
	return out.Bytes(), nil
}

// maxDepth of nested values.
const maxDepth = 1000

func copyValue(dec *json.Decoder, out *bytes.Buffer, names []string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if d, ok := token.(json.Delim); ok {
		return copyAll(dec, out, names, depth, d)
	}
	return write(out, token)
}

// copyAll copies the members of an object or the elements of an array.
func copyAll(dec *json.Decoder, out *bytes.Buffer, names []string, depth int, begin json.Delim) error {
	out.WriteRune(rune(begin))
	first := true
	for dec.More() {
		at := out.Len()
		if !first {
			out.WriteByte(',')
		}
		drop := false
		if begin == '{' {
			key, err := dec.Token()
			if err != nil {
				return err
			}
			name, ok := key.(string)
			if !ok {
				return fmt.Errorf("a member's name is a %T", key)
			}
			drop = slices.Contains(names, name)
			if err := write(out, name); err != nil {
				return err
			}
			out.WriteByte(':')
		}
		if err := copyValue(dec, out, names, depth+1); err != nil {
			return err
		}
		if drop {
			out.Truncate(at)
			continue
		}
		first = false
	}
	end, err := dec.Token()
	if err != nil {
		return err
	}
	if d, ok := end.(json.Delim); ok {
		out.WriteRune(rune(d))
	}
	return nil
}

func write(out *bytes.Buffer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	out.Truncate(out.Len() - 1) // The encoder ends each value with a newline.
	return nil
}

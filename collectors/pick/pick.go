// Package pick decodes the few members of a JSON payload that a source reads.
// Payloads are 1 to 30 kB of which a twentieth is read; picking that part first makes
// decoding several times faster. It knows no source.
package pick

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
)

// Shape says which members of a JSON object are read. A nil shape keeps a value
// as it is; one for an object also serves for each object of a list.
type Shape map[string]Shape

// Of derives a shape from the fields of a struct type and their json tags.
func Of[T any]() Shape { return of(reflect.TypeFor[T]()) }

func of(t reflect.Type) Shape {
	for t.Kind() == reflect.Pointer || (t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct) {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	out := Shape{}
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			out[name] = of(f.Type)
		}
	}
	return out
}

// Decode reads data into v, of which s is the shape. Names are taken as they are
// written. What the picker stumbles over is left to encoding/json, whose errors say
// more; what it passes over needs to be JSON only as far as strings and brackets go.
func Decode(data []byte, s Shape, v any) error {
	p := picker{in: data}
	if err := p.value(s); err == nil && p.end() {
		return json.Unmarshal(p.out, v)
	}
	return json.Unmarshal(data, v)
}

// Elements cuts a JSON array into its elements, which share its memory. As in
// Decode, what is in them is not looked at.
func Elements(data []byte) ([]json.RawMessage, error) {
	if out, ok := elements(data); ok {
		return out, nil
	}
	var out []json.RawMessage
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, err
	}
	return out, nil
}

func elements(data []byte) (out []json.RawMessage, ok bool) {
	p := picker{in: data}
	if p.next() != '[' {
		return nil, false
	}
	for {
		p.at++
		p.space()
		from := p.at
		if p.skip() != nil {
			return nil, false
		}
		out = append(out, data[from:p.at:p.at])
		switch p.next() {
		case ',':
		case ']':
			p.at++
			return out, p.end()
		default:
			return nil, false
		}
	}
}

var errSyntax = errors.New("no JSON that the picker understands")

// maxDepth of nested values.
const maxDepth = 1000

// picker copies the values that a shape keeps. It trusts what it skips to be
// JSON, as far as strings and brackets go.
type picker struct {
	in    []byte
	at    int
	out   []byte
	depth int
}

func (p *picker) space() {
	for p.at < len(p.in) {
		switch p.in[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// next is the next byte that is no space, or 0 at the end.
func (p *picker) next() byte {
	p.space()
	if p.at < len(p.in) {
		return p.in[p.at]
	}
	return 0
}

func (p *picker) end() bool { return p.next() == 0 && p.at == len(p.in) }

// value copies one value, or of an object or array of objects what s keeps.
func (p *picker) value(s Shape) error {
	if p.depth++; p.depth > maxDepth {
		return errSyntax
	}
	defer func() { p.depth-- }()
	switch c := p.next(); {
	case s != nil && c == '{':
		return p.object(s)
	case s != nil && c == '[':
		return p.list(s)
	}
	from := p.at
	if err := p.skip(); err != nil {
		return err
	}
	p.out = append(p.out, p.in[from:p.at]...)
	return nil
}

func (p *picker) object(s Shape) error {
	p.out = append(p.out, '{')
	p.at++
	first := true
	for {
		if p.next() == '}' {
			p.at++
			p.out = append(p.out, '}')
			return nil
		}
		if p.next() != '"' {
			return errSyntax
		}
		from := p.at
		if err := p.text(); err != nil {
			return err
		}
		key := p.in[from:p.at]
		if p.next() != ':' {
			return errSyntax
		}
		p.at++
		inner, keep := member(s, key)
		if !keep {
			p.space()
			if err := p.skip(); err != nil {
				return err
			}
		} else {
			if !first {
				p.out = append(p.out, ',')
			}
			first = false
			p.out = append(append(p.out, key...), ':')
			if err := p.value(inner); err != nil {
				return err
			}
		}
		switch p.next() {
		case ',':
			p.at++
			if p.next() != '"' {
				return errSyntax
			}
		case '}':
		default:
			return errSyntax
		}
	}
}

// member is what a map of names has under a name as it is written, in quotes and
// maybe with escapes. It is called for every member there is, so it copies nothing.
func member[T any](names map[string]T, quoted []byte) (T, bool) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		v, ok := names[string(quoted[1:len(quoted)-1])]
		return v, ok
	}
	v, ok := names[Text(quoted)]
	return v, ok
}

func (p *picker) list(s Shape) error {
	p.out = append(p.out, '[')
	p.at++
	for first := true; ; first = false {
		if p.next() == ']' && first {
			break
		}
		if !first {
			if p.next() != ',' {
				return errSyntax
			}
			p.at++
			p.out = append(p.out, ',')
		}
		if err := p.value(s); err != nil {
			return err
		}
		if p.next() == ']' {
			break
		}
	}
	p.at++
	p.out = append(p.out, ']')
	return nil
}

// text passes over a string.
func (p *picker) text() error {
	first := p.at + 1
	for p.at = first; ; p.at++ {
		n := bytes.IndexByte(p.in[p.at:], '"')
		if n < 0 {
			return errSyntax
		}
		p.at += n
		// A quote ends the string unless an odd number of backslashes is before it.
		slash := p.at
		for slash > first && p.in[slash-1] == '\\' {
			slash--
		}
		if (p.at-slash)%2 == 0 {
			p.at++
			return nil
		}
	}
}

// skip passes over a value: a string, brackets with what is between them, or a
// number or word.
func (p *picker) skip() error {
	open := 0
	for p.at < len(p.in) {
		switch p.in[p.at] {
		case '"':
			if err := p.text(); err != nil {
				return err
			}
			if open == 0 {
				return nil
			}
			continue
		case '{', '[':
			open++
		case '}', ']':
			if open == 0 {
				return errSyntax
			}
			if open--; open == 0 {
				p.at++
				return nil
			}
		case ',', ':':
			if open == 0 {
				return errSyntax
			}
		case ' ', '\t', '\r', '\n':
		default:
			if open == 0 {
				return p.word()
			}
		}
		p.at++
	}
	return errSyntax
}

// word passes over a number, true, false or null.
func (p *picker) word() error {
	from := p.at
	for p.at < len(p.in) && strings.IndexByte(" \t\r\n,]}", p.in[p.at]) < 0 {
		p.at++
	}
	if !json.Valid(p.in[from:p.at]) {
		return errSyntax
	}
	return nil
}

package github

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
)

// shape says which members of a JSON object are read. A nil shape keeps a value
// as it is.
type shape map[string]shape

// shapeOf derives a shape from the fields of a struct type.
func shapeOf(t reflect.Type) shape {
	for t.Kind() == reflect.Pointer || (t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct) {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	out := shape{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out[name] = shapeOf(f.Type)
	}
	return out
}

// decode reads data into v. GitHub's payloads are 10 to 30 kB of which a
// twentieth is read; picking that part first makes decoding several times
// faster. What the picker stumbles over is left to encoding/json, whose errors
// say more.
func decode(data []byte, s shape, v any) error {
	p := picker{in: data}
	if err := p.value(s); err == nil && p.end() {
		return json.Unmarshal(p.out, v)
	}
	return json.Unmarshal(data, v)
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
func (p *picker) value(s shape) error {
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

func (p *picker) object(s shape) error {
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
		inner, keep := s[string(key[1:len(key)-1])]
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

func (p *picker) list(s shape) error {
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
	for p.at++; p.at < len(p.in); p.at++ {
		switch p.in[p.at] {
		case '\\':
			p.at++
		case '"':
			p.at++
			return nil
		}
	}
	return errSyntax
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

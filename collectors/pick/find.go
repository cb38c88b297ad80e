package pick

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Place says where a value lies in a JSON object and which number it has among
// those that are looked for, from 1; 0 is of no interest itself.
type Place struct {
	Number int
	Inner  map[string]Place
}

// Paths is the place of values that are named by the members that lead to them:
// Paths("id", "data.subject.id") gives the first number 1 and the second number 2.
func Paths(paths ...string) Place {
	root := Place{Inner: map[string]Place{}}
	for i, path := range paths {
		root.add(strings.Split(path, "."), i+1)
	}
	return root
}

func (p Place) add(path []string, number int) {
	next := p.Inner[path[0]]
	if len(path) == 1 {
		next.Number = number
	} else {
		if next.Inner == nil {
			next.Inner = map[string]Place{}
		}
		next.add(path[1:], number)
	}
	p.Inner[path[0]] = next
}

// Find looks for values in one pass, without copying: found[n-1] becomes the text
// of the value of number n, and stays nil where there is none. Of members of one
// name the last counts, as in encoding/json. It returns an error for what is no JSON
// as far as strings and brackets go.
func Find(data []byte, root Place, found [][]byte) error {
	p := picker{in: data}
	if err := p.find(root, found); err != nil {
		return err
	}
	if !p.end() {
		return errSyntax
	}
	return nil
}

// String is the string that a value is, and "" for null and for no value. Any other
// value is an error.
func String(value []byte) (string, error) {
	switch n := len(value) - 1; {
	case n < 0 || string(value) == "null":
		return "", nil
	case value[0] != '"':
		return "", fmt.Errorf("%q is no string", value[:min(len(value), 40)])
	case n > 0 && value[n] == '"' && plain(value[1:n]):
		return string(value[1:n]), nil
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		return "", fmt.Errorf("%q: %w", value[:min(len(value), 40)], err)
	}
	return s, nil
}

// plain says that a string's text means itself.
func plain(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}

// Text is the string that a value is, or "" for any other value.
func Text(value []byte) string {
	if len(value) == 0 || value[0] != '"' {
		return "" // Many values are objects; an error would quote them for nothing.
	}
	s, err := String(value)
	if err != nil {
		return "" // Text says nothing of what is no text.
	}
	return s
}

func (p *picker) find(place Place, found [][]byte) error {
	p.space()
	from := p.at
	if place.Inner == nil || p.next() != '{' {
		if err := p.skip(); err != nil {
			return err
		}
	} else if err := p.members(place, found); err != nil {
		return err
	}
	if place.Number > 0 {
		found[place.Number-1] = p.in[from:p.at:p.at]
	}
	return nil
}

// members goes through an object.
func (p *picker) members(place Place, found [][]byte) error {
	if p.depth++; p.depth > maxDepth {
		return errSyntax
	}
	defer func() { p.depth-- }()
	for p.at++; ; p.at++ {
		switch p.next() {
		case '}':
			p.at++
			return nil
		case '"':
		default:
			return errSyntax
		}
		from := p.at
		if err := p.text(); err != nil {
			return err
		}
		inner, _ := member(place.Inner, p.in[from:p.at])
		if p.next() != ':' {
			return errSyntax
		}
		p.at++
		if err := p.find(inner, found); err != nil {
			return err
		}
		switch p.next() {
		case ',':
		case '}':
			p.at++
			return nil
		default:
			return errSyntax
		}
	}
}

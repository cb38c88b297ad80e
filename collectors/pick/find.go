package pick

import "encoding/json"

// Place says where a value lies in a JSON object and which number it has among
// those that are looked for, from 1; 0 is of no interest itself.
type Place struct {
	Number int
	Inner  map[string]Place
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

// Text is the string that a value is, or "" for any other value.
func Text(value []byte) string {
	var s string
	if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, &s) != nil {
		return ""
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

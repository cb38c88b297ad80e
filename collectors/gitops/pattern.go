package gitops

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var braces = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)

// pattern is a glob with named parts.
type pattern struct {
	glob string
	re   *regexp.Regexp
}

var token = regexp.MustCompile(`\{[a-z][a-z0-9_]*\}|\*\*/|\*`)

func compilePattern(s string) (pattern, error) {
	switch {
	case s == "":
		return pattern{}, errors.New("is empty")
	case strings.HasPrefix(s, "/") || slices.Contains(strings.Split(s, "/"), ".."):
		return pattern{}, fmt.Errorf("%q must begin at the root of the repository, with neither a slash nor .. before", s)
	case strings.ContainsAny(s, "[]?\\\x00\n") || strings.ContainsAny(braces.ReplaceAllString(s, ""), "{}"):
		return pattern{}, fmt.Errorf("%q may hold *, **/ and {name} only", s)
	}
	var re strings.Builder
	re.WriteString("^")
	at, seen := 0, map[string]bool{}
	for _, m := range token.FindAllStringIndex(s, -1) {
		re.WriteString(regexp.QuoteMeta(s[at:m[0]]))
		at = m[1]
		switch part := s[m[0]:m[1]]; part {
		case "*":
			re.WriteString("[^/]*")
		case "**/":
			re.WriteString("(?:.*/)?")
		default:
			name := part[1 : len(part)-1]
			if seen[name] {
				return pattern{}, fmt.Errorf("%q names %s twice", s, part)
			}
			seen[name] = true
			re.WriteString("(?P<" + name + ">[^/]+)")
		}
	}
	re.WriteString(regexp.QuoteMeta(s[at:]) + "$")
	compiled, err := regexp.Compile(re.String())
	if err != nil {
		return pattern{}, fmt.Errorf("%q is no pattern: %w", s, err)
	}
	return pattern{glob: braces.ReplaceAllString(s, "*"), re: compiled}, nil
}

func (p pattern) has(name string) bool { return slices.Contains(p.re.SubexpNames(), name) }

// match returns the named parts of a path.
func (p pattern) match(path string) (map[string]string, bool) {
	m := p.re.FindStringSubmatch(path)
	if m == nil {
		return nil, false
	}
	vars := map[string]string{}
	for i, name := range p.re.SubexpNames() {
		if name != "" {
			vars[name] = m[i]
		}
	}
	return vars, true
}

func expand(template string, vars map[string]string) string {
	return braces.ReplaceAllStringFunc(template, func(b string) string { return vars[b[1:len(b)-1]] })
}

// rule is a Rule made ready.
type rule struct {
	Rule
	files pattern
	key   keyPath
}

func compile(r Rule) (rule, error) {
	files, err := compilePattern(r.Files)
	if err != nil {
		return rule{}, err
	}
	key, err := compileKey(r.Key)
	return rule{Rule: r, files: files, key: key}, err
}

// vars are the named parts of a path with the rule's own stand-ins.
func (r rule) vars(path string) (map[string]string, bool) {
	vars, ok := r.files.match(path)
	if !ok {
		return nil, false
	}
	if vars["environment"] == "" {
		vars["environment"] = r.Environment
	}
	if vars["service"] == "" {
		vars["service"] = r.Service
	}
	return vars, true
}

// identity is what a path stands for under the rule: two paths with one
// identity are one file that was moved.
func (r rule) identity(path string) (string, bool) {
	vars, ok := r.vars(path)
	if !ok {
		return "", false
	}
	parts := make([]string, 0, len(vars)+1)
	for name, v := range vars {
		parts = append(parts, name+"="+v)
	}
	slices.Sort(parts)
	return strings.Join(append(parts, r.Key), "\x00"), true
}

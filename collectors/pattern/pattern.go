// Package pattern tells by name what a job, a workflow or an application is: rules
// such as 'deploy/{service}/{environment}' that a user writes. gitops has patterns
// of its own, since a glob of files has to be handed to git. What a name belongs to
// beyond its text may not enter.
package pattern

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Pattern matches whole names. * is any text without a slash, ** any text, and
// {name} a text of at least one character without a slash that gets that name.
type Pattern struct{ re *regexp.Regexp }

var (
	braces = regexp.MustCompile(`\{([A-Za-z_][A-Za-z0-9_]*)\}`)
	token  = regexp.MustCompile(`\{[A-Za-z_][A-Za-z0-9_]*\}|\*\*|\*`)
)

// Compile reads a pattern; the error says what is wrong with it.
func Compile(s string) (Pattern, error) {
	if s == "" {
		return Pattern{}, errors.New("is empty")
	}
	if strings.ContainsAny(braces.ReplaceAllString(s, ""), "{}") {
		return Pattern{}, fmt.Errorf("%q has a brace that is no {name}", s)
	}
	var re strings.Builder
	re.WriteString("(?s)^")
	at, seen := 0, map[string]bool{}
	for _, m := range token.FindAllStringIndex(s, -1) {
		re.WriteString(regexp.QuoteMeta(s[at:m[0]]))
		at = m[1]
		switch part := s[m[0]:m[1]]; part {
		case "*":
			re.WriteString("[^/]*")
		case "**":
			re.WriteString(".*")
		default:
			name := part[1 : len(part)-1]
			if seen[name] {
				return Pattern{}, fmt.Errorf("%q names %s twice", s, part)
			}
			seen[name] = true
			re.WriteString("(?P<" + name + ">[^/]+)")
		}
	}
	re.WriteString(regexp.QuoteMeta(s[at:]) + "$")
	compiled, err := regexp.Compile(re.String())
	if err != nil {
		return Pattern{}, fmt.Errorf("%q is no pattern: %w", s, err)
	}
	return Pattern{compiled}, nil
}

// All compiles several patterns; the error names the index of the first bad one.
func All(list []string) ([]Pattern, error) {
	var out []Pattern
	for i, s := range list {
		p, err := Compile(s)
		if err != nil {
			return nil, fmt.Errorf("[%d] %w", i, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// Match returns the named parts of a name.
func (p Pattern) Match(name string) (map[string]string, bool) {
	m := p.re.FindStringSubmatch(name)
	if m == nil {
		return nil, false
	}
	vars := map[string]string{}
	for i, n := range p.re.SubexpNames() {
		if n != "" {
			vars[n] = m[i]
		}
	}
	return vars, true
}

// Any reports whether one of the patterns matches.
func Any(list []Pattern, name string) bool {
	return slices.ContainsFunc(list, func(p Pattern) bool { return p.re.MatchString(name) })
}

// Expand puts the named parts into a template; a name that is not there is empty.
func Expand(template string, vars map[string]string) string {
	return braces.ReplaceAllStringFunc(template, func(b string) string { return vars[b[1:len(b)-1]] })
}

// Names are those in the braces of a template or pattern.
func Names(s string) []string {
	var out []string
	for _, m := range braces.FindAllStringSubmatch(s, -1) {
		out = append(out, m[1])
	}
	return out
}

// Target is where a deployment goes, as templates that a rule gives: the empty
// ones are the parts {environment}, {service} and {version} of the pattern.
type Target struct {
	Environment string `yaml:"environment" json:"environment,omitempty" jsonschema:"description=Environment; may hold {parts} of the pattern; default {environment}"`
	Service     string `yaml:"service" json:"service,omitempty" jsonschema:"description=Service as the catalogue or an alias calls it; default {service}; empty leaves it to the repository"`
	Repository  string `yaml:"repository" json:"repository,omitempty" jsonschema:"description=Repository of the service's code when the system does not say: github.com/acme/{service}"`
	Version     string `yaml:"version" json:"version,omitempty" jsonschema:"description=Version deployed; default {version}; empty leaves it to the commit"`
}

// Check returns the first problem of a target beside its pattern; more are the
// names that come from elsewhere than the pattern, nil allows every name.
func (t Target) Check(pattern string, more []string) error {
	known := append(Names(pattern), more...)
	if t.Environment == "" && !slices.Contains(known, "environment") {
		return errors.New("environment is missing: name it, or put {environment} into the pattern")
	}
	if more == nil {
		return nil
	}
	for key, v := range map[string]string{"environment": t.Environment, "service": t.Service, "repository": t.Repository, "version": t.Version} {
		for _, n := range Names(v) {
			if !slices.Contains(known, n) {
				return fmt.Errorf("%s uses {%s}, which the pattern does not name", key, n)
			}
		}
	}
	return nil
}

// Fill expands the templates.
func (t Target) Fill(vars map[string]string) Target {
	fill := func(template, part string) string {
		if template == "" {
			return vars[part]
		}
		return Expand(template, vars)
	}
	return Target{fill(t.Environment, "environment"), fill(t.Service, "service"), Expand(t.Repository, vars), fill(t.Version, "version")}
}

// With returns the parts with others beside them; the parts win.
func With(parts, others map[string]string) map[string]string {
	out := maps.Clone(others)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, parts)
	return out
}

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Sources is the "sources" mapping: each source's name and its own keys.
type Sources struct {
	nodes map[string]ast.Node
	path  string
	file  *ast.File
}

// UnmarshalYAML keeps the nodes, so that each source can decode its own.
func (s *Sources) UnmarshalYAML(n ast.Node) error {
	s.nodes = map[string]ast.Node{}
	if n.Type() == ast.NullType {
		return nil
	}
	m, ok := n.(ast.MapNode)
	if !ok {
		return fmt.Errorf("sources must be a mapping from source to its keys, not %s", n.Type())
	}
	for it := m.MapRange(); it.Next(); {
		s.nodes[it.Key().String()] = it.Value()
	}
	return nil
}

// Names are the configured sources, sorted.
func (s *Sources) Names() []string {
	out := make([]string, 0, len(s.nodes))
	for n := range s.nodes {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// Has says whether a source is configured.
func (s *Sources) Has(name string) bool { return s.nodes[name] != nil }

// Decode fills v with the keys of a source, strictly.
func (s *Sources) Decode(name string, v any) error {
	n := s.nodes[name]
	if n == nil || n.Type() == ast.NullType {
		return nil
	}
	if err := yaml.NewDecoder(strings.NewReader(""), yaml.Strict()).DecodeFromNode(n, v); err != nil {
		return located(s.path, err)
	}
	return nil
}

// Problem puts the place of a source's mapping before an error about it.
func (s *Sources) Problem(name string, err error) error {
	if n := s.nodes[name]; n != nil {
		return at(s.path, n.GetToken(), "sources.%s: %v", name, err)
	}
	return fmt.Errorf("source %s: %w", name, err)
}

// CheckKnown refuses configured sources that are not in the registry.
func (s *Sources) CheckKnown(known []string) error {
	var errs []error
	for _, n := range s.Names() {
		if !slices.Contains(known, n) {
			errs = append(errs, at(s.path, s.nodes[n].GetToken(), "sources.%s: no such source; there are: %s", n, strings.Join(known, ", ")))
		}
	}
	return errors.Join(errs...)
}

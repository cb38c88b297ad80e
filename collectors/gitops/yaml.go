package gitops

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxDepth bounds the nesting of a file; people write a dozen.
const maxDepth = 200

// step is one part of a key path: a key of a mapping, or an index of a list.
type step struct {
	key   string
	index int
}

type keyPath []step

var keyPart = regexp.MustCompile(`^([^.\[\]\s]+)((?:\[[0-9]{1,4}\])*)$`)

func compileKey(s string) (keyPath, error) {
	if s == "" {
		return nil, errors.New("is empty")
	}
	var path keyPath
	for part := range strings.SplitSeq(s, ".") {
		m := keyPart.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("%q is no path of keys", s)
		}
		path = append(path, step{key: m[1]})
		for idx := range strings.SplitSeq(strings.Trim(m[2], "[]"), "][") {
			if idx == "" {
				continue
			}
			n, err := strconv.Atoi(idx)
			if err != nil {
				return nil, fmt.Errorf("%q is no index: %w", idx, err)
			}
			path = append(path, step{index: n})
		}
	}
	return path, nil
}

// file is a parsed YAML file.
type file struct {
	docs    []ast.Node
	anchors map[string]ast.Node
}

// parseYAML reads every document of a file. Aliases are kept as they are, so
// that none of them can grow the file.
func parseYAML(b []byte) (f *file, err error) {
	// The parser is not ours, and the file is anybody's.
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("the YAML parser fails: %v", p)
		}
	}()
	if !utf8.Valid(b) {
		return nil, errors.New("the file is not UTF-8")
	}
	if nesting(b) > maxDepth {
		return nil, fmt.Errorf("the file nests deeper than %d", maxDepth)
	}
	parsed, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil, fmt.Errorf("the file is not valid YAML: %.200s", strings.Join(strings.Fields(err.Error()), " "))
	}
	f = &file{anchors: map[string]ast.Node{}}
	for _, d := range parsed.Docs {
		if d != nil && d.Body != nil {
			f.docs = append(f.docs, d.Body)
			ast.Walk(anchors{f}, d.Body)
		}
	}
	return f, nil
}

// nesting is an upper bound of how deep flow collections or indentation go.
func nesting(b []byte) int {
	deepest, open := 0, 0
	for line := range strings.Lines(string(b)) {
		indent := len(line) - len(strings.TrimLeft(line, " -?"))
		for _, c := range line {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(open-1, 0)
			}
			deepest = max(deepest, open)
		}
		deepest = max(deepest, indent/2)
	}
	return deepest
}

type anchors struct{ f *file }

func (a anchors) Visit(n ast.Node) ast.Visitor {
	if an, ok := n.(*ast.AnchorNode); ok && an.Name != nil {
		a.f.anchors[an.Name.GetToken().Value] = an.Value
	}
	return a
}

// value returns the scalar at a path as it is written, from the first document
// that has it.
func (f *file) value(path keyPath) (string, bool) {
	for _, d := range f.docs {
		if v, ok := f.find(d, path, 0); ok {
			return v, true
		}
	}
	return "", false
}

func (f *file) find(n ast.Node, path keyPath, depth int) (string, bool) {
	n = f.resolve(n)
	if n == nil || depth > maxDepth {
		return "", false
	}
	if len(path) == 0 {
		return scalar(n)
	}
	s := path[0]
	if s.key == "" {
		if seq, ok := n.(*ast.SequenceNode); ok && s.index < len(seq.Values) {
			return f.find(seq.Values[s.index], path[1:], depth+1)
		}
		return "", false
	}
	var merged []ast.Node
	for _, kv := range pairs(n) {
		if _, ok := kv.Key.(*ast.MergeKeyNode); ok {
			merged = append(merged, kv.Value)
			continue
		}
		if k, ok := scalar(f.resolve(kv.Key)); ok && k == s.key {
			return f.find(kv.Value, path[1:], depth+1)
		}
	}
	for _, m := range merged {
		if v, ok := f.find(m, path, depth+1); ok {
			return v, true
		}
	}
	return "", false
}

// resolve follows anchors, aliases and tags to what they stand for.
func (f *file) resolve(n ast.Node) ast.Node {
	for range maxDepth {
		switch t := n.(type) {
		case *ast.AnchorNode:
			n = t.Value
		case *ast.TagNode:
			n = t.Value
		case *ast.AliasNode:
			n = f.anchors[t.Value.GetToken().Value]
		default:
			return n
		}
	}
	return nil
}

func pairs(n ast.Node) []*ast.MappingValueNode {
	switch t := n.(type) {
	case *ast.MappingNode:
		return t.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{t}
	}
	return nil
}

// scalar is a value as it is written: 1.10 stays 1.10.
func scalar(n ast.Node) (string, bool) {
	switch t := n.(type) {
	case *ast.StringNode:
		return t.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(t.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

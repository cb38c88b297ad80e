package reference

import (
	"fmt"
	"strings"

	"github.com/invopop/jsonschema"
)

// key is one key of a configuration.
type key struct{ path, kind, preset, meaning string }

// keys lists the keys of a configuration in the order of its fields, those of
// inner mappings below their own: "app.id", "rules[].type".
func keys(cfg any) []key {
	r := &jsonschema.Reflector{
		FieldNameTag: "yaml", ExpandedStruct: true, RequiredFromJSONSchemaTags: true, Anonymous: true, DoNotReference: true,
	}
	var out []key
	walk(r.Reflect(cfg), "", &out)
	return out
}

func walk(s *jsonschema.Schema, prefix string, out *[]key) {
	if s.Properties == nil {
		return
	}
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		name, prop := prefix+p.Key, p.Value
		inner := prop
		if prop.Type == "array" && prop.Items != nil {
			inner = prop.Items
		}
		if inner.Properties == nil || prop.Description != "" {
			*out = append(*out, key{name, kindOf(prop), preset(prop), prop.Description})
		}
		if inner != prop {
			name += "[]"
		}
		walk(inner, name+".", out)
	}
}

func kindOf(s *jsonschema.Schema) string {
	switch {
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, e := range s.Enum {
			words[i] = fmt.Sprintf("`%v`", e)
		}
		return strings.Join(words, ", ")
	case s.Type == "array" && s.Items != nil:
		return "list of " + kindOf(s.Items)
	case s.Type == "object":
		return "mapping"
	}
	return s.Type
}

func preset(s *jsonschema.Schema) string {
	if s.Default == nil {
		return ""
	}
	return fmt.Sprintf("`%v`", s.Default)
}

// Undescribed lists the keys of a configuration that nothing explains.
func Undescribed(cfg any) []string {
	var out []string
	for _, k := range keys(cfg) {
		if k.meaning == "" {
			out = append(out, k.path)
		}
	}
	return out
}

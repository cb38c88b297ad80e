package backstage

import (
	"net/url"
	"strings"
)

// What is remembered of an entity beside its hash and, of a user, the groups, stands
// behind these in the cursor, each part with a mark: an entity that is gone cannot be
// asked what it was.
const (
	markRepo     = "r~"
	markPath     = "p~"
	markAlias    = "a~"
	markOwner    = "o~"
	markIdentity = "i~"
)

// remember is what has to be known of an entity when it is gone.
func (s *Source) remember(e entity) *memory {
	m := &memory{}
	switch strings.ToLower(e.Kind) {
	case "component":
		m.Repo, m.Path = e.Metadata.repository()
		m.Aliases = append([]string{Name + ":" + e.ref()}, e.Metadata.aliases()...)
		m.Owner = e.owner()
	case "user":
		m.Identities = s.identities(e)
	}
	return m
}

// state is m as it is kept in the cursor.
func (m *memory) state() string {
	var b strings.Builder
	add := func(mark string, values ...string) {
		for _, v := range values {
			if v != "" {
				b.WriteString(" " + mark + url.QueryEscape(v))
			}
		}
	}
	add(markRepo, m.Repo)
	add(markPath, m.Path)
	add(markAlias, m.Aliases...)
	add(markOwner, m.Owner)
	add(markIdentity, m.Identities...)
	return b.String()
}

// recall reads a state.
func recall(state string) *memory {
	m := &memory{}
	for f := range strings.FieldsSeq(state) {
		mark, rest, ok := strings.Cut(f, "~")
		if !ok {
			continue
		}
		v, err := url.QueryUnescape(rest)
		if err != nil {
			continue // Not written by state.
		}
		switch mark + "~" {
		case markRepo:
			m.Repo = v
		case markPath:
			m.Path = v
		case markAlias:
			m.Aliases = append(m.Aliases, v)
		case markOwner:
			m.Owner = v
		case markIdentity:
			m.Identities = append(m.Identities, v)
		}
	}
	return m
}

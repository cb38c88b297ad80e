package derive

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/headway-metrics/headway/schema"
)

// namedStore gives the facts of repositories under their present names: those told
// under any of their names, each once.
type namedStore struct {
	Store
	names atomic.Pointer[names]
}

// Select implements Store. Of statements with repositories as an argument it asks for
// all names of each.
func (s *namedStore) Select(ctx context.Context, dest any, sql string, args map[string]any) error {
	n := s.names.Load()
	asked, ok := args["repos"].([]string)
	if !ok || n == nil {
		return s.Store.Select(ctx, dest, sql, args)
	}
	wanted := n.every(asked)
	if len(wanted) == len(asked) && !slices.ContainsFunc(asked, func(r string) bool { return n.of(r) != r }) {
		return s.Store.Select(ctx, dest, sql, args)
	}
	more := maps.Clone(args)
	more["repos"] = array(wanted)
	if err := s.Store.Select(ctx, dest, sql, more); err != nil {
		return err
	}
	switch rows := dest.(type) {
	case *[]schema.Commit:
		*rows = renamed(*rows, func(c *schema.Commit) { c.Repo = n.of(c.Repo) }, func(c *schema.Commit) string { return c.Repo + "@" + c.SHA })
	case *[]schema.Tag:
		*rows = renamed(*rows, func(t *schema.Tag) { t.Repo = n.of(t.Repo) }, func(t *schema.Tag) string { return t.Repo + "@" + t.Name })
	case *[]schema.Change:
		*rows = renamed(*rows, func(c *schema.Change) {
			c.Repo, c.ChangeID, c.Reverts = n.of(c.Repo), n.id(c.ChangeID), n.ids(c.Reverts)
		}, func(c *schema.Change) string { return c.Repo + "@" + c.ChangeID })
	case *[]schema.Review:
		*rows = renamed(*rows, func(r *schema.Review) {
			r.Repo, r.ChangeID, r.ReviewID = n.of(r.Repo), n.id(r.ChangeID), n.id(r.ReviewID)
		}, func(r *schema.Review) string { return r.Repo + "@" + r.ChangeID + "@" + r.ReviewID })
	case *[]printRow:
		for i := range *rows {
			(*rows)[i].Repo = n.of((*rows)[i].Repo)
		}
	}
	return nil
}

// renamed gives rows their present names, and of those that are then one the newest,
// in the order of their keys.
func renamed[T any, P interface {
	*T
	schema.Fact
}](rows []T, rename func(*T), key func(*T) string) []T {
	for i := range rows {
		rename(&rows[i])
	}
	slices.SortStableFunc(rows, func(a, b T) int { return strings.Compare(key(&a), key(&b)) })
	return newest[T, P](rows, key)
}

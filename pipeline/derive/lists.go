package derive

import (
	"context"
	"strings"

	"github.com/headway-metrics/headway/schema"
)

// textStore gives facts whose lists come as one text each, in which a zero byte ends
// each element: most of the millions are short or empty, and to read a list costs many times
// what a text does.
type textStore struct{ Store }

// Select implements Store.
func (s textStore) Select(ctx context.Context, dest any, sql string, args map[string]any) error {
	switch facts := dest.(type) {
	case *[]schema.Commit:
		return selectTexts(ctx, s.Store, facts, sql, args, (*commitRow).fact)
	case *[]schema.Change:
		return selectTexts(ctx, s.Store, facts, sql, args, (*changeRow).fact)
	}
	return s.Store.Select(ctx, dest, sql, args)
}

func selectTexts[R, T any](ctx context.Context, store Store, facts *[]T, sql string, args map[string]any, fact func(*R) T) error {
	var rows []R
	if err := store.Select(ctx, &rows, sql, args); err != nil {
		return err
	}
	*facts = make([]T, len(rows))
	for i := range rows {
		(*facts)[i] = fact(&rows[i])
	}
	return nil
}

// ofText is the list of a text.
func ofText(text string) []string {
	if text == "" {
		return nil
	}
	out := make([]string, 0, strings.Count(text, "\x00"))
	for len(text) > 0 {
		var s string
		s, text, _ = strings.Cut(text, "\x00")
		out = append(out, s)
	}
	return out
}

// commitRow is a commit as it is read.
type commitRow struct {
	schema.Commit

	Parents string `ch:"parents_text"`
	Reverts string `ch:"reverts_text"`
	Paths   string `ch:"paths_text"`
}

func (r *commitRow) fact() schema.Commit {
	r.Commit.Parents, r.Commit.Reverts, r.Commit.Paths = ofText(r.Parents), ofText(r.Reverts), ofText(r.Paths)
	return r.Commit
}

// changeRow is a request as it is read.
type changeRow struct {
	schema.Change

	Labels  string `ch:"labels_text"`
	Reverts string `ch:"reverts_text"`
}

func (r *changeRow) fact() schema.Change {
	r.Change.Labels, r.Change.Reverts = ofText(r.Labels), ofText(r.Reverts)
	return r.Change
}

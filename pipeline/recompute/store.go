package recompute

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// Tables are those that are derived, in the order in which they are exchanged.
func Tables() []string {
	return []string{schema.ChangeDeployedTable, schema.IncidentTable, schema.ReleaseTable}
}

// store shows a deriver the copies where it asks for the tables.
type store struct {
	derive.Store
	copies Copies
	from   *regexp.Regexp
}

func newStore(s derive.Store, copies Copies) store {
	return store{s, copies, regexp.MustCompile(`\bFROM (` + strings.Join(Tables(), "|") + `)\b`)}
}

// Select implements derive.Store.
func (s store) Select(ctx context.Context, dest any, sql string, args map[string]any) error {
	sql = s.from.ReplaceAllStringFunc(sql, func(from string) string {
		return "FROM " + s.copies.Name(strings.TrimPrefix(from, "FROM "))
	})
	return s.Store.Select(ctx, dest, sql, args)
}

// InsertRows implements derive.Store. Only derived rows are stored. What else a
// deriver notes, which catalogue it has applied, is true of the tables in force
// only when the pipeline has derived them.
func (s store) InsertRows(ctx context.Context, table string, rows any) error {
	if !slices.Contains(Tables(), table) {
		return nil
	}
	return s.Store.InsertRows(ctx, s.copies.Name(table), rows)
}

// collector is an outbox that keeps what is published.
type collector struct {
	mu   sync.Mutex
	keys []schema.DirtyKey
}

// PublishDirty implements derive.Outbox.
func (c *collector) PublishDirty(_ context.Context, keys ...schema.DirtyKey) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = append(c.keys, keys...)
	return nil
}

// take returns what was published, each key once, and forgets it.
func (c *collector) take() []schema.DirtyKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.keys
	c.keys = nil
	slices.Sort(out)
	return slices.Compact(out)
}

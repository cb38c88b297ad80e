package resolve

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/headway-metrics/headway/schema"
)

// Store reads facts and reads and writes resolved rows.
type Store interface {
	// Select fills dest, a pointer to a slice of structs whose `ch` tags name the
	// columns. Arguments are ClickHouse's parameters, {name:Type} in the statement.
	Select(ctx context.Context, dest any, sql string, args map[string]any) error
	// Exec runs an INSERT … SELECT and returns nil only when its rows are durable.
	Exec(ctx context.Context, sql string, args map[string]any) error
	// InsertRows stores a slice of structs and returns nil only when all are durable.
	InsertRows(ctx context.Context, table string, rows any) error
}

// Resolver brings resolved rows in line with the views. It remembers nothing.
//
// All keys of facts and of names have one partition, hence one worker at a time.
// A worker that has lost its partition and does not know it yet may still write:
// rows carry as version the store's own time from before anything was read (or
// one more than the highest version of the table, if that is higher), so that
// what was read earlier loses.
type Resolver struct{ store Store }

// New returns a resolver of a store.
func New(store Store) *Resolver { return &Resolver{store} }

// Handle brings up to date what the keys name; keys of other things are none of its
// concern. The deriver has handled the same keys before, since the spans of merges
// follow from derived rows. When it returns nil, all of that is durable and the
// offsets of the keys may be committed (invariant 2). After an error or a crash
// nothing is lost by handling the same keys again (invariant 3): the meanings of
// names are noted only when all that follows from them is written.
func (r *Resolver) Handle(ctx context.Context, keys []schema.DirtyKey) error {
	d := sorted(keys)
	if d.nothing() {
		return nil
	}
	days := d.facts["workloads"]
	var changed changes
	if d.names || d.all || len(days) > 0 {
		var err error
		if changed, err = r.changes(ctx); err != nil {
			return err
		}
		d.all = d.all || changed.everything()
	}
	if d.all || len(days) > 0 {
		if err := r.bring(ctx, workloadNames(), d.all, days, nil); err != nil {
			return err
		}
		var err error
		if changed, err = r.changes(ctx); err != nil { // What a workload means may have changed by that.
			return err
		}
	}
	names := changed.names()
	for _, t := range append(factTables(), snapshots()) {
		if err := r.bring(ctx, t, d.all, d.facts[t.facts], names); err != nil {
			return err
		}
	}
	if err := r.useBlocks(ctx, d, names); err != nil {
		return err
	}
	if err := r.bring(ctx, teamServices(), d.all, names[kindService], nil); err != nil {
		return err
	}
	if err := r.mergeSpans(ctx, d, names[kindRepo]); err != nil {
		return err
	}
	return r.note(ctx, changed)
}

// bring brings a table in line with its view: everything, or the rows that ids or
// names concern.
func (r *Resolver) bring(ctx context.Context, t table, all bool, ids []string, names map[string][]string) error {
	if all {
		return r.replace(ctx, t, "1", nil)
	}
	if len(ids) > 0 {
		if err := r.replace(ctx, t, t.dirty, map[string]any{"ids": array(ids)}); err != nil {
			return err
		}
	}
	args, found := map[string]any{}, false
	for _, kind := range t.kinds {
		args[kind], found = array(names[kind]), found || len(names[kind]) > 0
	}
	if !found {
		return nil
	}
	if found, err := r.any(ctx, t.facts, t.named, args); !found || err != nil {
		return err
	}
	// A name that means something else leaves no row without its fact.
	return r.write(ctx, t, fmt.Sprintf("(%[1]s) IN (SELECT %[1]s FROM %[2]s WHERE %[3]s)", t.key, t.facts, t.named), args)
}

// useBlocks brings in line the blocks of the uses that were brought in line before. A
// use that was in another block has left a tombstone there, so that no crash forgets
// which it was; another team is of the same block.
func (r *Resolver) useBlocks(ctx context.Context, d dirty, names map[string][]string) error {
	t, uses := useBlocks(), factTables()[0]
	if d.all {
		return r.replace(ctx, t, "1", nil)
	}
	args, found := map[string]any{"ids": array(d.facts[uses.facts])}, len(d.facts[uses.facts]) > 0
	for _, kind := range uses.kinds {
		args[kind], found = array(names[kind]), found || len(names[kind]) > 0
	}
	if !found {
		return nil
	}
	var rows []struct {
		Capability string `ch:"capability"`
		Block      string `ch:"block"`
	}
	blocks := fmt.Sprintf("SELECT DISTINCT toString(capability_id) AS capability, %[1]s AS block FROM resolved_uses WHERE %[2]s "+
		"UNION DISTINCT SELECT toString(capability_id), %[1]s FROM capability_uses WHERE %[3]s", blockOf, uses.dirty, uses.named)
	if err := r.store.Select(ctx, &rows, blocks, args); err != nil {
		return fmt.Errorf("finding the blocks of uses: %w", err)
	}
	if len(rows) == 0 {
		return nil
	}
	var capabilities, numbers []string
	for _, row := range rows {
		capabilities, numbers = append(capabilities, row.Capability), append(numbers, row.Block)
	}
	return r.replace(ctx, t, t.dirty, map[string]any{"capabilities": array(capabilities), "blocks": array(numbers)})
}

// mergeSpans writes the spans of repositories and services, also those that do not
// differ: keys of several partitions can concern one row, and the latest to read is the
// latest that counts. One without spans is a tombstone.
func (r *Resolver) mergeSpans(ctx context.Context, d dirty, renamed []string) error {
	if d.all {
		t := mergeSpans()
		if err := r.insert(ctx, t, t.fresh("1", false)+" UNION ALL "+t.gone("1"), nil); err != nil {
			return err
		}
		d.repos, renamed = nil, nil
	}
	for origin, ids := range map[string][]string{"repo": slices.Concat(d.repos, renamed), "service": d.services} {
		if len(ids) == 0 {
			continue
		}
		stamp, err := r.stamp(ctx, "resolved_merge_spans")
		if err != nil {
			return err
		}
		err = r.store.Exec(ctx, fmt.Sprintf("INSERT INTO resolved_merge_spans SELECT '%[1]s', k.id, s.spans, {stamp:UInt64}, empty(s.spans) "+
			"FROM (SELECT arrayJoin({ids:Array(String)}) AS id) AS k LEFT JOIN (SELECT id, spans FROM %[1]s_merge_spans WHERE id IN {ids:Array(String)}) AS s ON s.id = k.id",
			origin), with(map[string]any{"ids": array(ids)}, stamp))
		if err != nil {
			return fmt.Errorf("writing the spans of merges of each %s: %w", origin, err)
		}
	}
	return nil
}

// any says whether there is a row that meets the condition.
func (r *Resolver) any(ctx context.Context, table, where string, args map[string]any) (bool, error) {
	var rows []struct {
		There uint8 `ch:"there"`
	}
	if err := r.store.Select(ctx, &rows, "SELECT 1 AS there FROM "+table+" WHERE "+where+" LIMIT 1", args); err != nil {
		return false, fmt.Errorf("looking into %s: %w", table, err)
	}
	return len(rows) > 0, nil
}

// replace writes the rows of the view that meet a condition and differ from the
// table's, and tombstones of those that it no longer has.
func (r *Resolver) replace(ctx context.Context, t table, where string, args map[string]any) error {
	if t.facts != "" {
		if found, err := r.any(ctx, t.facts, "1", nil); !found || err != nil {
			return err
		}
	}
	return r.insert(ctx, t, t.fresh(where, true)+" UNION ALL "+t.gone(where), args)
}

// write writes the rows of the view that meet a condition and differ from the table's.
func (r *Resolver) write(ctx context.Context, t table, where string, args map[string]any) error {
	return r.insert(ctx, t, t.fresh(where, true), args)
}

// insert writes rows in one statement: millions need not come here and go back, and
// one that moves in the table's order is not there twice, nor gone, in between. They are written
// in that order, so that parts do not overlap.
func (r *Resolver) insert(ctx context.Context, t table, rows string, args map[string]any) error {
	resolved := "resolved_" + t.name
	stamp, err := r.stamp(ctx, resolved)
	if err != nil {
		return err
	}
	// Of a NULL it must be told too whether it differs.
	err = r.store.Exec(ctx, fmt.Sprintf("INSERT INTO %s SELECT * FROM (%s) ORDER BY %s SETTINGS transform_null_in = 1, max_bytes_before_external_sort = 500000000",
		resolved, rows, t.key), with(args, stamp))
	if err != nil {
		return fmt.Errorf("writing %s: %w", resolved, err)
	}
	return nil
}

func with(args map[string]any, stamp uint64) map[string]any {
	out := map[string]any{"stamp": stamp}
	maps.Copy(out, args)
	return out
}

// stamp is the store's clock in milliseconds, or one more than the highest version
// of the table.
func (r *Resolver) stamp(ctx context.Context, table string) (uint64, error) {
	var rows []struct {
		At uint64 `ch:"at"`
	}
	err := r.store.Select(ctx, &rows, "SELECT greatest(toUInt64(toUnixTimestamp64Milli(now64(3))), (SELECT max(version) + 1 FROM "+table+")) AS at", nil)
	if err != nil {
		return 0, fmt.Errorf("reading the store's clock: %w", err)
	}
	if len(rows) != 1 {
		return 0, fmt.Errorf("reading the store's clock: %d rows", len(rows))
	}
	return rows[0].At, nil
}

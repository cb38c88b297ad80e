package pipelinetest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/schema"
)

var errRefused = errors.New("injected: cannot store this row")

// Store keeps facts as a ReplacingMergeTree does when it is read with FINAL: of
// every key the row with the highest version, the last inserted of equal ones,
// and none when that row is deleted. The zero value is ready to use.
type Store struct {
	Faults *Faults
	// Refuse says of a row whether the store refuses it for good; nil refuses none.
	Refuse func(f schema.Fact) bool

	mu      sync.Mutex
	tables  map[string]map[string]row
	inserts int
	rows    int
}

type row struct {
	version uint64
	deleted bool
	json    string
	fact    any
}

// Insert stores rows table by table, as the real store does. A refused row
// fails its whole table, after the tables before it were stored.
func (s *Store) Insert(ctx context.Context, facts []schema.Fact) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.Faults.check(BeforeInsert); err != nil {
		return err
	}
	sorted := slices.Clone(facts)
	slices.SortStableFunc(sorted, func(a, b schema.Fact) int { return cmp.Compare(a.Table(), b.Table()) })
	mid := s.Faults.check(MidInsert)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inserts++
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].Table() == sorted[0].Table() {
			n++
		}
		table := sorted[:n]
		if s.Refuse != nil && slices.ContainsFunc(table, s.Refuse) {
			return &pipeline.PermanentError{Err: fmt.Errorf("table %s: %w", table[0].Table(), errRefused)}
		}
		if mid != nil && n == len(sorted) {
			// The last table gets half of its rows before the end.
			table = table[:n/2]
		}
		for _, f := range table {
			if err := s.put(f); err != nil {
				return err
			}
		}
		sorted = sorted[n:]
	}
	if mid != nil {
		return mid
	}
	return s.Faults.check(AfterInsert)
}

func (s *Store) put(f schema.Fact) error {
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("reading %s %s: %w", f.Table(), f.FactID(), err)
	}
	if s.tables == nil {
		s.tables = map[string]map[string]row{}
	}
	t := s.tables[f.Table()]
	if t == nil {
		t = map[string]row{}
		s.tables[f.Table()] = t
	}
	s.rows++
	m := schema.MetaOf(f)
	if old, ok := t[f.FactID()]; !ok || m.Version >= old.version {
		t[f.FactID()] = row{
			version: m.Version, deleted: m.Deleted == 1, json: string(b), fact: reflect.ValueOf(f).Elem().Interface(),
		}
	}
	return nil
}

// Tables is what a query with FINAL sees: by table, by key, the row as JSON.
func (s *Store) Tables() map[string]map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]map[string]string{}
	for name, rows := range s.tables {
		for key, r := range rows {
			if r.deleted {
				continue
			}
			if out[name] == nil {
				out[name] = map[string]string{}
			}
			out[name][key] = r.json
		}
	}
	return out
}

// Read lists what a query with FINAL sees of a table whose facts are *T, ordered
// by key.
func Read[T any](s *Store, table string) ([]T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := s.tables[table]
	out := make([]T, 0, len(rows))
	for _, k := range slices.Sorted(maps.Keys(rows)) {
		if rows[k].deleted {
			continue
		}
		f, ok := rows[k].fact.(T)
		if !ok {
			return nil, fmt.Errorf("table %s holds %T, not %T", table, rows[k].fact, f)
		}
		out = append(out, f)
	}
	return out, nil
}

// Inserts is how many calls of Insert reached the store.
func (s *Store) Inserts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inserts
}

// Rows is how many rows were written, before replacing.
func (s *Store) Rows() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows
}

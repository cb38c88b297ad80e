package resolve

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/headway-metrics/headway/schema"
)

// dirty is what the keys of one batch name.
type dirty struct {
	// facts are ids of facts by their table.
	facts           map[string][]string
	repos, services []string
	// names says that the meaning of names may have changed, all that everything may.
	names, all bool
}

func sorted(keys []schema.DirtyKey) dirty {
	d := dirty{facts: map[string][]string{}}
	for _, k := range keys {
		switch kind, name := k.Split(); {
		case k == schema.DirtyNames:
			d.names = true
		case k == schema.DirtyAll:
			d.all = true
		case name == "":
			// Of a fact that names nothing.
		case kind == "fact":
			table, id, _ := strings.Cut(name, "/")
			d.facts[table] = append(d.facts[table], id)
		case kind == "repo":
			d.repos = append(d.repos, name)
		case kind == "service":
			d.services = append(d.services, name)
		}
	}
	return d
}

func (d *dirty) nothing() bool {
	return len(d.facts)+len(d.repos)+len(d.services) == 0 && !d.names && !d.all
}

// change is a name that means something else than the tables say, or nothing more.
type change struct {
	Kind    string `ch:"kind"`
	Name    string `ch:"name"`
	Meaning uint64 `ch:"meaning"`
	Version uint64 `ch:"version"`
	Deleted uint8  `ch:"is_deleted"`
}

type changes []change

// manyNames is how many changed names are not worth being looked for.
const manyNames = 10_000

// everything says that all rows are to be compared: a definition is new, or nearly
// all of the catalogue.
func (c changes) everything() bool {
	return len(c) > manyNames || slices.ContainsFunc(c, func(x change) bool { return x.Kind == kindDefinition })
}

func (c changes) names() map[string][]string {
	out := map[string][]string{}
	for _, x := range c {
		out[x.Kind] = append(out[x.Kind], x.Name)
	}
	return out
}

const selectChanges = `SELECT kind, name, maxIf(meaning, now) AS meaning, {stamp:UInt64} AS version, toUInt8(max(now) = 0) AS is_deleted
FROM (
  SELECT kind, name, meaning, 1 AS now FROM meanings
  UNION ALL
  SELECT toString(kind), name, meaning, 0 FROM applied_meanings FINAL
) AS m
GROUP BY kind, name
HAVING count() != 2 OR min(m.meaning) != max(m.meaning)`

// changes are the names that have changed since they were last noted.
func (r *Resolver) changes(ctx context.Context) (changes, error) {
	stamp, err := r.stamp(ctx, appliedTable)
	if err != nil {
		return nil, err
	}
	var out changes
	if err := r.store.Select(ctx, &out, selectChanges, map[string]any{"stamp": stamp}); err != nil {
		return nil, fmt.Errorf("finding names that have changed: %w", err)
	}
	return out, nil
}

// note notes what the tables are in line with now.
func (r *Resolver) note(ctx context.Context, c changes) error {
	if len(c) == 0 {
		return nil
	}
	if err := r.store.InsertRows(ctx, appliedTable, []change(c)); err != nil {
		return fmt.Errorf("noting %d names: %w", len(c), err)
	}
	return nil
}

// array is a parameter of type Array(String): sorted, each once, never nil.
func array(names []string) []string {
	out := append([]string{}, names...)
	slices.Sort(out)
	return slices.Compact(out)
}

package derive

import (
	"context"
	"fmt"

	"github.com/headway-metrics/headway/schema"
)

// stored is what is known of a derived row without reading it.
type stored struct {
	ServiceID string `ch:"service_id"`
	ID        string `ch:"id"`
	Version   uint64 `ch:"newest"`
	Deleted   uint8  `ch:"deleted"`
	Content   uint64 `ch:"print"`
}

// storedRows are the rows of some services, each service's in the order of their ids.
type storedRows map[string][]stored

func (d *Deriver) storedRows(ctx context.Context, sql string, ids []string) (storedRows, error) {
	var rows []stored
	if err := d.cfg.Store.Select(ctx, &rows, sql, map[string]any{"services": array(ids)}); err != nil {
		return nil, fmt.Errorf("reading derived rows: %w", err)
	}
	out := make(storedRows, len(ids))
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && rows[to].ServiceID == rows[from].ServiceID {
			to++
		}
		out[rows[from].ServiceID] = rows[from:to:to]
		from = to
	}
	return out, nil
}

// kind is how a kind of derived rows is told apart.
type kind[T any] struct {
	id   func(*T) *string
	meta func(*T) *schema.DerivedMeta
	hash func(*content, *T) uint64
}

var (
	releaseKind = kind[schema.Release]{
		func(r *schema.Release) *string { return &r.ReleaseID },
		func(r *schema.Release) *schema.DerivedMeta { return &r.DerivedMeta },
		(*content).release,
	}
	changeKind = kind[schema.ChangeDeployed]{
		func(c *schema.ChangeDeployed) *string { return &c.ChangeID },
		func(c *schema.ChangeDeployed) *schema.DerivedMeta { return &c.DerivedMeta },
		(*content).change,
	}
	incidentKind = kind[schema.Incident]{
		func(i *schema.Incident) *string { return &i.IncidentID },
		func(i *schema.Incident) *schema.DerivedMeta { return &i.DerivedMeta },
		(*content).incident,
	}
)

// diff appends to rows those of one service to write: the fresh ones that are new or differ from what
// is stored, and tombstones of those that no longer follow. Equal rows are not
// written again. Both the stored and the fresh rows come in the order of their ids.
func (k kind[T]) diff(rows []T, service string, old []stored, fresh []T, stamp uint64) []T {
	var c content
	var gone []stored
	for i := range fresh {
		row := &fresh[i]
		id := *k.id(row)
		for len(old) > 0 && old[0].ID < id {
			gone, old = append(gone, old[0]), old[1:]
		}
		m := k.meta(row)
		m.Content, m.Version = k.hash(&c, row), stamp
		if len(old) > 0 && old[0].ID == id {
			was := old[0]
			old = old[1:]
			if was.Deleted == 0 && was.Content == m.Content {
				continue
			}
			m.Version = max(stamp, was.Version+1)
		}
		rows = append(rows, *row)
	}
	for _, was := range append(gone, old...) {
		if was.Deleted != 0 {
			continue
		}
		var row T
		*k.id(&row) = was.ID
		*k.meta(&row) = schema.DerivedMeta{ServiceID: service, Version: max(stamp, was.Version+1), Deleted: 1}
		rows = append(rows, row)
	}
	return rows
}

func write[T any](ctx context.Context, store Store, table string, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	if err := store.InsertRows(ctx, table, rows); err != nil {
		return fmt.Errorf("writing %d rows of %s: %w", len(rows), table, err)
	}
	return nil
}

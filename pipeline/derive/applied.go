package derive

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// appliedTable holds of each service what the catalogue said of it when it was
// last applied. By the difference a change of the catalogue concerns the services
// that gain or lose facts, and no others.
const appliedTable = "applied_services"

type appliedService struct {
	ServiceID string     `ch:"service_id"`
	Version   uint64     `ch:"version"`
	Deleted   uint8      `ch:"is_deleted"`
	Repo      string     `ch:"repo"`
	Paths     []string   `ch:"paths"`
	Aliases   []string   `ch:"aliases"`
	CreatedAt *time.Time `ch:"created_at"`
}

// appliedChanges is how the catalogue differs from the applied one.
type appliedChanges struct {
	// was resolves names as the applied catalogue did.
	was *catalogue
	// services are those that differ, and those that a name of theirs meant or means.
	services []string
	// repos and names are under which facts may have moved.
	repos, names []string
	// rows make the catalogue the applied one.
	rows []appliedService
}

func (d *Deriver) appliedChanges(ctx context.Context, cat *catalogue) (*appliedChanges, error) {
	stamp, err := d.stamp(ctx)
	if err != nil {
		return nil, err
	}
	var stored []appliedService
	if err := d.cfg.Store.Select(ctx, &stored, selectApplied, nil); err != nil {
		return nil, fmt.Errorf("reading the applied catalogue: %w", err)
	}
	was := map[string]*appliedService{}
	var services []schema.Service
	for i := range stored {
		a := &stored[i]
		was[a.ServiceID] = a
		services = append(services, schema.Service{Meta: schema.Meta{Deleted: a.Deleted}, ServiceID: a.ServiceID, Repo: a.Repo, Aliases: a.Aliases})
	}
	out := &appliedChanges{was: newCatalogue(services, cat.names)}
	for _, id := range slices.Sorted(maps.Keys(cat.services)) {
		s := cat.services[id]
		row := appliedService{ServiceID: id, Version: stamp, Deleted: s.Deleted, Repo: s.Repo, Paths: s.Paths, Aliases: s.Aliases, CreatedAt: s.CreatedAt}
		old := was[id]
		delete(was, id)
		if old != nil {
			if old.equal(&row) {
				continue
			}
			row.Version = max(stamp, old.Version+1)
		}
		out.change(old, &row)
	}
	for _, id := range slices.Sorted(maps.Keys(was)) {
		if old := was[id]; old.Deleted == 0 {
			out.change(old, &appliedService{ServiceID: id, Version: max(stamp, old.Version+1), Deleted: 1})
		}
	}
	for _, r := range out.repos {
		out.services = append(append(out.services, cat.ofRepo(r)...), out.was.ofRepo(r)...)
	}
	for _, n := range out.names {
		out.services = append(append(out.services, cat.named(n)...), out.was.named(n)...)
	}
	return out, nil
}

// change notes one service that differs. Its paths and age concern itself; its
// repository and names may move facts between services.
func (c *appliedChanges) change(old, row *appliedService) {
	c.rows = append(c.rows, *row)
	c.services = append(c.services, row.ServiceID)
	for _, a := range []*appliedService{old, row} {
		if a == nil || a.Deleted != 0 {
			continue
		}
		if a.Repo != "" {
			c.repos = append(c.repos, a.Repo)
		}
		c.names = append(append(c.names, a.ServiceID), a.Aliases...)
		c.repos = append(c.repos, a.Aliases...) // It may have been there.
	}
}

func (a *appliedService) equal(b *appliedService) bool {
	same := (a.CreatedAt == nil) == (b.CreatedAt == nil) && (a.CreatedAt == nil || a.CreatedAt.Equal(*b.CreatedAt))
	return same && a.Deleted == b.Deleted && a.Repo == b.Repo && slices.Equal(a.Paths, b.Paths) && slices.Equal(a.Aliases, b.Aliases)
}

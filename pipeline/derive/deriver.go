package derive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Store reads facts and reads and writes derived rows.
type Store interface {
	// Select fills dest, a pointer to a slice of structs whose `ch` tags name the
	// columns. Arguments are ClickHouse's parameters, {name:Type} in the statement.
	Select(ctx context.Context, dest any, sql string, args map[string]any) error
	// InsertRows stores a slice of structs and returns nil only when all are
	// durable. The highest version of a key counts.
	InsertRows(ctx context.Context, table string, rows any) error
}

// Outbox carries dirty keys to whoever owns them.
type Outbox interface {
	// PublishDirty returns nil only when all keys are durable (invariant 2).
	PublishDirty(ctx context.Context, keys ...schema.DirtyKey) error
}

// Config is what a Deriver works with.
type Config struct {
	Store   Store
	Outbox  Outbox
	Options Options
	// Now is the clock; nil means time.Now. It decides only which times are absurd.
	Now func() time.Time
	Log *slog.Logger
}

// Deriver turns dirty keys into derived rows. It is safe for concurrent use.
//
// One worker at a time owns a service, because its key has one partition. A
// worker that has lost its partition and does not know it yet may still write:
// rows carry as version the store's own time from before their facts were read
// (or one more than the row they replace, if that is higher), so that rows from
// older facts lose to rows from newer ones, whatever the order of writing.
type Deriver struct {
	cfg   Config
	cache *repoCache
}

// New checks the configuration.
func New(cfg Config) (*Deriver, error) {
	if cfg.Store == nil || cfg.Outbox == nil || cfg.Log == nil {
		return nil, errors.New("derive: Store, Outbox and Log must be set")
	}
	if err := cfg.Options.Validate(); err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Deriver{cfg: cfg, cache: newRepoCache(cfg.Store, cfg.Options.CacheCommits)}, nil
}

// Handle brings up to date what the keys name: services at once, everything else
// by publishing the keys of the services it concerns. When it returns nil, all of
// that is durable and the offsets of the keys may be committed (invariant 2).
// After an error nothing is lost by handling the same keys again (invariant 3).
func (d *Deriver) Handle(ctx context.Context, keys []schema.DirtyKey) error {
	if len(keys) == 0 {
		return nil
	}
	var services []schema.Service
	if err := d.cfg.Store.Select(ctx, &services, selectServices, nil); err != nil {
		return fmt.Errorf("reading the catalogue: %w", err)
	}
	cat := newCatalogue(services)
	ids, others := split(keys)
	if len(others) > 0 {
		if err := d.fanOut(ctx, cat, others); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(sortedByRepo(cat, ids), servicesAtOnce) {
		if err := d.derive(ctx, cat, chunk); err != nil {
			return err
		}
	}
	return nil
}

// servicesAtOnce bounds the facts in memory at a time.
const servicesAtOnce = 64

// split separates services from names that must be resolved, each once.
func split(keys []schema.DirtyKey) (services []string, others []schema.DirtyKey) {
	seen := map[schema.DirtyKey]bool{}
	for _, k := range keys {
		if seen[k] {
			continue
		}
		seen[k] = true
		if kind, name := k.Split(); kind == "service" && name != "" {
			services = append(services, name)
		} else {
			others = append(others, k)
		}
	}
	return services, others
}

// sortedByRepo puts services of one repository side by side, so that it is
// loaded once.
func sortedByRepo(cat *catalogue, ids []string) []string {
	slices.SortFunc(ids, func(a, b string) int {
		if x, y := cat.repo(a), cat.repo(b); x != y {
			return slices.Compare([]string{x}, []string{y})
		}
		return slices.Compare([]string{a}, []string{b})
	})
	return ids
}

// fanOut publishes the keys of the services that the others concern.
func (d *Deriver) fanOut(ctx context.Context, cat *catalogue, others []schema.DirtyKey) error {
	found := map[string]bool{}
	add := func(ids []string) {
		for _, id := range ids {
			if id != "" {
				found[id] = true
			}
		}
	}
	var repos, refs, incidents []string
	all := false
	for _, k := range others {
		kind, name := k.Split()
		if name == "" && k != schema.DirtyCatalog {
			continue // Of a fact that names nothing.
		}
		switch kind {
		case "repo":
			repos = append(repos, name)
			add(cat.ofRepo(name))
		case "ref":
			refs = append(refs, name)
			add(cat.named(name))
		case "incident":
			incidents = append(incidents, name)
		case string(schema.DirtyCatalog):
			all = true
		default:
			d.cfg.Log.WarnContext(ctx, "ignoring a dirty key of unknown kind", "key", string(k))
		}
	}
	if len(repos)+len(refs) > 0 || all {
		var pairs []struct {
			Ref  string `ch:"service_ref"`
			Repo string `ch:"repo"`
		}
		if err := d.cfg.Store.Select(ctx, &pairs, selectDeployedNames, map[string]any{"all": flag(all), "repos": array(repos), "refs": array(refs)}); err != nil {
			return fmt.Errorf("finding what is deployed: %w", err)
		}
		for _, p := range pairs {
			add(cat.deployed(p.Ref, p.Repo))
		}
	}
	if len(incidents) > 0 || all {
		names, err := d.names(ctx, selectIncidentNames, map[string]any{"all": flag(all), "incidents": array(incidents)})
		if err != nil {
			return fmt.Errorf("finding what incidents name: %w", err)
		}
		for _, ref := range names {
			add(cat.named(ref))
		}
	}
	if all {
		// What has rows is derived too: a service that is gone loses them.
		names, err := d.names(ctx, selectDerivedServices, nil)
		if err != nil {
			return fmt.Errorf("finding derived services: %w", err)
		}
		add(names)
		add(slices.Collect(maps.Keys(cat.services)))
	}
	out := make([]schema.DirtyKey, 0, len(found))
	for _, id := range slices.Sorted(maps.Keys(found)) {
		out = append(out, schema.DirtyService(id))
	}
	if len(out) == 0 {
		return nil
	}
	if err := d.cfg.Outbox.PublishDirty(ctx, out...); err != nil {
		return fmt.Errorf("publishing %d dirty services: %w", len(out), err)
	}
	return nil
}

func (d *Deriver) names(ctx context.Context, sql string, args map[string]any) ([]string, error) {
	var rows []struct {
		Name string `ch:"name"`
	}
	if err := d.cfg.Store.Select(ctx, &rows, sql, args); err != nil {
		return nil, err
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.Name
	}
	return out, nil
}

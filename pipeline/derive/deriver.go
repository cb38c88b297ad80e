package derive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

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

// Announcer tells others what was concluded. It is safe for concurrent use.
type Announcer interface {
	// Announce returns nil only when all that it tells is durable. It is called before
	// the rows are written: after a crash in between the rows still differ from what is
	// stored, so they are told again, where rows that were written first would never be.
	Announce(ctx context.Context, rows Differences) error
}

// Differences are the rows that a derivation is about to write: new ones, those that
// differ from what is stored, and tombstones, of which only key and DerivedMeta are
// known.
type Differences struct {
	Output
	// First is the first successful release of each service, by service.
	First map[string]string
}

// Config is what a Deriver works with.
type Config struct {
	Store  Store
	Outbox Outbox
	// Announcer may be nil.
	Announcer Announcer
	Options   Options
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
	repos *namedStore
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
	repos := &namedStore{Store: textStore{cfg.Store}}
	return &Deriver{cfg: cfg, cache: newRepoCache(repos, cfg.Options.CacheCommits), repos: repos}, nil
}

const (
	// servicesAtOnce are derived and written together.
	servicesAtOnce = 64
	// chunksAtOnce run beside each other, so that one reads while another computes.
	chunksAtOnce = 2
)

// Handle brings up to date what the keys name: services at once, everything else
// by publishing the keys of the services it concerns. When it returns nil, all of
// that is durable and the offsets of the keys may be committed (invariant 2).
// After an error nothing is lost by handling the same keys again (invariant 3).
func (d *Deriver) Handle(ctx context.Context, keys []schema.DirtyKey) error {
	ids, others := split(keys)
	if len(ids)+len(others) == 0 {
		return nil
	}
	var services []schema.Service
	if err := d.cfg.Store.Select(ctx, &services, selectServices, nil); err != nil {
		return fmt.Errorf("reading the catalogue: %w", err)
	}
	var called []schema.RepoName
	if err := d.cfg.Store.Select(ctx, &called, selectNames, nil); err != nil {
		return fmt.Errorf("reading the names of repositories: %w", err)
	}
	cat := newCatalogue(services, newNames(called))
	d.repos.names.Store(cat.names)
	if len(others) > 0 {
		if err := d.fanOut(ctx, cat, others); err != nil {
			return err
		}
	}
	// What a few services need is worth keeping, for they will be derived again soon;
	// what thousands need would only push it out.
	keep := len(ids) <= servicesAtOnce
	chunks, ctx := errgroup.WithContext(ctx)
	chunks.SetLimit(chunksAtOnce)
	for chunk := range slices.Chunk(sortedByRepo(cat, ids), servicesAtOnce) {
		chunks.Go(func() error { return d.derive(ctx, cat, chunk, keep) })
	}
	return chunks.Wait() //nolint:wrapcheck // Of this package.
}

// split separates services from names that must be resolved, each once.
func split(keys []schema.DirtyKey) (services []string, others []schema.DirtyKey) {
	seen := map[schema.DirtyKey]bool{}
	for _, k := range keys {
		if seen[k] {
			continue
		}
		seen[k] = true
		switch kind, name := k.Split(); {
		case kind == "service" && name != "":
			services = append(services, name)
		case kind != "fact" && k != schema.DirtyNames: // Which package resolve handles.
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
			return strings.Compare(x, y)
		}
		return strings.Compare(a, b)
	})
	return ids
}

package git

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/git/mirror"
	"github.com/headway-metrics/headway/schema"
)

// parallel is how many repositories are read at a time.
const parallel = 4

// Source reads the repositories of a Config.
type Source struct {
	cfg   Config
	repos []*repository
	log   *slog.Logger
	now   func() time.Time
}

// repository is one copy and the services that it holds.
type repository struct {
	id       string
	services []Repository
	copy     *mirror.Repo
	paths    bool
}

// New checks the configuration; nothing is fetched yet.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, log: deps.Logger, now: time.Now}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	byID := map[string]*repository{}
	for _, r := range cfg.Repositories {
		url, err := mirror.Canonical(r.URL)
		if err != nil {
			return nil, fmt.Errorf("repositories: %s: url %w", r.Name, err)
		}
		id := schema.RepoID(url)
		if byID[id] == nil {
			byID[id] = &repository{id: id}
			s.repos = append(s.repos, byID[id])
		}
		byID[id].services = append(byID[id].services, r)
		byID[id].paths = byID[id].paths || len(r.Paths) > 0
	}
	for _, r := range s.repos {
		first := r.services[0]
		opts := mirror.Options{
			Dir: filepath.Join(deps.StateDir, schema.EventID(r.id)+".git"), URL: first.URL,
			Filter: mirror.FilterTrees, Tags: true, Token: first.Token,
		}
		if r.paths {
			opts.Filter = mirror.FilterBlobs
		}
		for _, svc := range r.services {
			if !slices.Contains(opts.Branches, svc.Branch) {
				opts.Branches = append(opts.Branches, svc.Branch)
			}
		}
		m, err := mirror.New(opts)
		if err != nil {
			return nil, fmt.Errorf("repositories: %s: %w", first.Name, err)
		}
		r.copy = m
	}
	return s, nil
}

// Name is "git".
func (*Source) Name() string { return Name }

// Interval between two fetches.
func (s *Source) Interval() time.Duration { return s.cfg.Interval }

// Poll fetches every repository and emits what is new. A repository that cannot
// be read does not keep the others back; its own state stays as it was.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	state, err := decodeCursor(from)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(state.Repos)
	var (
		mu   sync.Mutex
		errs []error
		g    errgroup.Group
	)
	g.SetLimit(parallel)
	for _, r := range s.repos {
		g.Go(func() error {
			st, err := newPoll(s, r, state.Repos[r.id], emit).run(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("reading repository %s: %w", r.id, err))
				return nil
			}
			next[r.id] = st
			return nil
		})
	}
	// The goroutines collect their errors themselves, so that one does not hide another.
	if err := g.Wait(); err != nil {
		errs = append(errs, err)
	}
	for _, id := range slices.Sorted(maps.Keys(state.Repos)) {
		if slices.ContainsFunc(s.repos, func(r *repository) bool { return r.id == id }) {
			continue
		}
		p := newPoll(s, &repository{id: id}, state.Repos[id], emit)
		if err := p.withdrawAll(ctx); err != nil {
			errs = append(errs, fmt.Errorf("withdrawing repository %s: %w", id, err))
			continue
		}
		delete(next, id)
	}
	to, err := encodeCursor(cursor{Repos: next})
	return to, errors.Join(append(errs, err)...)
}

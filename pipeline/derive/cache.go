package derive

import (
	"context"
	"fmt"
	"sync"

	"github.com/headway-metrics/headway/schema"
)

// fewCommits is how many missing commits are asked for by name; more are read
// with the whole repository.
const fewCommits = 10_000

// fingerprint tells whether facts have changed: their number, and a hash of their keys
// and versions. (A number and the highest version would not do: facts arrive in
// any order, so a new one may have a lower version than those already there.)
type fingerprint struct{ rows, hash uint64 }

// prints are those of a repository's four kinds of facts.
type prints map[string]fingerprint

// repoCache keeps repositories between derivations, the least recently used of
// them leaving when the commits of all exceed the limit. It is safe for
// concurrent use; each repository is read by one caller at a time.
type repoCache struct {
	store Store
	limit int

	mu      sync.Mutex
	entries map[string]*cachedRepo
	clock   uint64
}

// cachedRepo is guarded by its own lock, so that a large repository keeps nobody
// else waiting; used and size are guarded by the cache's.
type cachedRepo struct {
	mu     sync.Mutex
	prints prints
	facts  RepoFacts
	repo   *Repo

	used uint64
	size int
}

func newRepoCache(store Store, limit int) *repoCache {
	return &repoCache{store: store, limit: limit, entries: map[string]*cachedRepo{}}
}

// get reads the repositories, only as far as they have changed since last time.
func (c *repoCache) get(ctx context.Context, repos []string) (map[string]*Repo, error) {
	if len(repos) == 0 {
		return map[string]*Repo{}, nil
	}
	var rows []struct {
		Repo string `ch:"repo"`
		Kind string `ch:"kind"`
		Rows uint64 `ch:"rows"`
		Hash uint64 `ch:"print"`
	}
	if err := c.store.Select(ctx, &rows, selectPrints, map[string]any{"repos": array(repos)}); err != nil {
		return nil, fmt.Errorf("comparing repositories: %w", err)
	}
	now := map[string]prints{}
	for _, r := range rows {
		if now[r.Repo] == nil {
			now[r.Repo] = prints{}
		}
		now[r.Repo][r.Kind] = fingerprint{r.Rows, r.Hash}
	}
	out := map[string]*Repo{}
	for _, id := range repos {
		e := c.entry(id)
		repo, size, err := c.refresh(ctx, id, e, now[id])
		if err != nil {
			return nil, fmt.Errorf("reading repository %s: %w", id, err)
		}
		out[id] = repo
		c.keep(e, size)
	}
	return out, nil
}

func (c *repoCache) entry(id string) *cachedRepo {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[id]
	if e == nil {
		e = &cachedRepo{facts: RepoFacts{Repo: id}}
		c.entries[id] = e
	}
	c.clock++
	e.used = c.clock
	return e
}

// refresh reads the kinds of facts that have changed. The prints were read before
// the facts, so they may be older than these but never newer: at worst the same
// facts are read once more.
func (c *repoCache) refresh(ctx context.Context, id string, e *cachedRepo, now prints) (*Repo, int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.repo != nil && now["commits"] == e.prints["commits"] && now["tags"] == e.prints["tags"] &&
		now["changes"] == e.prints["changes"] && now["reviews"] == e.prints["reviews"] {
		return e.repo, len(e.facts.Commits), nil
	}
	f := RepoFacts{Repo: id}
	var err error
	if f.Commits, err = c.commits(ctx, id, e, now["commits"]); err != nil {
		return nil, 0, err
	}
	args := map[string]any{"repo": id}
	if f.Tags, err = changed(ctx, c.store, e, now, "tags", e.facts.Tags, selectTags, args); err != nil {
		return nil, 0, err
	}
	if f.Changes, err = changed(ctx, c.store, e, now, "changes", e.facts.Changes, selectChanges, args); err != nil {
		return nil, 0, err
	}
	if f.Reviews, err = changed(ctx, c.store, e, now, "reviews", e.facts.Reviews, selectReviews, args); err != nil {
		return nil, 0, err
	}
	e.facts, e.prints, e.repo = f, now, NewRepo(f)
	return e.repo, len(f.Commits), nil
}

// changed reads one kind of facts unless its print is the one it had.
func changed[T any](ctx context.Context, store Store, e *cachedRepo, now prints, kind string, had []T, sql string, args map[string]any) ([]T, error) {
	if e.repo != nil && now[kind] == e.prints[kind] {
		return had, nil
	}
	return read[T](ctx, store, sql, args)
}

func read[T any](ctx context.Context, store Store, sql string, args map[string]any) ([]T, error) {
	var out []T
	err := store.Select(ctx, &out, sql, args)
	return out, err
}

// commits reads all commits the first time, later only those that are new or
// have changed.
func (c *repoCache) commits(ctx context.Context, id string, e *cachedRepo, now fingerprint) ([]schema.Commit, error) {
	args := map[string]any{"repo": id}
	if e.repo == nil {
		return read[schema.Commit](ctx, c.store, selectCommits, args)
	}
	if now == e.prints["commits"] {
		return e.facts.Commits, nil
	}
	var listed []struct {
		SHA     string `ch:"sha"`
		Version uint64 `ch:"version"`
	}
	if err := c.store.Select(ctx, &listed, selectCommitVersions, args); err != nil {
		return nil, err
	}
	wanted := make(map[string]uint64, len(listed))
	for _, l := range listed {
		wanted[l.SHA] = l.Version
	}
	kept := make([]schema.Commit, 0, len(listed))
	for _, k := range e.facts.Commits {
		if v, ok := wanted[k.SHA]; ok && v == k.Version {
			kept = append(kept, k)
			delete(wanted, k.SHA)
		}
	}
	if len(wanted) > fewCommits {
		return read[schema.Commit](ctx, c.store, selectCommits, args)
	}
	missing := make([]string, 0, len(wanted))
	for sha := range wanted {
		missing = append(missing, sha)
	}
	if len(missing) == 0 {
		return kept, nil
	}
	args["shas"] = array(missing)
	added, err := read[schema.Commit](ctx, c.store, selectCommitsAmong, args)
	return append(kept, added...), err
}

// keep notes how large a repository is and lets the least recently used go.
func (c *repoCache) keep(e *cachedRepo, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.size = size
	for {
		total, oldest := 0, ""
		for id, x := range c.entries {
			total += x.size
			if oldest == "" || x.used < c.entries[oldest].used {
				oldest = id
			}
		}
		if total <= c.limit || oldest == "" {
			return
		}
		delete(c.entries, oldest)
	}
}

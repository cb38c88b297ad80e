package derive

import (
	"context"
	"fmt"
	"maps"
	"slices"
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

// repoPrints are those of some repositories. Of one that is only read and not kept
// there are none, but the number of its commits.
type repoPrints struct {
	repos   []string
	of      map[string]prints
	commits map[string]uint64
}

// batches splits the repositories so that each batch but those of one repository
// has at most limit commits.
func (p repoPrints) batches(limit uint64) [][]string {
	var out [][]string
	sum := uint64(0)
	for i, repo := range p.repos {
		n := p.commits[repo]
		if i == 0 || sum+n > limit {
			out = append(out, nil)
			sum = 0
		}
		sum += n
		out[len(out)-1] = append(out[len(out)-1], repo)
	}
	return out
}

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

// printRow is the fingerprint of one kind of facts of a repository.
type printRow struct {
	Repo string `ch:"repo"`
	Kind string `ch:"kind"`
	Rows uint64 `ch:"rows"`
	Hash uint64 `ch:"print"`
}

// prints reads those of the repositories, as they are now. What is not kept is not
// compared: unless it is in memory already, its commits are only counted.
func (c *repoCache) prints(ctx context.Context, repos []string, keep bool) (repoPrints, error) {
	out := repoPrints{repos: repos, of: map[string]prints{}, commits: map[string]uint64{}}
	var compared, counted []string
	for _, repo := range repos {
		if keep || c.has(repo) {
			compared = append(compared, repo)
			out.of[repo] = prints{}
		} else {
			counted = append(counted, repo)
		}
	}
	if err := c.compare(ctx, compared, out); err != nil {
		return out, fmt.Errorf("comparing repositories: %w", err)
	}
	if err := c.count(ctx, counted, out.commits); err != nil {
		return out, fmt.Errorf("counting commits: %w", err)
	}
	return out, nil
}

func (c *repoCache) compare(ctx context.Context, repos []string, out repoPrints) error {
	if len(repos) == 0 {
		return nil
	}
	var rows []printRow
	if err := c.store.Select(ctx, &rows, selectPrints, map[string]any{"repos": array(repos)}); err != nil {
		return err
	}
	for _, r := range rows {
		if out.of[r.Repo] == nil {
			out.of[r.Repo] = prints{}
		}
		// Of several names of one repository the sum, since equal hashes would cancel out.
		sum := out.of[r.Repo][r.Kind]
		out.of[r.Repo][r.Kind] = fingerprint{sum.rows + r.Rows, sum.hash + r.Hash}
		out.commits[r.Repo] = out.of[r.Repo]["commits"].rows
	}
	return nil
}

func (c *repoCache) count(ctx context.Context, repos []string, commits map[string]uint64) error {
	if len(repos) == 0 {
		return nil
	}
	var rows []printRow
	if err := c.store.Select(ctx, &rows, selectCommitCounts, map[string]any{"repos": array(repos)}); err != nil {
		return err
	}
	for _, r := range rows {
		commits[r.Repo] += r.Rows
	}
	return nil
}

// has says whether a repository is in memory.
func (c *repoCache) has(repo string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[repo] != nil
}

// get returns the repositories, of which it reads what has changed since last
// time. The prints were read before the facts, so they may be older than these but
// never newer: at worst the same facts are read once more. With keep it remembers
// those that it did not have.
func (c *repoCache) get(ctx context.Context, repos []string, now repoPrints, keep bool) (map[string]*Repo, error) {
	repos = array(repos)
	entries := make(map[string]*cachedRepo, len(repos))
	var unread []string
	// In the order of their names, so that two callers do not wait for each other.
	for _, id := range repos {
		e := c.entry(id, keep)
		if now.of[id] == nil {
			// Somebody has read it since, perhaps before what this caller is to see.
			e = &cachedRepo{facts: RepoFacts{Repo: id}}
		}
		entries[id] = e
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.repo == nil {
			unread = append(unread, id)
		}
	}
	if err := c.readAll(ctx, unread, entries, now); err != nil {
		return nil, fmt.Errorf("reading %d repositories: %w", len(unread), err)
	}
	out := make(map[string]*Repo, len(repos))
	for _, id := range repos {
		e := entries[id]
		if err := c.refresh(ctx, id, e, now.of[id]); err != nil {
			return nil, fmt.Errorf("reading repository %s: %w", id, err)
		}
		out[id] = e.repo
		c.measure(e, len(e.facts.Commits))
	}
	return out, nil
}

func (c *repoCache) entry(id string, keep bool) *cachedRepo {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[id]
	if e == nil {
		e = &cachedRepo{facts: RepoFacts{Repo: id}}
		if keep {
			c.entries[id] = e
		}
	}
	c.clock++
	e.used = c.clock
	return e
}

// readAll reads repositories that are not in memory, all of them together.
func (c *repoCache) readAll(ctx context.Context, repos []string, entries map[string]*cachedRepo, now repoPrints) error {
	if len(repos) == 0 {
		return nil
	}
	args := map[string]any{"repos": repos}
	commits, err := read(ctx, c.store, selectCommits, args, func(k *schema.Commit) string { return k.Repo })
	if err != nil {
		return err
	}
	tags, err := read(ctx, c.store, selectTags, args, func(t *schema.Tag) string { return t.Repo })
	if err != nil {
		return err
	}
	changes, err := read(ctx, c.store, selectChanges, args, func(q *schema.Change) string { return q.Repo })
	if err != nil {
		return err
	}
	reviews, err := read(ctx, c.store, selectReviews, args, func(v *schema.Review) string { return v.Repo })
	if err != nil {
		return err
	}
	for _, id := range repos {
		e := entries[id]
		e.facts = RepoFacts{Repo: id, Commits: commits[id], Tags: tags[id], Changes: changes[id], Reviews: reviews[id]}
		e.prints, e.repo = now.of[id], NewRepo(e.facts)
	}
	return nil
}

// read reads one kind of facts and splits it by repository.
func read[T any](ctx context.Context, store Store, sql string, args map[string]any, repo func(*T) string) (map[string][]T, error) {
	var rows []T
	if err := store.Select(ctx, &rows, sql, args); err != nil {
		return nil, err
	}
	out := map[string][]T{}
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && repo(&rows[to]) == repo(&rows[from]) {
			to++
		}
		// Cloned, so that one repository does not keep the others in memory.
		out[repo(&rows[from])] = slices.Clone(rows[from:to])
		from = to
	}
	return out, nil
}

// refresh reads the kinds of facts that have changed, and builds anew only what
// they can have changed.
func (c *repoCache) refresh(ctx context.Context, id string, e *cachedRepo, now prints) error {
	if now["commits"] == e.prints["commits"] && now["tags"] == e.prints["tags"] &&
		now["changes"] == e.prints["changes"] && now["reviews"] == e.prints["reviews"] {
		return nil
	}
	kept, added, err := c.commits(ctx, id, e, now["commits"])
	if err != nil {
		return err
	}
	f := RepoFacts{Repo: id}
	if f.Tags, err = changed(ctx, c.store, e, now, "tags", e.facts.Tags, selectTags); err != nil {
		return err
	}
	if f.Changes, err = changed(ctx, c.store, e, now, "changes", e.facts.Changes, selectChanges); err != nil {
		return err
	}
	if f.Reviews, err = changed(ctx, c.store, e, now, "reviews", e.facts.Reviews, selectReviews); err != nil {
		return err
	}
	f.Commits = append(kept, added...) //nolint:gocritic // kept is not used again.
	if len(kept) == len(e.facts.Commits) {
		if longer, ok := e.repo.Extend(f, added); ok {
			e.facts, e.prints, e.repo = f, now, longer
			return nil
		}
	}
	e.facts, e.prints, e.repo = f, now, NewRepo(f)
	return nil
}

// changed reads one kind of facts unless its print is the one it had.
func changed[T any](ctx context.Context, store Store, e *cachedRepo, now prints, kind string, had []T, sql string) ([]T, error) {
	if now[kind] == e.prints[kind] {
		return had, nil
	}
	var out []T
	err := store.Select(ctx, &out, sql, map[string]any{"repos": []string{e.facts.Repo}})
	return out, err
}

// commits reads those that are new or have changed, beside those that stay. It
// lists only the buckets that differ.
func (c *repoCache) commits(ctx context.Context, id string, e *cachedRepo, now fingerprint) (kept, added []schema.Commit, err error) {
	kept = e.facts.Commits
	if now == e.prints["commits"] {
		return kept, nil, nil
	}
	differ, names, err := c.differing(ctx, id, kept)
	if err != nil || len(names) == 0 {
		return kept, nil, err
	}
	args := map[string]any{"repos": []string{id}, "buckets": names}
	var listed []struct {
		SHA     string `ch:"sha"`
		Version uint64 `ch:"version"`
	}
	if err := c.store.Select(ctx, &listed, selectCommitVersions, args); err != nil {
		return nil, nil, err
	}
	wanted := make(map[string]uint64, len(listed))
	for _, l := range listed {
		wanted[l.SHA] = l.Version
	}
	gone := map[string]bool{}
	for i := range kept {
		k := &kept[i]
		if !differ[bucket(k.SHA)] {
			continue
		}
		if v, ok := wanted[k.SHA]; ok && v == k.Version {
			delete(wanted, k.SHA)
		} else {
			gone[k.SHA] = true
		}
	}
	if len(gone) > 0 {
		kept = slices.DeleteFunc(slices.Clone(kept), func(k schema.Commit) bool { return gone[k.SHA] })
	}
	switch {
	case len(wanted) > fewCommits:
		err := c.store.Select(ctx, &added, selectCommits, args)
		return nil, added, err
	case len(wanted) > 0:
		args["shas"] = slices.Sorted(maps.Keys(wanted))
		err := c.store.Select(ctx, &added, selectCommitsAmong, args)
		return kept, added, err
	}
	return kept, nil, nil
}

// measure notes how large a repository is and lets the least recently used go.
func (c *repoCache) measure(e *cachedRepo, size int) {
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

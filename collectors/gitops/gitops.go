package gitops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/git/mirror"
	"github.com/headway-metrics/headway/schema"
)

// Source reads the configuration repositories of a Config.
type Source struct {
	cfg   Config
	repos []*repository
	log   *slog.Logger
	now   func() time.Time
}

// repository is one branch of one repository and the rules for it.
type repository struct {
	id     string
	branch string
	rules  []rule
	copy   *mirror.Repo
}

func (r *repository) key() string { return r.id + "@" + r.branch }

// patterns names what is read, so that a changed rule reads history again.
func (r *repository) patterns() []string {
	var out []string
	for _, rule := range r.rules {
		out = append(out, rule.files.glob)
	}
	slices.Sort(out)
	return slices.Compact(out)
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
	byKey := map[string]*repository{}
	for i, c := range cfg.Rules {
		url, err := mirror.Canonical(c.URL)
		if err != nil {
			return nil, fmt.Errorf("rules[%d].url %w", i, err)
		}
		compiled, err := compile(c)
		if err != nil {
			return nil, fmt.Errorf("rules[%d]: %w", i, err)
		}
		r := &repository{id: schema.RepoID(url), branch: c.Branch}
		if have := byKey[r.key()]; have != nil {
			have.rules = append(have.rules, compiled)
			continue
		}
		byKey[r.key()] = r
		r.rules = []rule{compiled}
		r.copy, err = mirror.New(mirror.Options{
			Dir: filepath.Join(deps.StateDir, schema.EventID(r.key())+".git"), URL: c.URL, Branches: []string{c.Branch}, Token: c.Token,
		})
		if err != nil {
			return nil, fmt.Errorf("rules[%d]: %w", i, err)
		}
		s.repos = append(s.repos, r)
	}
	return s, nil
}

// Name is "gitops".
func (*Source) Name() string { return Name }

// Interval between two fetches.
func (s *Source) Interval() time.Duration { return s.cfg.Interval }

// cursor is how far each branch was read.
type cursor struct {
	Repos map[string]repoState `json:"repos"`
}

type repoState struct {
	Head     string   `json:"head"`
	Patterns []string `json:"patterns"`
	// Rewrites counts forced pushes, and goes into the ids of events: a commit may
	// be taken back and made again.
	Rewrites int       `json:"rewrites,omitempty"`
	At       time.Time `json:"at"`
	// Good holds, for what is broken now, the blob of its last good state.
	Good map[string]string `json:"good,omitempty"`
}

// Poll fetches every repository and emits the changes of the files that rules
// name. One that cannot be read does not keep the others back.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	state := cursor{Repos: map[string]repoState{}}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &state); err != nil {
			return nil, fmt.Errorf("reading the cursor of gitops: %w", err)
		}
	}
	next := cursor{Repos: map[string]repoState{}}
	maps.Copy(next.Repos, state.Repos)
	var errs []error
	for _, r := range s.repos {
		st, err := s.read(ctx, r, state.Repos[r.key()], emit)
		if err != nil {
			errs = append(errs, fmt.Errorf("reading repository %s: %w", r.id, err))
			continue
		}
		next.Repos[r.key()] = st
	}
	to, err := json.Marshal(next)
	if err != nil {
		errs = append(errs, fmt.Errorf("writing the cursor of gitops: %w", err))
	}
	return to, errors.Join(errs...)
}

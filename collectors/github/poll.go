package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/budget"
	"github.com/headway-metrics/headway/collectors/forge"
)

const (
	// unfinishedFor is how long a deployment or run that has not ended is asked
	// for again.
	unfinishedFor = 7 * 24 * time.Hour
	// lateCommits is how far behind the newest commit older ones are still looked
	// for: a branch is merged days after its commits were made.
	lateCommits = 24 * time.Hour
)

// poller reads the REST API. One goroutine uses it.
type poller struct {
	client        *client
	logger        *slog.Logger
	now           func() time.Time
	organisations []string
	names         []string
	ownNothing    []string
	interval      time.Duration
	backfill      time.Duration
	// redeliver says that failed deliveries are asked for again.
	redeliver bool
	// backfillOnly reads what was, and nothing that happens now.
	backfillOnly bool

	// What follows may be lost: it only saves requests.
	repositories []repository
	discovered   time.Time
	// asked are the names by which repositories were asked for.
	asked      map[int64]string
	checked    map[string]time.Time
	hooks      []string
	hooksFound time.Time
	swept      time.Time
}

func newPoller(cfg Config, deps collectors.Deps, now func() time.Time) (*poller, error) {
	for i, name := range cfg.Repositories {
		if !repositoryName.MatchString(name) {
			return nil, fmt.Errorf("sources.github.repositories[%d]: %q is not owner/name", i, name)
		}
	}
	if err := forge.Check("sources.github", cfg.Interval, cfg.BackfillDays); err != nil {
		return nil, err
	}
	c, err := newClient(cfg, deps, now)
	if err != nil {
		return nil, err
	}
	return &poller{
		client: c, logger: deps.Logger, now: now, organisations: cfg.Organisations, names: cfg.Repositories, ownNothing: cfg.OwnNothing,
		interval: cfg.Interval, backfill: time.Duration(cfg.BackfillDays) * 24 * time.Hour, checked: map[string]time.Time{}, asked: map[int64]string{},
		redeliver: cfg.Redeliver && cfg.WebhookSecret != "",
	}, nil
}

// cursor is how far each resource of each repository has been read.
type cursor struct {
	Repositories map[string]map[string]*position `json:"repositories"`
	// Hooks are how far the deliveries of each webhook have been looked at.
	Hooks map[string]*sweep `json:"hooks,omitempty"`
	// Names are the last ones of the repositories.
	Names map[int64]string `json:"names,omitempty"`
	// Teams by organisation and slug, and CODEOWNERS by repository, as they were told.
	Teams map[string]map[string]*seenTeam `json:"teams,omitempty"`
	Files map[string]*seenFile            `json:"files,omitempty"`
	// SSO are the names by which logins are verified, by organisation.
	SSO map[string]map[string]string `json:"sso,omitempty"`
}

// position in a list that is read from the newest to the oldest. A pass that was
// interrupted goes on at its page: things that change meanwhile move to the front,
// so what lies behind can be read twice but not be missed, and the front is read
// by the next pass.
type position struct {
	// Live is set once the backfill is done.
	Live bool `json:"live,omitempty"`
	// Until: what changed before has been emitted.
	Until time.Time `json:"until"`
	// ETag of the first page, when nothing behind it can change.
	ETag string `json:"etag,omitempty"`

	// The running pass: its next page, the newest and the oldest unfinished thing
	// that it saw, and its first page's ETag.
	Page       int       `json:"page,omitempty"`
	Newest     time.Time `json:"newest,omitzero"`
	Unfinished time.Time `json:"unfinished,omitzero"`
	NextETag   string    `json:"next_etag,omitempty"`
}

// Interval implements collectors.Poller; it is 0 without repositories to read.
func (s *Source) Interval() time.Duration { return s.interval }

// Poll implements collectors.Poller.
func (s *Source) Poll(ctx context.Context, saved collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	if s.poller == nil {
		return saved, nil
	}
	cur := cursor{Repositories: map[string]map[string]*position{}}
	if saved != nil {
		if err := json.Unmarshal(saved, &cur); err != nil {
			return nil, fmt.Errorf("reading the cursor of %s: %w", Name, err)
		}
	}
	s.poller.client.requests = 0
	err := s.poller.poll(ctx, &cur, emit)
	after, encodeErr := json.Marshal(cur)
	return after, errors.Join(err, encodeErr)
}

func (p *poller) poll(ctx context.Context, cur *cursor, emit collectors.Emit) error {
	repos, problems := p.discover(ctx)
	if fatal(problems) {
		return problems
	}
	if !p.backfillOnly {
		if err := p.renamed(ctx, cur, repos, emit); err != nil {
			return errors.Join(problems, err)
		}
	}
	turn := forge.Turn{
		Lists: func(yield func(forge.List) bool) {
			for _, repo := range repos {
				for _, res := range resources() {
					pos := cur.at(repo, res.name, p.now().Add(-p.backfill))
					l := forge.List{Name: res.name, Of: repo.FullName, Key: repo.FullName + " " + res.name, Live: pos.Live}
					l.Read = func(ctx context.Context) error { return p.read(ctx, repo, res, pos, emit) }
					if !yield(l) {
						return
					}
				}
			}
		},
		Between: func(ctx context.Context) error {
			err := p.owners(ctx, cur, repos, emit)
			if !fatal(err) && !errors.Is(err, budget.ErrReserved) {
				err = errors.Join(err, p.sweepAll(ctx, cur))
			}
			return err
		},
		PastOnly: p.backfillOnly, Unavailable: unavailable, Fatal: fatal, Checked: p.checked, Interval: p.interval, Now: p.now, Logger: p.logger,
	}
	return turn.Run(ctx, problems)
}

func fatal(err error) bool { return forge.Fatal(err, errRefused) }

func (c *cursor) at(repo repository, resource string, begin time.Time) *position {
	of := c.Repositories[repo.FullName]
	if of == nil {
		of = map[string]*position{}
		c.Repositories[repo.FullName] = of
	}
	if of[resource] == nil {
		of[resource] = &position{Until: begin.UTC().Truncate(time.Second)}
	}
	return of[resource]
}

// read goes on with a resource's pass until its end, or until this poll has
// asked enough.
func (p *poller) read(ctx context.Context, repo repository, res resource, pos *position, emit collectors.Emit) error {
	for {
		page, etag := max(pos.Page, 1), ""
		if page == 1 {
			etag = pos.ETag
		}
		raws, a, err := res.list(ctx, p.client, repo, pos, page, etag)
		if err != nil || a.notModified {
			return err
		}
		done, err := p.emitPage(ctx, repo, res, pos, raws, emit)
		if err != nil {
			return err
		}
		if page == 1 {
			pos.NextETag = a.etag
		}
		if done || a.next == 0 {
			pos.finish(p.now())
			return nil
		}
		pos.Page = page + 1
		if p.client.requests >= forge.RequestsPerPoll {
			return collectors.ErrMore
		}
	}
}

// emitPage emits what a page holds and says whether the pass has reached what
// is known.
func (p *poller) emitPage(ctx context.Context, repo repository, res resource, pos *position, raws []json.RawMessage, emit collectors.Emit) (done bool, err error) {
	var batch emission
	newest, unfinished := pos.Newest, pos.Unfinished
	p.client.known = nil
	if res.ahead != nil && !pos.Live {
		res.ahead(ctx, p.client, repo, slices.DeleteFunc(slices.Clone(raws), func(raw json.RawMessage) bool { return res.changed(raw).Before(pos.Until) }))
	}
	for _, raw := range raws {
		at := res.changed(raw)
		if res.stops && !at.IsZero() && at.Before(pos.Until) {
			done = true
			break
		}
		open, err := res.events(ctx, p.client, repo, raw, &batch)
		if err != nil {
			return false, err
		}
		if at.After(newest) {
			newest = at
		}
		if open && p.now().Sub(at) < unfinishedFor && (unfinished.IsZero() || at.Before(unfinished)) {
			unfinished = at
		}
	}
	if err := forge.Emit(ctx, emit, batch.Stamped(p.now())...); err != nil {
		return false, err
	}
	pos.Newest, pos.Unfinished = newest, unfinished
	return done, nil
}

// finish ends a pass: the next one begins at what had not ended, else at the
// newest thing. A time in the future must not hide what comes before it.
func (pos *position) finish(now time.Time) {
	next := pos.Newest
	if next.After(now) {
		next = now
	}
	if !pos.Unfinished.IsZero() {
		next = pos.Unfinished
	}
	if next.After(pos.Until) {
		pos.Until = next.UTC()
	}
	pos.ETag = ""
	if pos.Unfinished.IsZero() {
		pos.ETag = pos.NextETag
	}
	pos.Live, pos.Page, pos.Newest, pos.Unfinished, pos.NextETag = true, 0, time.Time{}, time.Time{}, ""
}

// discover lists the repositories to read; archived ones and forks of an
// organisation are left out. On an error the last list is used, if there is one.
func (p *poller) discover(ctx context.Context) ([]repository, error) {
	if p.now().Sub(p.discovered) < forge.DiscoverEvery {
		return p.repositories, nil
	}
	var out []repository
	var problems error
	for _, name := range p.names {
		var r repository
		if _, err := p.client.get(ctx, "repos/"+name, "", &r); err != nil {
			problems = errors.Join(problems, err)
			continue
		}
		p.asked[r.ID] = name
		out = append(out, r)
	}
	for _, org := range p.organisations {
		raws, err := p.client.all(ctx, "orgs/"+org+"/repos?type=all")
		if err != nil {
			problems = errors.Join(problems, err)
			continue
		}
		for _, raw := range raws {
			var r repository
			if err := json.Unmarshal(raw, &r); err != nil {
				problems = errors.Join(problems, fmt.Errorf("a repository of %s: %w", org, err))
				continue
			}
			known := slices.ContainsFunc(out, func(o repository) bool { return o.FullName == r.FullName })
			if !r.Archived && !r.Fork && !known {
				out = append(out, r)
			}
		}
	}
	if problems != nil {
		if len(out) < len(p.repositories) {
			out = p.repositories
		}
		return out, problems
	}
	p.repositories, p.discovered = out, p.now()
	return out, nil
}

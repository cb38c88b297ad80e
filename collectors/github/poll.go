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
)

const (
	// requestsPerPoll bounds what a crash can repeat: the cursor is saved after
	// about as many requests.
	requestsPerPoll = 100
	// backfillReserve is the share of the rate limit that a backfill leaves to
	// what is happening now.
	backfillReserve = 0.3
	// discoverEvery is how long the list of repositories is believed.
	discoverEvery = time.Hour
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
	if cfg.Interval < minInterval {
		return nil, fmt.Errorf("sources.github.interval: %s is below %s", cfg.Interval, minInterval)
	}
	if cfg.BackfillDays < 0 {
		return nil, fmt.Errorf("sources.github.backfill_days: %d is below 0", cfg.BackfillDays)
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

// Poll implements collectors.Poller. What is happening now is read before any
// backfill goes on, and the backfill leaves it a share of the rate limit.
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
	for _, live := range []bool{true, false} {
		if live && p.backfillOnly {
			continue
		}
		ctx := ctx
		if !live {
			ctx = budget.WithReserve(ctx, backfillReserve)
			var err error
			if !p.backfillOnly {
				err = p.owners(ctx, cur, repos, emit)
			}
			if !fatal(err) && !errors.Is(err, budget.ErrReserved) {
				err = errors.Join(err, p.sweepAll(ctx, cur))
			}
			switch {
			case errors.Is(err, budget.ErrReserved):
				return problems
			case fatal(err):
				return err
			default:
				problems = errors.Join(problems, err)
			}
		}
		for _, repo := range repos {
			for _, res := range resources() {
				pos := cur.at(repo, res.name, p.now().Add(-p.backfill))
				key := repo.FullName + " " + res.name
				if pos.Live != live || (live && p.now().Sub(p.checked[key]) < p.interval/2) {
					continue
				}
				err := p.read(ctx, repo, res, pos, emit)
				switch {
				case err == nil:
				case unavailable(err):
					p.logger.InfoContext(ctx, "nothing to read in the repository", "repository", repo.FullName, "resource", res.name, "error", err)
				case errors.Is(err, budget.ErrReserved) && p.backfillOnly:
					return err
				case errors.Is(err, budget.ErrReserved):
					// The backfill has had its share: come back at the usual interval.
					return problems
				case fatal(err):
					return err
				default:
					problems = errors.Join(problems, fmt.Errorf("%s of %s: %w", res.name, repo.FullName, err))
					continue
				}
				p.checked[key] = p.now()
			}
		}
	}
	return problems
}

// fatal errors would come back for every other repository too.
func fatal(err error) bool {
	var emitting *emitError
	return errors.Is(err, errRefused) || errors.Is(err, budget.ErrSpent) || errors.Is(err, collectors.ErrMore) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &emitting)
}

// emitError tells a failure of Kafka from one of GitHub.
type emitError struct{ error }

func (e *emitError) Unwrap() error { return e.error }

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
		if p.client.requests >= requestsPerPoll {
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
	if err := emit(ctx, batch.stamped(p.now())...); err != nil {
		return false, &emitError{err}
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
	if p.now().Sub(p.discovered) < discoverEvery {
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

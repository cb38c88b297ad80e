package gitlab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	gl "github.com/xanzy/go-gitlab"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/forge"
	"github.com/headway-metrics/headway/collectors/label"
)

var groupPath = regexp.MustCompile(`^[\w.-]+(?:/[\w.-]+)*$`)

// poller reads the REST API. One goroutine uses it.
type poller struct {
	client   *client
	logger   *slog.Logger
	now      func() time.Time
	groups   []string
	names    []string
	interval time.Duration
	backfill time.Duration
	rules    label.Rules
	// backfillOnly reads what was, and nothing that happens now.
	backfillOnly bool

	// What follows may be lost: it only saves requests.
	projects   []project
	discovered time.Time
	checked    map[string]time.Time
	tiers      map[string]string
	// owned is what the projects say of their owners, and asked the paths by which some
	// were asked for.
	owned map[int64]ownership
	asked map[int64]string
}

func newPoller(cfg Config, deps collectors.Deps, now func() time.Time, rules label.Rules) (*poller, error) {
	for key, paths := range map[string][]string{"groups": cfg.Groups, "projects": cfg.Projects} {
		for i, p := range paths {
			if !groupPath.MatchString(p) {
				return nil, fmt.Errorf("sources.gitlab.%s[%d]: %q is no path such as group/subgroup", key, i, p)
			}
		}
	}
	if err := forge.Check("sources.gitlab", cfg.Interval, cfg.BackfillDays); err != nil {
		return nil, err
	}
	c, err := newClient(cfg, deps, now)
	if err != nil {
		return nil, err
	}
	return &poller{
		client: c, logger: deps.Logger, now: now, groups: cfg.Groups, names: cfg.Projects, interval: cfg.Interval,
		backfill: time.Duration(cfg.BackfillDays) * 24 * time.Hour, rules: rules, checked: map[string]time.Time{}, tiers: map[string]string{},
		owned: map[int64]ownership{}, asked: map[int64]string{},
	}, nil
}

// cursor is how far each resource of each project has been read, by the project's
// number, which a rename leaves as it is.
type cursor struct {
	Projects map[string]map[string]*position `json:"projects"`
	// Groups by the group that is read and their path, and CODEOWNERS and paths of
	// projects by number, as they were told.
	Groups map[string]map[string]*seenGroup `json:"groups,omitempty"`
	Files  map[int64]*seenFile              `json:"files,omitempty"`
	Names  map[int64]string                 `json:"names,omitempty"`
	// SSO are the names by which usernames are verified, by the group that is read.
	SSO map[string]map[string]string `json:"sso,omitempty"`
}

// position in a list of a project.
type position struct {
	// Live is set once the backfill is done.
	Live bool `json:"live,omitempty"`
	// Until: what changed before has been emitted.
	Until time.Time `json:"until"`
	// Edge are the things that changed exactly at Until and have been emitted.
	Edge []string `json:"edge,omitempty"`
	// ETag of the first page, when nothing behind it can change.
	ETag string `json:"etag,omitempty"`

	// Next page of the running pass; Newest is the newest that it saw, and NextETag
	// its first page's, of a list that is read backwards.
	Next     string    `json:"next,omitempty"`
	Newest   time.Time `json:"newest,omitzero"`
	NextETag string    `json:"next_etag,omitempty"`
}

// Interval implements collectors.Poller; it is 0 without projects to read.
func (s *Source) Interval() time.Duration {
	if s.poller == nil {
		return 0
	}
	return s.poller.interval
}

// Poll implements collectors.Poller.
func (s *Source) Poll(ctx context.Context, saved collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	if s.poller == nil {
		return saved, nil
	}
	cur := cursor{Projects: map[string]map[string]*position{}}
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
	projects, problems := p.discover(ctx)
	if fatal(problems) {
		return problems
	}
	if !p.backfillOnly {
		if err := p.renamed(ctx, cur, projects, emit); err != nil {
			return errors.Join(problems, err)
		}
	}
	turn := forge.Turn{
		Lists: func(yield func(forge.List) bool) {
			for _, proj := range projects {
				for _, res := range resources() {
					pos := cur.at(proj, res.name, p.now().Add(-p.backfill))
					l := forge.List{Name: res.name, Of: proj.PathWithNamespace, Key: strconv.FormatInt(proj.ID, 10) + " " + res.name, Live: pos.Live}
					l.Read = func(ctx context.Context) error { return p.read(ctx, proj, res, pos, emit) }
					if !yield(l) {
						return
					}
				}
			}
		},
		Between:  func(ctx context.Context) error { return p.owners(ctx, cur, projects, emit) },
		PastOnly: p.backfillOnly, Unavailable: unavailable, Fatal: fatal, Checked: p.checked, Interval: p.interval, Now: p.now, Logger: p.logger,
	}
	return turn.Run(ctx, problems)
}

func fatal(err error) bool { return forge.Fatal(err, errRefused, errScope) }

func (c *cursor) at(proj project, resource string, begin time.Time) *position {
	id := strconv.FormatInt(proj.ID, 10)
	if c.Projects[id] == nil {
		c.Projects[id] = map[string]*position{}
	}
	if c.Projects[id][resource] == nil {
		c.Projects[id][resource] = &position{Until: begin.UTC().Truncate(time.Second)}
	}
	return c.Projects[id][resource]
}

// read goes on with a resource until its end, or until this poll has asked enough.
func (p *poller) read(ctx context.Context, proj project, res resource, pos *position, emit collectors.Emit) error {
	for {
		q := res.query
		q.PerPage = perPage
		if res.backwards {
			q.Since = res.since(pos.Until)
		} else {
			q.UpdatedAfter = pos.Until.UTC().Format(time.RFC3339Nano)
		}
		etag := ""
		if pos.Next == "" {
			etag = pos.ETag
		}
		var raws []json.RawMessage
		a, err := p.client.get(ctx, fmt.Sprintf("projects/%d/%s", proj.ID, res.path), q, pos.Next, etag, &raws)
		if err != nil {
			if e, ok := errors.AsType[*statusError](err); ok && e.code == http.StatusBadRequest {
				// The page that is next may be gone with the tag that named it; begin again.
				pos.Next, pos.Newest, pos.NextETag = "", time.Time{}, ""
			}
			return err
		}
		if a.notModified {
			return nil
		}
		step := p.forwards
		if res.backwards {
			step = p.backwards
		}
		done, err := step(ctx, proj, res, pos, raws, a, emit)
		if err != nil || done {
			return err
		}
		if p.client.requests >= forge.RequestsPerPoll {
			return collectors.ErrMore
		}
	}
}

// forwards emits a page of a list that is sorted by change, the oldest first, and
// moves the position behind what it emitted. What changes meanwhile moves to the
// end, so nothing is missed; when an object cannot be read in full, what came
// before it has still been emitted.
func (p *poller) forwards(ctx context.Context, proj project, res resource, pos *position, raws []json.RawMessage, a answer, emit collectors.Emit) (done bool, err error) {
	var batch emission
	until, edge := pos.Until, slices.Clone(pos.Edge)
	var problem error
	for _, raw := range raws {
		at, key := res.changed(raw), res.key(raw)
		if at.Before(pos.Until) && !at.IsZero() || at.Equal(pos.Until) && slices.Contains(pos.Edge, key) {
			continue
		}
		whole := len(batch.Events)
		if problem = res.events(ctx, p, proj, raw, &batch); problem != nil {
			batch.Events = batch.Events[:whole]
			break
		}
		if at.After(until) {
			until, edge = at, nil
		}
		if at.Equal(until) {
			edge = append(edge, key)
		}
	}
	if err := forge.Emit(ctx, emit, batch.Stamped(p.now())...); err != nil {
		return false, err
	}
	moved := until.After(pos.Until)
	pos.Until, pos.Edge, pos.ETag = until, edge, ""
	if problem != nil {
		if moved {
			pos.Next = ""
		}
		return false, problem
	}
	if a.next == "" {
		if pos.Next == "" && !moved {
			pos.ETag = a.etag
		}
		pos.Live, pos.Next = true, ""
		return true, nil
	}
	// A next page of this very list only matters when a whole page changed at one
	// instant: otherwise the list of what changed since goes on from there.
	pos.Next = a.next
	if moved {
		pos.Next = ""
	}
	return false, nil
}

// backwards emits a page of a list that is sorted by time, the newest first. A
// pass that was interrupted goes on at its next page: what is new meanwhile is at
// the front and is read by the next pass.
func (p *poller) backwards(ctx context.Context, proj project, res resource, pos *position, raws []json.RawMessage, a answer, emit collectors.Emit) (done bool, err error) {
	var batch emission
	newest := pos.Newest
	for _, raw := range raws {
		at := res.changed(raw)
		if res.stops && !at.IsZero() && at.Before(pos.Until.Add(-late)) {
			done = true
			break
		}
		if err := res.events(ctx, p, proj, raw, &batch); err != nil {
			return false, err
		}
		if at.After(newest) {
			newest = at
		}
	}
	if err := forge.Emit(ctx, emit, batch.Stamped(p.now())...); err != nil {
		return false, err
	}
	if pos.Next == "" {
		pos.NextETag = a.etag
	}
	pos.Newest, pos.Next = newest, a.next
	if !done && a.next != "" {
		return false, nil
	}
	// A time in the future must not hide what comes before it.
	if now := p.now(); newest.After(now) {
		newest = now
	}
	if newest.After(pos.Until) {
		pos.Until = newest.UTC()
	}
	*pos = position{Live: true, Until: pos.Until, ETag: pos.NextETag}
	return true, nil
}

// listed is a project as GitLab lists it.
type listed struct {
	project
	ownership
	Archived   bool            `json:"archived"`
	ForkedFrom json.RawMessage `json:"forked_from_project"`
}

// discover lists the projects to read; of a group, archived ones and forks are
// left out. On an error the last list is used, if there is one.
func (p *poller) discover(ctx context.Context) ([]project, error) {
	if p.now().Sub(p.discovered) < forge.DiscoverEvery {
		return p.projects, nil
	}
	if err := p.client.checkScope(ctx); err != nil {
		return p.projects, err
	}
	var out []project
	var problems error
	for _, name := range p.names {
		var r listed
		if _, err := p.client.get(ctx, "projects/"+gl.PathEscape(name), query{}, "", "", &r); err != nil {
			problems = errors.Join(problems, fmt.Errorf("project %s: %w", name, err))
			continue
		}
		p.owned[r.ID], p.asked[r.ID] = r.ownership, name
		out = append(out, r.project)
	}
	for _, group := range p.groups {
		raws, err := p.client.all(ctx, "groups/"+gl.PathEscape(group)+"/projects", query{
			OrderBy: "id", Sort: "asc", IncludeSubgroups: true, WithShared: new(false),
		})
		if err != nil {
			problems = errors.Join(problems, fmt.Errorf("projects of group %s: %w", group, err))
			continue
		}
		for _, raw := range raws {
			var r listed
			if err := json.Unmarshal(raw, &r); err != nil {
				problems = errors.Join(problems, fmt.Errorf("a project of group %s: %w", group, err))
				continue
			}
			fork := len(r.ForkedFrom) > 0 && string(r.ForkedFrom) != "null"
			known := slices.ContainsFunc(out, func(o project) bool { return o.ID == r.ID })
			p.owned[r.ID] = r.ownership
			if !r.Archived && !fork && !known {
				out = append(out, r.project)
			}
		}
	}
	if problems != nil {
		if len(out) < len(p.projects) {
			out = p.projects
		}
		return out, problems
	}
	p.projects, p.discovered = out, p.now()
	return out, nil
}

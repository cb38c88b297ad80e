package circleci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/schema"
)

const (
	// pagesPerPoll of pipelines are read before the cursor is saved.
	pagesPerPoll = 5
	// overlap is listed again, for pipelines that become visible late.
	overlap = 5 * time.Minute
	// maxOpen is how long a pipeline that waits is asked for.
	maxOpen = 30 * 24 * time.Hour
)

// cursor is how far each project was read.
type cursor struct {
	Projects map[string]project `json:"projects"`
}

type project struct {
	// Since is the creation time down to which pipelines are listed.
	Since time.Time `json:"since"`
	// Newest and Page are those of a listing that is not at its end.
	Newest time.Time `json:"newest,omitzero"`
	Page   string    `json:"page,omitempty"`
	// Open are the pipelines that had not ended, by id, with their creation.
	Open map[string]time.Time `json:"open,omitempty"`
}

// Interval between two polls; 0 without a token.
func (s *Source) Interval() time.Duration {
	if s.cfg.Token == "" {
		return 0
	}
	return s.cfg.Interval
}

// Poll reads the new pipelines of each project, and those that had not ended.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	c := cursor{Projects: map[string]project{}}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of circleci: %w", err)
		}
	}
	next := cursor{Projects: map[string]project{}}
	var errs []error
	more := false
	for _, slug := range s.cfg.Projects {
		p, ok := c.Projects[slug]
		if !ok {
			p = project{Since: s.now().UTC().Add(-s.cfg.History)}
		}
		if p.Open == nil {
			p.Open = map[string]time.Time{}
		}
		if len(errs) == 0 {
			// A failure is CircleCI's or the token's: it would be that of the others too.
			unfinished, err := s.read(ctx, slug, &p, emit)
			if err != nil {
				errs = append(errs, fmt.Errorf("asking CircleCI for %s: %w", slug, err))
			}
			more = more || unfinished
		}
		next.Projects[slug] = p
	}
	to, err := json.Marshal(next)
	if err != nil {
		return from, errors.Join(append(errs, fmt.Errorf("writing the cursor of circleci: %w", err))...)
	}
	if len(errs) == 0 && more {
		return to, collectors.ErrMore
	}
	return to, errors.Join(errs...)
}

// read reads pages of a project and moves p past them; more says that it stopped
// before the end.
func (s *Source) read(ctx context.Context, slug string, p *project, emit collectors.Emit) (more bool, err error) {
	before := slices.Sorted(maps.Keys(p.Open))
	for range pagesPerPoll {
		last, err := s.page(ctx, slug, p, emit)
		if status, ok := errors.AsType[*rest.StatusError](err); ok && p.Page != "" && (status.Code == http.StatusBadRequest || status.Code == http.StatusNotFound) {
			// The page token is no longer known: list from the newest again.
			p.Page, p.Newest = "", time.Time{}
		}
		if err != nil {
			return false, err
		}
		if last {
			if !p.Newest.IsZero() {
				p.Since = p.Newest
			}
			p.Page, p.Newest = "", time.Time{}
			return false, s.waiting(ctx, p, before, emit)
		}
	}
	return true, nil
}

// page reads one page of pipelines, newest first.
func (s *Source) page(ctx context.Context, slug string, p *project, emit collectors.Emit) (last bool, err error) {
	q := url.Values{}
	if p.Page != "" {
		q.Set("page-token", p.Page)
	}
	items, token, err := s.items(ctx, "/api/v2/project/"+escaped(slug)+"/pipeline", q)
	if err != nil {
		return false, err
	}
	newest := p.Newest
	before := maps.Clone(p.Open)
	defer func() {
		if err != nil {
			// What was not published is not done with.
			p.Open = before
		}
	}()
	var events []schema.Event
	for _, raw := range items {
		pl, made, err := s.pipeline(ctx, raw, p)
		if err != nil {
			return false, err
		}
		events = append(events, made...)
		if pl.CreatedAt == nil {
			continue
		}
		if pl.CreatedAt.After(newest) {
			newest = *pl.CreatedAt
		}
		if pl.CreatedAt.Before(p.Since.Add(-overlap)) {
			token = ""
		}
	}
	if len(events) > 0 {
		if err := emit(ctx, events...); err != nil {
			return false, err
		}
	}
	p.Newest, p.Page = newest, token
	return token == "", nil
}

// pipeline makes the events of a pipeline that is new enough, and remembers whether
// it has ended.
func (s *Source) pipeline(ctx context.Context, raw json.RawMessage, p *project) (pipeline, []schema.Event, error) {
	var pl pipeline
	if err := json.Unmarshal(raw, &pl); err != nil || pl.ID == "" || pl.CreatedAt == nil {
		// What cannot be read is published all the same, for the dead letters.
		return pipeline{}, []schema.Event{s.event(typeWorkflow, "", map[string]json.RawMessage{"pipeline": raw})}, nil //nolint:nilerr // See above.
	}
	_, waited := p.Open[pl.ID]
	if pl.CreatedAt.Before(p.Since.Add(-overlap)) && !waited {
		return pl, nil, nil
	}
	events, ended, err := s.workflows(ctx, raw, pl)
	switch {
	case err != nil:
		return pl, nil, err
	case ended || s.now().Sub(*pl.CreatedAt) > maxOpen:
		delete(p.Open, pl.ID)
	default:
		p.Open[pl.ID] = *pl.CreatedAt
	}
	return pl, events, nil
}

// workflows makes the events of a pipeline, and says whether all of it has ended.
func (s *Source) workflows(ctx context.Context, raw json.RawMessage, pl pipeline) (events []schema.Event, ended bool, err error) {
	found, err := s.all(ctx, "/api/v2/pipeline/"+url.PathEscape(pl.ID)+"/workflow")
	if err != nil {
		return nil, false, err
	}
	// A pipeline without workflows may get some, unless its configuration is wrong.
	ended = len(found) > 0 || pl.State == "errored"
	for _, w := range found {
		parts := map[string]json.RawMessage{"pipeline": raw, "workflow": w}
		events = append(events, s.event(typeWorkflow, pl.ProjectSlug, parts))
		var flow payload
		if json.Unmarshal(w, &flow.Workflow) != nil {
			continue
		}
		ended = ended && !open(flow.Workflow.Status)
		if !s.namesJobs(flow.Workflow.Name) {
			continue
		}
		jobs, err := s.all(ctx, "/api/v2/workflow/"+url.PathEscape(flow.Workflow.ID)+"/job")
		if err != nil {
			return nil, false, err
		}
		for _, j := range jobs {
			events = append(events, s.event(typeJob, pl.ProjectSlug, map[string]json.RawMessage{"pipeline": raw, "workflow": w, "job": j}))
		}
	}
	return events, ended, nil
}

// namesJobs reports whether a rule may name a job of the workflow.
func (s *Source) namesJobs(workflow string) bool {
	return slices.ContainsFunc(s.rules, func(r rule) bool {
		_, ok := r.workflow.Match(workflow)
		return r.ofJob && ok
	})
}

// waiting asks again for pipelines that had not ended and were not listed anew.
func (s *Source) waiting(ctx context.Context, p *project, before []string, emit collectors.Emit) error {
	for _, id := range before {
		created, still := p.Open[id]
		if !still || !created.Before(p.Since.Add(-overlap)) {
			continue
		}
		raw, err := s.client.Get(ctx, "/api/v2/pipeline/"+url.PathEscape(id), nil)
		if status, ok := errors.AsType[*rest.StatusError](err); ok && status.Code == http.StatusNotFound {
			delete(p.Open, id)
			continue
		}
		if err != nil {
			return err
		}
		_, events, err := s.pipeline(ctx, raw, p)
		if err != nil {
			return err
		}
		if len(events) > 0 {
			if err := emit(ctx, events...); err != nil {
				p.Open[id] = created
				return err
			}
		}
	}
	return nil
}

func (s *Source) event(eventType, slug string, parts map[string]json.RawMessage) schema.Event {
	// The parts are valid JSON, as the answer was, so that this cannot fail.
	data, _ := json.Marshal(parts) //nolint:errchkjson // See above.
	return schema.Event{
		ID: schema.EventID(eventType, string(data)), Source: Name, Type: eventType, Time: s.now().UTC(), Key: slug, Data: data,
	}
}

// items asks for one page of a list.
func (s *Source) items(ctx context.Context, path string, q url.Values) (items []json.RawMessage, next string, err error) {
	raw, err := s.client.Get(ctx, path, q)
	if err != nil {
		return nil, "", err
	}
	var answer struct {
		Items []json.RawMessage `json:"items"`
		Next  string            `json:"next_page_token"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, "", fmt.Errorf("reading %s: %w", path, err)
	}
	return answer.Items, answer.Next, nil
}

// all asks for every page of a short list.
func (s *Source) all(ctx context.Context, path string) ([]json.RawMessage, error) {
	var out []json.RawMessage
	q := url.Values{}
	for {
		items, next, err := s.items(ctx, path, q)
		if err != nil {
			return nil, err
		}
		out = append(out, items...)
		if next == "" || len(items) == 0 {
			return out, nil
		}
		q.Set("page-token", next)
	}
}

func escaped(slug string) string {
	parts := strings.Split(slug, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

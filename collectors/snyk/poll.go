package snyk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

const (
	pageSize = 100
	// pagesPerPoll of each organisation are read before the cursor is saved.
	pagesPerPoll = 20
	// overlap is read again: changes show late.
	overlap = 10 * time.Minute
	// maxPages bounds a list of projects that never ends.
	maxPages = 1000
)

// cursor is how far each organisation was read, by time of change.
type cursor struct {
	Organizations map[string]state `json:"organizations"`
}

type state struct {
	// Since is when the last whole listing began; zero before the first, which reads
	// everything.
	Since time.Time `json:"since,omitzero"`
	// Started and After are the place in a listing that is not at its end.
	Started time.Time `json:"started,omitzero"`
	After   string    `json:"after,omitempty"`
}

// Interval between two polls; 0 without a token.
func (s *Source) Interval() time.Duration {
	if s.cfg.Token == "" {
		return 0
	}
	return s.cfg.Interval
}

// Poll lists the issues that changed since the last listing began.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	c := cursor{}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of snyk: %w", err)
		}
	}
	next := cursor{Organizations: map[string]state{}}
	var errs []error
	inside := false
	for _, org := range s.cfg.Organizations {
		inside = inside || !c.Organizations[org].Started.IsZero()
	}
	more := false
	for _, org := range s.cfg.Organizations {
		st, known := c.Organizations[org]
		// While others go on, those at their end wait for the next reading.
		if st.Started.IsZero() && (!inside || !known) {
			st.Started = s.now().UTC()
		}
		if !st.Started.IsZero() {
			if err := s.organization(ctx, org, &st, emit); err != nil {
				errs = append(errs, fmt.Errorf("asking Snyk for organization %s: %w", org, err))
			}
		}
		more = more || !st.Started.IsZero()
		next.Organizations[org] = st
	}
	to, err := json.Marshal(next)
	switch {
	case err != nil:
		return from, errors.Join(append(errs, fmt.Errorf("writing the cursor of snyk: %w", err))...)
	case len(errs) > 0:
		return to, errors.Join(errs...)
	case more:
		return to, collectors.ErrMore
	}
	return to, nil
}

// page of a list.
type page struct {
	Data  []json.RawMessage `json:"data"`
	Links struct {
		Next string `json:"next"`
	} `json:"links"`
}

// list reads one page; after is the place of the next one, "" at the end.
func (s *Source) list(ctx context.Context, path string, query url.Values, after string) (p page, next string, err error) {
	query.Set("version", apiVersion)
	query.Set("limit", strconv.Itoa(pageSize))
	if after != "" {
		query.Set("starting_after", after)
	}
	raw, err := s.client.Get(ctx, path, query)
	if err != nil {
		return page{}, "", err
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return page{}, "", fmt.Errorf("reading a list: %w", err)
	}
	if p.Links.Next == "" {
		return p, "", nil
	}
	u, err := url.Parse(p.Links.Next)
	if err != nil || u.Query().Get("starting_after") == "" || u.Query().Get("starting_after") == after {
		return page{}, "", errors.New("the link to the next page leads nowhere")
	}
	return p, u.Query().Get("starting_after"), nil
}

// organization reads some pages of one organisation.
func (s *Source) organization(ctx context.Context, org string, st *state, emit collectors.Emit) error {
	var projects map[string]project
	for range pagesPerPoll {
		query := url.Values{}
		if !st.Since.IsZero() {
			query.Set("updated_after", st.Since.Add(-overlap).Format(time.RFC3339))
		}
		p, next, err := s.list(ctx, "/rest/orgs/"+org+"/issues", query, st.After)
		if err != nil {
			return err
		}
		if projects == nil && len(p.Data) > 0 {
			if projects, err = s.projects(ctx, org); err != nil {
				return err
			}
		}
		var events []schema.Event
		for _, one := range p.Data {
			events = append(events, s.event(one, projects))
		}
		if len(events) > 0 {
			if err := emit(ctx, events...); err != nil {
				return err
			}
		}
		st.After = next
		if next == "" {
			st.Since, st.Started = st.Started, time.Time{}
			return nil
		}
	}
	return nil
}

// event keeps an issue verbatim, with its project as subject.
func (s *Source) event(one json.RawMessage, projects map[string]project) schema.Event {
	var i issue
	// What cannot be read is published all the same, for the dead letters.
	if json.Unmarshal(one, &i) != nil {
		i = issue{}
	}
	of := i.Relationships.ScanItem.Data.ID
	about := projects[of]
	about.id = of
	return schema.Event{
		ID: schema.EventID(typeIssue, i.ID, string(one)), Source: Name, Type: typeIssue,
		Subject: about.String(), Time: s.now().UTC(), Key: of, Data: one,
	}
}

// projects are all of an organisation, by id: issues do not name theirs.
func (s *Source) projects(ctx context.Context, org string) (map[string]project, error) {
	out := map[string]project{}
	after := ""
	for range maxPages {
		p, next, err := s.list(ctx, "/rest/orgs/"+org+"/projects", url.Values{}, after)
		if err != nil {
			return nil, err
		}
		for _, one := range p.Data {
			var x struct {
				ID         string `json:"id"`
				Attributes struct {
					Name   string `json:"name"`
					Origin string `json:"origin"`
				} `json:"attributes"`
			}
			if err := json.Unmarshal(one, &x); err != nil {
				return nil, fmt.Errorf("reading a project: %w", err)
			}
			out[x.ID] = project{x.ID, x.Attributes.Name, x.Attributes.Origin}
		}
		if next == "" {
			return out, nil
		}
		after = next
	}
	return nil, fmt.Errorf("the list of projects has more than %d pages", maxPages)
}

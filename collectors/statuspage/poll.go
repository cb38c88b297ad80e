package statuspage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/seen"
	"github.com/headway-metrics/headway/schema"
)

const (
	pageSize = 100
	// reread is how far back each poll reads: an incident may change after it has
	// ended, by an update that was forgotten or a post-mortem.
	reread = 30 * 24 * time.Hour
	// enhanceYourCalm is Statuspage's other word for too many requests.
	enhanceYourCalm = 420
)

// cursor is how far each page was read, by time of creation.
type cursor struct {
	Pages map[string]state `json:"pages"`
}

type state struct {
	// Next is the number of the list's page to read next, 0 between two listings.
	Next int `json:"next,omitempty"`
	// Whole is set once the history was read to its beginning.
	Whole bool `json:"whole,omitempty"`
	// Open are the incidents that had not ended, with their creation.
	Open seen.Map `json:"open,omitempty"`
}

// Interval between two polls; 0 without a token.
func (s *Source) Interval() time.Duration {
	if s.cfg.Token == "" {
		return 0
	}
	return s.cfg.Interval
}

// Poll reads one page of each page's list, newest first, until what is older was
// read before.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	c := cursor{}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of statuspage: %w", err)
		}
	}
	next := cursor{Pages: map[string]state{}}
	var err error
	fresh, more := !c.inside(), false
	for _, id := range s.cfg.Pages {
		st := c.Pages[id]
		if st.Open == nil {
			st.Open = seen.Map{}
		}
		if _, known := c.Pages[id]; fresh || !known {
			st.Next = 1
		}
		// While a listing goes on, pages that are at their end wait for the next one.
		if err == nil && st.Next > 0 {
			if err = s.page(ctx, id, &st, emit); err != nil {
				err = fmt.Errorf("asking Statuspage for page %s: %w", id, err)
			}
		}
		more = more || st.Next > 0
		next.Pages[id] = st
	}
	to, encodeErr := json.Marshal(next)
	switch {
	case encodeErr != nil:
		return from, errors.Join(err, fmt.Errorf("writing the cursor of statuspage: %w", encodeErr))
	case err != nil:
		return to, err
	case more:
		return to, collectors.ErrMore
	}
	return to, nil
}

// inside reports whether a listing is not at its end.
func (c cursor) inside() bool {
	for _, st := range c.Pages {
		if st.Next > 0 {
			return true
		}
	}
	return false
}

// page reads one page of the list.
func (s *Source) page(ctx context.Context, id string, st *state, emit collectors.Emit) error {
	raw, err := s.client.Get(ctx, "/v1/pages/"+id+"/incidents", url.Values{"limit": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(st.Next)}})
	if status, ok := errors.AsType[*rest.StatusError](err); ok && status.Code == enhanceYourCalm {
		return &collectors.RetryAfterError{After: rest.DefaultRetryAfter, Err: err}
	}
	if err != nil {
		return err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("reading the incidents: %w", err)
	}
	now := s.now().UTC()
	oldest := now
	events := make([]schema.Event, 0, len(list))
	open := map[string]bool{}
	for _, one := range list {
		var i incident
		if json.Unmarshal(one, &i) == nil && !i.CreatedAt.IsZero() {
			if i.CreatedAt.Before(now.Add(-s.cfg.History)) {
				oldest = i.CreatedAt
				continue
			}
			oldest = i.CreatedAt
			open[i.ID] = i.ResolvedAt == nil && i.Status != "resolved" && i.Status != "postmortem" && i.Status != "completed"
			if open[i.ID] {
				st.Open.Set(i.ID, i.CreatedAt.UTC().Format(time.RFC3339))
			}
		}
		events = append(events, event(typeListed, one, s.now()))
	}
	if len(events) > 0 {
		if err := emit(ctx, events...); err != nil {
			return err
		}
	}
	for id, still := range open {
		if !still {
			delete(st.Open, id)
		}
	}
	if len(list) == pageSize && oldest.After(s.until(*st, now)) {
		st.Next++
		return nil
	}
	st.Next, st.Whole = 0, true
	return nil
}

// until is the creation down to which a listing goes: to the beginning at first,
// then as far as things may have changed or were open.
func (s *Source) until(st state, now time.Time) time.Time {
	first := now.Add(-s.cfg.History)
	if !st.Whole {
		return first
	}
	until := now.Add(-reread)
	for _, created := range st.Open {
		if at, err := time.Parse(time.RFC3339, created); err == nil && at.Before(until) {
			until = at.Add(-time.Second)
		}
	}
	if until.Before(first) {
		return first
	}
	return until
}

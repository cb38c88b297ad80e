package incidentio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/schema"
)

const (
	pageSize = 100
	// pagesPerPoll are read before the cursor is saved.
	pagesPerPoll = 10
)

// cursor is how far incidents were read, by time of change, and the place inside a
// listing that is not at its end.
type cursor struct {
	Since   time.Time `json:"since"`
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

// Poll lists the incidents that changed since the last listing began.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	now := s.now().UTC()
	c := cursor{Since: now.Add(-s.cfg.History)}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of incidentio: %w", err)
		}
	}
	if c.Started.IsZero() {
		c.Started = now
	}
	var err error
	for range pagesPerPoll {
		if err = s.page(ctx, &c, emit); err != nil {
			break
		}
		if c.After == "" {
			c = cursor{Since: c.Started}
			break
		}
	}
	if status, ok := errors.AsType[*rest.StatusError](err); ok && c.After != "" && (status.Code == http.StatusBadRequest || status.Code == http.StatusUnprocessableEntity) {
		// The place is no longer known: list anew from where this listing began.
		c = cursor{Since: c.Since}
	}
	to, encodeErr := json.Marshal(c)
	switch {
	case encodeErr != nil:
		return from, errors.Join(err, fmt.Errorf("writing the cursor of incidentio: %w", encodeErr))
	case err != nil:
		return to, fmt.Errorf("asking incident.io: %w", err)
	case c.After != "":
		return to, collectors.ErrMore
	}
	return to, nil
}

// page reads one page, emits it and moves the cursor past it.
func (s *Source) page(ctx context.Context, c *cursor, emit collectors.Emit) error {
	// The filter is of days: what is read twice has the same id.
	q := url.Values{"page_size": {strconv.Itoa(pageSize)}, "updated_at[gte]": {c.Since.Format(time.DateOnly)}}
	if c.After != "" {
		q.Set("after", c.After)
	}
	raw, err := s.client.Get(ctx, "/v2/incidents", q)
	if err != nil {
		return err
	}
	var list struct {
		Incidents []json.RawMessage `json:"incidents"`
		Meta      struct {
			After string `json:"after"`
		} `json:"pagination_meta"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("reading the incidents: %w", err)
	}
	events := make([]schema.Event, 0, len(list.Incidents))
	for _, one := range list.Incidents {
		var about struct {
			ID string `json:"id"`
		}
		// What cannot be read is published all the same, for the dead letters.
		if json.Unmarshal(one, &about) != nil {
			about.ID = ""
		}
		events = append(events, schema.Event{
			ID: schema.EventID("incident", about.ID, string(one)), Source: Name, Type: typeListed,
			Subject: about.ID, Time: s.now().UTC(), Key: about.ID, Data: one,
		})
	}
	if len(events) > 0 {
		if err := emit(ctx, events...); err != nil {
			return err
		}
	}
	c.After = list.Meta.After
	if len(events) < pageSize {
		c.After = ""
	}
	return nil
}

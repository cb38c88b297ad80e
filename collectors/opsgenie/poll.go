package opsgenie

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

const (
	pageSize = 100
	// pagesPerPoll are read before the cursor is saved.
	pagesPerPoll = 10
	// overlap is read again: the index lags behind changes.
	overlap = 5 * time.Minute
	// defaultMaxOffset is where Opsgenie stops to serve a list.
	defaultMaxOffset = 20_000
)

// cursor is how far the list was read, by time of change.
type cursor struct {
	// Since is the time of change from which the next listing reads.
	Since time.Time `json:"since"`
	// Started, From and Offset are the place inside a listing that is not at its end:
	// it lists by creation, from From on.
	Started time.Time `json:"started,omitzero"`
	From    int64     `json:"from,omitempty"`
	Offset  int       `json:"offset,omitempty"`
}

// Interval between two polls; 0 without a token.
func (s *Source) Interval() time.Duration {
	if s.cfg.Token == "" {
		return 0
	}
	return s.cfg.Interval
}

// Poll lists what changed since the last listing began. It lists by creation, which
// does not move while it is read, and begins anew where it would be cut.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	now := s.now().UTC()
	c := cursor{Since: now.Add(-s.cfg.History)}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of opsgenie: %w", err)
		}
	}
	if c.Started.IsZero() {
		c.Started = now
	}
	var err error
	last := false
	for page := 0; page < pagesPerPoll && !last && err == nil; page++ {
		last, err = s.page(ctx, &c, emit)
	}
	if err == nil && last {
		c = cursor{Since: c.Started}
	}
	to, encodeErr := json.Marshal(c)
	switch {
	case encodeErr != nil:
		return from, errors.Join(err, fmt.Errorf("writing the cursor of opsgenie: %w", encodeErr))
	case err != nil:
		return to, fmt.Errorf("asking Opsgenie: %w", err)
	case !last:
		return to, collectors.ErrMore
	}
	return to, nil
}

// page reads one page, emits it and moves the cursor past it.
func (s *Source) page(ctx context.Context, c *cursor, emit collectors.Emit) (last bool, err error) {
	path, eventType := "/v2/alerts", typeAlert
	if s.cfg.Kind == Incidents {
		path, eventType = "/v1/incidents", typeIncident
	}
	query := fmt.Sprintf("updatedAt >= %d AND createdAt >= %d AND priority: (%s)", c.Since.Add(-overlap).UnixMilli(), c.From, strings.Join(s.cfg.Priorities, " OR "))
	raw, err := s.client.Get(ctx, path, url.Values{
		"query": {query}, "sort": {"createdAt"}, "order": {"asc"}, "limit": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(c.Offset)},
	})
	if err != nil {
		return false, err
	}
	var answer struct {
		Data []json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return false, fmt.Errorf("reading the list: %w", err)
	}
	events := make([]schema.Event, 0, len(answer.Data))
	var newest time.Time
	for _, one := range answer.Data {
		var l listed
		// What cannot be read is published all the same, for the dead letters.
		if json.Unmarshal(one, &l) != nil {
			l = listed{}
		}
		if l.CreatedAt.After(newest) {
			newest = l.CreatedAt
		}
		events = append(events, schema.Event{
			ID: schema.EventID(eventType, l.ID, string(one)), Source: Name, Type: eventType,
			Subject: l.ID, Time: s.now().UTC(), Key: l.ID, Data: one,
		})
	}
	if len(events) > 0 {
		if err := emit(ctx, events...); err != nil {
			return false, err
		}
	}
	c.Offset += len(events)
	if len(events) < pageSize {
		return true, nil
	}
	if c.Offset+pageSize > s.maxOffset {
		if newest.UnixMilli() <= c.From {
			return false, fmt.Errorf("more than %d entries were created in one millisecond at %s", s.maxOffset, newest.Format(time.RFC3339))
		}
		c.From, c.Offset = newest.UnixMilli(), 0
	}
	return false, nil
}

package zendesk

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
	pageSize = 500
	// pagesPerPoll are read before the cursor is saved; the export serves ten a
	// minute.
	pagesPerPoll = 5
	// settled is how old the start of an export must be.
	settled = 2 * time.Minute
)

// cursor is Zendesk's own, "" before the first page.
type cursor struct {
	After string `json:"after"`
}

// Interval between two exports; 0 without a token.
func (s *Source) Interval() time.Duration {
	if s.cfg.Token == "" {
		return 0
	}
	return s.cfg.Interval
}

// Poll exports the tickets that changed since the cursor.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	var c cursor
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of zendesk: %w", err)
		}
	}
	var err error
	end := false
	for page := 0; page < pagesPerPoll && !end && err == nil; page++ {
		end, err = s.page(ctx, &c, emit)
	}
	to, encodeErr := json.Marshal(c)
	switch {
	case encodeErr != nil:
		return from, errors.Join(err, fmt.Errorf("writing the cursor of zendesk: %w", encodeErr))
	case err != nil && c.After == "":
		return from, fmt.Errorf("asking Zendesk: %w", err)
	case err != nil:
		return to, fmt.Errorf("asking Zendesk: %w", err)
	case !end:
		return to, collectors.ErrMore
	}
	return to, nil
}

// page exports one page, emits it and moves the cursor past it; end reports that
// there is nothing more for now.
func (s *Source) page(ctx context.Context, c *cursor, emit collectors.Emit) (end bool, err error) {
	q := url.Values{"include": {"metric_sets"}, "per_page": {strconv.Itoa(pageSize)}}
	if c.After != "" {
		q.Set("cursor", c.After)
	} else {
		now := s.now()
		q.Set("start_time", strconv.FormatInt(min(now.Add(-s.cfg.History).Unix(), now.Add(-settled).Unix()), 10))
	}
	raw, err := s.client.Get(ctx, "/api/v2/incremental/tickets/cursor.json", q)
	if err != nil {
		return false, err
	}
	var list struct {
		Tickets []json.RawMessage `json:"tickets"`
		After   string            `json:"after_cursor"`
		End     bool              `json:"end_of_stream"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return false, fmt.Errorf("reading the export: %w", err)
	}
	if !list.End && (list.After == "" || list.After == c.After) {
		return false, errors.New("the export goes on and gives no new cursor")
	}
	events := make([]schema.Event, 0, len(list.Tickets))
	for _, one := range list.Tickets {
		var about struct {
			ID id `json:"id"`
		}
		// What cannot be read is published all the same, for the dead letters.
		if json.Unmarshal(one, &about) != nil {
			about.ID = ""
		}
		key := string(about.ID)
		events = append(events, schema.Event{
			ID: schema.EventID("ticket", key, string(one)), Source: Name, Type: typeExported, Subject: key, Time: s.now().UTC(), Key: key, Data: one,
		})
	}
	if len(events) > 0 {
		if err := emit(ctx, events...); err != nil {
			return false, err
		}
	}
	if list.After != "" {
		c.After = list.After
	}
	return list.End, nil
}

// Backfill implements collectors.Backfiller.
func (s *Source) Backfill(from time.Time) (collectors.Poller, error) {
	if s.cfg.Token == "" {
		return nil, errors.New("sources.zendesk.token is not set, so nothing can be asked")
	}
	own := *s
	own.cfg.History = s.now().Sub(from)
	return &own, nil
}

// Test implements collectors.Tester: whose the token is, and whether it may export.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.cfg.Token == "" {
		return []collectors.Check{{What: "REST API", Detail: "nothing is asked: no token is set"}}
	}
	var me struct {
		User struct {
			ID   id     `json:"id"`
			Role string `json:"role"`
		} `json:"user"`
	}
	raw, err := s.client.Get(ctx, "/api/v2/users/me.json", nil)
	if err == nil {
		err = json.Unmarshal(raw, &me)
	}
	if err == nil && me.User.ID == "" {
		err = errors.New("the token is nobody's")
	}
	if err != nil {
		return []collectors.Check{{What: "credentials", Problem: fmt.Sprintf("%v; check url, email and token_file under sources.zendesk", err)}}
	}
	export := collectors.Check{What: "incremental export", Detail: "granted"}
	if err := collectors.FirstEvent(sample, func(emit collectors.Emit) error {
		_, err := s.page(ctx, &cursor{}, emit)
		return err
	}); err != nil {
		export = collectors.Check{What: export.What, Problem: fmt.Sprintf("%v; the token must be an administrator's", err)}
	}
	return []collectors.Check{{What: "credentials", Detail: "accepted; the role is " + me.User.Role}, export}
}

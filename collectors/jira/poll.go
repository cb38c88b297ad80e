package jira

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/listing"
	"github.com/headway-metrics/headway/collectors/rest"
)

const (
	pageSize = 100
	// pagesPerPoll is how many pages are read before the cursor is saved.
	pagesPerPoll = 10
	// overlap is read again: Jira's index lags behind its changes.
	overlap = 5 * time.Minute
	orderBy = " ORDER BY "
)

// cursor is how far issues were read, by time of update, and the position inside
// a search that is not at its end.
type cursor struct {
	Since time.Time `json:"since"`
	// Started is when the search began; the next one reads on from there.
	Started time.Time `json:"started,omitzero"`
	JQL     string    `json:"jql,omitempty"`
	Token   string    `json:"token,omitempty"`
	StartAt int       `json:"start_at,omitempty"`
	// Read of about Total issues of the search; only a backfill counts them.
	Read  int `json:"read,omitempty"`
	Total int `json:"total,omitempty"`
}

// Interval between two polls; 0 without a token.
func (s *Source) Interval() time.Duration {
	if s.cfg.Token == "" {
		return 0
	}
	return s.cfg.Interval
}

// Poll searches for issues that changed since the last search began.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	now := s.now().UTC()
	c := cursor{Since: now.Add(-s.cfg.History)}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of jira: %w", err)
		}
	}
	if c.Started.IsZero() {
		jql, err := s.search(ctx, c.Since)
		if err != nil {
			return from, explain(err)
		}
		c.Started, c.JQL = now, jql
		if s.estimates && s.cfg.Kind == Cloud {
			c.Total = s.estimate(ctx, jql)
		}
	}
	var err error
	last := false
	for page := 0; page < pagesPerPoll && !last && err == nil; page++ {
		last, err = s.page(ctx, &c, emit)
	}
	var status *rest.StatusError
	switch {
	case err != nil && c.Token == "" && c.StartAt == 0:
		return from, explain(err)
	case errors.As(err, &status) && status.Code == http.StatusBadRequest:
		// The page token has expired: search anew from where this search began.
		c = cursor{Since: c.Since}
	case last:
		c = cursor{Since: c.Started}
	case err == nil:
		err = collectors.ErrMore
	}
	to, encodeErr := json.Marshal(c)
	if encodeErr != nil {
		return from, errors.Join(err, fmt.Errorf("writing the cursor of jira: %w", encodeErr))
	}
	return to, explain(err)
}

// explain says what to change when the configured kind is wrong, or a page token
// has expired.
func explain(err error) error {
	var status *rest.StatusError
	if errors.As(err, &status) && status.Code == http.StatusGone {
		return fmt.Errorf("asking Jira: %w: this search is gone, set sources.jira.kind to cloud", err)
	}
	if err != nil && !errors.Is(err, collectors.ErrMore) {
		return fmt.Errorf("asking Jira: %w", err)
	}
	return err
}

// search is the JQL for issues updated since a time. JQL reads times in the zone
// of the asking user, to the minute.
func (s *Source) search(ctx context.Context, since time.Time) (string, error) {
	raw, err := s.client.Get(ctx, s.api()+"/myself", nil)
	if err != nil {
		return "", err
	}
	var me struct {
		TimeZone string `json:"timeZone"`
	}
	if err := json.Unmarshal(raw, &me); err != nil {
		return "", fmt.Errorf("reading the token's user: %w", err)
	}
	zone, err := time.LoadLocation(me.TimeZone)
	if err != nil {
		return "", fmt.Errorf("time zone of the token's user: %w", err)
	}
	at := since.Add(-overlap).In(zone)
	if _, here := at.Zone(); here != offset(at.Add(-2*time.Hour)) || here != offset(at.Add(2*time.Hour)) {
		// The clock is changed about now: an hour may be there twice.
		at = at.Add(-2 * time.Hour)
	}
	jql := fmt.Sprintf(`updated >= "%s"`, at.Format("2006-01-02 15:04"))
	if s.cfg.JQL != "" {
		jql = "(" + s.cfg.JQL + ") AND " + jql
	}
	return jql + orderBy + "created ASC, key ASC", nil
}

func offset(t time.Time) int {
	_, o := t.Zone()
	return o
}

func (s *Source) api() string {
	if s.cfg.Kind == Cloud {
		return "/rest/api/3"
	}
	return "/rest/api/2"
}

// page reads one page, emits it and moves the cursor past it.
func (s *Source) page(ctx context.Context, c *cursor, emit collectors.Emit) (last bool, err error) {
	asked := []string{"summary", "issuetype", "project", "status", "created", "updated", "resolutiondate", "resolution", "priority", "labels", "components", "reporter", "comment"}
	q := url.Values{
		"jql": {c.JQL}, "maxResults": {strconv.Itoa(pageSize)}, "expand": {"changelog"},
		"fields": {strings.Join(append(asked, s.cfg.Fields.All()...), ",")},
	}
	path := "/rest/api/2/search"
	if s.cfg.Kind == Cloud {
		path = "/rest/api/3/search/jql"
		if c.Token != "" {
			q.Set("nextPageToken", c.Token)
		}
	} else {
		q.Set("startAt", strconv.Itoa(c.StartAt))
	}
	raw, err := s.client.Get(ctx, path, q)
	if err != nil {
		return false, err
	}
	var found struct {
		Issues        []json.RawMessage `json:"issues"`
		NextPageToken string            `json:"nextPageToken"`
		Total         int               `json:"total"`
	}
	if err := json.Unmarshal(raw, &found); err != nil {
		return false, fmt.Errorf("reading the search: %w", err)
	}
	if err := listing.Emit(ctx, emit, Name, typeSearched, "issue", s.now(), found.Issues); err != nil {
		return false, err
	}
	if s.estimates {
		c.Read += len(found.Issues)
	}
	if s.cfg.Kind == Cloud {
		c.Token = found.NextPageToken
		return c.Token == "", nil
	}
	if s.estimates {
		c.Total = found.Total
	}
	c.StartAt += len(found.Issues)
	return len(found.Issues) == 0 || c.StartAt >= found.Total, nil
}

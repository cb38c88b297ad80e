package incidentio

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/listing"
	"github.com/headway-metrics/headway/collectors/rest"
)

const (
	pageSize = 100
)

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
	return listing.List{
		Source: Name, System: "incident.io", Begin: now.Add(-s.cfg.History), Now: now, Page: s.page,
		Forgotten: func(status *rest.StatusError) bool {
			return status.Code == http.StatusBadRequest || status.Code == http.StatusUnprocessableEntity
		},
	}.Poll(ctx, from, emit)
}

// page reads one page, emits it and moves the cursor past it.
func (s *Source) page(ctx context.Context, c *listing.Place, emit collectors.Emit) error {
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
	if err := listing.Emit(ctx, emit, Name, typeListed, "incident", s.now(), list.Incidents); err != nil {
		return err
	}
	c.After = list.Meta.After
	if len(list.Incidents) < pageSize {
		c.After = ""
	}
	return nil
}

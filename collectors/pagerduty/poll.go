package pagerduty

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/schema"
)

const (
	// window is below the six months that PagerDuty allows.
	window = 150 * 24 * time.Hour
	// page is the largest that PagerDuty allows, and the offset the last it serves.
	page             = 100
	defaultMaxOffset = 10_000
	// overlap is read again, for incidents that become visible late.
	overlap = 5 * time.Minute
	// maxResolvedAtOnce bounds the single requests of one poll.
	maxResolvedAtOnce = 200
)

// cursor is how far the list was read, by time of creation, and which incidents
// were open then.
type cursor struct {
	Until time.Time `json:"until"`
	Open  []string  `json:"open,omitempty"`
}

// Interval between two polls; 0 without a token.
func (s *Source) Interval() time.Duration {
	if s.cfg.Token == "" {
		return 0
	}
	return s.cfg.Interval
}

// Poll lists one window of incidents and asks again for those that were open and
// are not any more.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	now := s.now().UTC().Truncate(time.Second)
	c := cursor{Until: now.Add(-s.cfg.History)}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of pagerduty: %w", err)
		}
	}
	a := &asker{maxOffset: s.maxOffset, http: s.http, emit: emit, now: s.now, open: map[string]bool{}}
	for _, id := range c.Open {
		a.open[id] = true
	}
	a.api = pd.NewClient(s.cfg.Token.Reveal(), pd.WithAPIEndpoint(s.cfg.URL))
	a.api.HTTPClient = a

	since := c.Until.Add(-overlap)
	until := now
	if since.Add(window).Before(now) {
		until = since.Add(window)
	}
	err := a.list(ctx, since, until)
	if err == nil && until.Equal(now) {
		err = a.closed(ctx)
	}
	if err != nil {
		return from, fmt.Errorf("asking PagerDuty: %w", err)
	}
	c.Until, c.Open = until, nil
	for id := range a.open {
		c.Open = append(c.Open, id)
	}
	slices.Sort(c.Open)
	to, err := json.Marshal(c)
	if err != nil {
		return from, fmt.Errorf("writing the cursor of pagerduty: %w", err)
	}
	s.log.DebugContext(ctx, "incidents read", "since", since, "until", until, "open", len(c.Open))
	if until.Before(now) {
		return to, collectors.ErrMore
	}
	return to, nil
}

// asker asks the REST API and keeps each answer as it was sent: the client
// library would drop what it does not know.
type asker struct {
	maxOffset uint
	api       *pd.Client
	http      *http.Client
	emit      collectors.Emit
	now       func() time.Time
	open      map[string]bool
	// last answer, and last error: the library keeps only the text of errors, and
	// with it loses how long to wait.
	last []byte
	err  error
}

// Do implements the client library's transport.
func (a *asker) Do(req *http.Request) (*http.Response, error) {
	resp, err := a.http.Do(req) //nolint:gosec // The operator configures the address.
	if err != nil {
		a.err = err
		return nil, err
	}
	a.last, a.err = rest.Read(resp)
	if a.err == nil && resp.StatusCode/100 != 2 {
		a.err = rest.Status(resp, req.URL.Path, a.last)
	}
	resp.Body = io.NopCloser(bytes.NewReader(a.last))
	return resp, a.err
}

// ask calls the client library.
func ask[T any](a *asker, call func() (T, error)) (T, error) {
	a.last, a.err = nil, nil
	got, err := call()
	if a.err != nil {
		return got, a.err
	}
	return got, err
}

// list emits the incidents created in a window; a window with more than
// PagerDuty serves is halved.
func (a *asker) list(ctx context.Context, since, until time.Time) error {
	for offset := uint(0); ; offset += page {
		if offset+page > a.maxOffset {
			middle := since.Add(until.Sub(since) / 2).Truncate(time.Second)
			if !middle.After(since) {
				return fmt.Errorf("more than %d incidents in one second at %s", a.maxOffset, since.Format(time.RFC3339))
			}
			return errors.Join(a.list(ctx, since, middle), a.list(ctx, middle, until))
		}
		got, err := ask(a, func() (*pd.ListIncidentsResponse, error) {
			return a.api.ListIncidentsWithContext(ctx, pd.ListIncidentsOptions{
				Since: since.Format(time.RFC3339), Until: until.Format(time.RFC3339), TimeZone: "UTC",
				SortBy: "created_at:asc", Limit: page, Offset: offset,
			})
		})
		if err != nil {
			return err
		}
		var raw struct {
			Incidents []json.RawMessage `json:"incidents"`
		}
		if err := json.Unmarshal(a.last, &raw); err != nil {
			return fmt.Errorf("reading incidents: %w", err)
		}
		if err := a.publish(ctx, raw.Incidents...); err != nil {
			return err
		}
		if !got.More || len(raw.Incidents) == 0 {
			return nil
		}
	}
}

// closed asks for the open incidents, and then for each that was open before and
// is not among them.
func (a *asker) closed(ctx context.Context) error {
	if len(a.open) == 0 {
		return nil
	}
	still := map[string]bool{}
	for offset := uint(0); offset+page <= a.maxOffset; offset += page {
		got, err := ask(a, func() (*pd.ListIncidentsResponse, error) {
			return a.api.ListIncidentsWithContext(ctx, pd.ListIncidentsOptions{
				DateRange: "all", Statuses: []string{"triggered", "acknowledged"}, SortBy: "created_at:asc", Limit: page, Offset: offset,
			})
		})
		if err != nil {
			return err
		}
		for _, i := range got.Incidents {
			still[i.ID] = true
		}
		if !got.More || len(got.Incidents) == 0 {
			break
		}
	}
	asked := 0
	for id := range a.open {
		if still[id] || asked == maxResolvedAtOnce {
			continue
		}
		asked++
		if _, err := ask(a, func() (*pd.Incident, error) { return a.api.GetIncidentWithContext(ctx, id) }); err != nil {
			var status *rest.StatusError
			if errors.As(err, &status) && status.Code == http.StatusNotFound {
				delete(a.open, id)
				continue
			}
			return err
		}
		var raw struct {
			Incident json.RawMessage `json:"incident"`
		}
		if err := json.Unmarshal(a.last, &raw); err != nil {
			return fmt.Errorf("reading an incident: %w", err)
		}
		if err := a.publish(ctx, raw.Incident); err != nil {
			return err
		}
	}
	return nil
}

func (a *asker) publish(ctx context.Context, incidents ...json.RawMessage) error {
	var events []schema.Event
	for _, raw := range incidents {
		var i incident
		// What cannot be read is published all the same, for the dead letters.
		if err := json.Unmarshal(raw, &i); err != nil {
			i = incident{}
		}
		events = append(events, schema.Event{
			ID: schema.EventID("incident", i.ID, string(raw)), Source: Name, Type: typeSnapshot,
			Subject: i.ID, Time: a.now().UTC(), Key: i.ID, Data: raw,
		})
		switch {
		case i.ID == "":
		case i.Status == "resolved":
			delete(a.open, i.ID)
		default:
			a.open[i.ID] = true
		}
	}
	if len(events) == 0 {
		return nil
	}
	return a.emit(ctx, events...)
}

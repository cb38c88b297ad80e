// Package listing reads lists of what has changed since a time, page by page, with a
// cursor that goes on inside a listing that was not at its end. How a system is asked for
// a page may not enter.
package listing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/schema"
)

// PagesPerPoll are read before the cursor is saved.
const PagesPerPoll = 10

// Place is how far a list was read, by time of change, and the place inside a listing
// that is not at its end.
type Place struct {
	Since time.Time `json:"since"`
	// Started is when the listing began; the next one reads on from there.
	Started time.Time `json:"started,omitzero"`
	After   string    `json:"after,omitempty"`
}

// List of a system.
type List struct {
	// Source is its name, System what people call it.
	Source, System string
	// Begin is from when on the first listing reads, and Now when it is.
	Begin, Now time.Time
	// Page reads one page, emits it and sets After to the next, "" behind the last.
	Page func(ctx context.Context, p *Place, emit collectors.Emit) error
	// Forgotten says of an answer inside a listing that its place is no longer known.
	Forgotten func(*rest.StatusError) bool
}

// Poll reads what changed since the last listing began.
func (l List) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	p := Place{Since: l.Begin}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &p); err != nil {
			return nil, fmt.Errorf("reading the cursor of %s: %w", l.Source, err)
		}
	}
	if p.Started.IsZero() {
		p.Started = l.Now
	}
	var err error
	for range PagesPerPoll {
		if err = l.Page(ctx, &p, emit); err != nil {
			break
		}
		if p.After == "" {
			p = Place{Since: p.Started}
			break
		}
	}
	_, patient := errors.AsType[*collectors.RetryAfterError](err)
	if status, ok := errors.AsType[*rest.StatusError](err); ok && p.After != "" && !patient && l.Forgotten(status) {
		// List anew from where this listing began.
		p = Place{Since: p.Since}
	}
	to, encodeErr := json.Marshal(p)
	switch {
	case encodeErr != nil:
		return from, errors.Join(err, fmt.Errorf("writing the cursor of %s: %w", l.Source, encodeErr))
	case err != nil:
		return to, fmt.Errorf("asking %s: %w", l.System, err)
	case p.After != "":
		return to, collectors.ErrMore
	}
	return to, nil
}

// Emit publishes the objects of a page, each by its "id" and what it holds, as events of a
// type; kind is theirs in the events' ids. What cannot be read is published all the same,
// for the dead letters.
func Emit(ctx context.Context, emit collectors.Emit, source, eventType, kind string, now time.Time, objects []json.RawMessage) error {
	events := make([]schema.Event, 0, len(objects))
	for _, one := range objects {
		var about struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(one, &about) != nil {
			about.ID = ""
		}
		events = append(events, schema.Event{
			ID: schema.EventID(kind, about.ID, string(one)), Source: source, Type: eventType,
			Subject: about.ID, Time: now.UTC(), Key: about.ID, Data: one,
		})
	}
	if len(events) == 0 {
		return nil
	}
	return emit(ctx, events...)
}

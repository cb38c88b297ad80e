package argocd

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/seen"
	"github.com/headway-metrics/headway/schema"
)

// batch is how many applications are published at once.
const batch = 50

// cursor is the state in which each application was read last.
type cursor struct {
	Applications seen.Map `json:"applications"`
}

// Interval between two polls; 0 without a token.
func (s *Source) Interval() time.Duration {
	if s.cfg.Token == "" {
		return 0
	}
	return s.cfg.Interval
}

// Poll lists the applications and emits those that differ from what was read.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	c := cursor{Applications: seen.Map{}}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of argocd: %w", err)
		}
	}
	items, err := s.list(ctx)
	if err != nil {
		return from, err
	}
	next := cursor{Applications: seen.Map{}}
	var events []schema.Event
	states := seen.Map{}
	publish := func() error {
		if len(events) == 0 {
			return nil
		}
		if err := emit(ctx, events...); err != nil {
			return err
		}
		for key, state := range states {
			next.Applications.Set(key, state)
		}
		events, states = nil, seen.Map{}
		return nil
	}
	for _, item := range items {
		var a application
		// What cannot be read is published all the same, for the dead letters.
		if err := json.Unmarshal(item, &a); err != nil {
			a = application{}
		}
		if was, ok := c.Applications[a.key()]; ok {
			next.Applications.Set(a.key(), was)
		}
		if err != nil || a.Metadata.Name != "" && c.Applications[a.key()] == a.state() {
			continue
		}
		ev := event(typeListed, a, item, s.now())
		if a.Metadata.Name == "" {
			ev.ID = schema.EventID(typeListed, string(item))
		}
		events, states[a.key()] = append(events, ev), a.state()
		if len(events) == batch {
			// After a failure the rest is only remembered.
			err = publish()
		}
	}
	if err == nil {
		err = publish()
	}
	to, encodeErr := json.Marshal(next)
	if encodeErr != nil {
		return from, fmt.Errorf("writing the cursor of argocd: %w", encodeErr)
	}
	return to, err
}

// list asks for the applications.
func (s *Source) list(ctx context.Context) ([]json.RawMessage, error) {
	raw, err := s.client.Get(ctx, "/api/v1/applications", nil)
	if err != nil {
		return nil, fmt.Errorf("asking Argo CD: %w", err)
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("reading the applications: %w", err)
	}
	return list.Items, nil
}

// Package declared is the source of what the user writes into the "catalog" part
// of the configuration: teams, services, people and capabilities. It goes through
// Kafka like every other source, so that it can be replayed and has receipts.
package declared

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// Name of the source.
const Name = "config"

// EventType of its events: one entry of the catalogue.
const EventType = "config.entry"

// entry is the payload of an event: one thing, or that it is gone.
type entry struct {
	Kind       string      `json:"kind"`
	ID         string      `json:"id"`
	Gone       bool        `json:"gone,omitempty"`
	Team       *Team       `json:"team,omitempty"`
	Service    *Service    `json:"service,omitempty"`
	Person     *Person     `json:"person,omitempty"`
	Capability *Capability `json:"capability,omitempty"`
	// Before is what the entry was, so that what it no longer says is withdrawn.
	Before *entry `json:"before,omitempty"`
}

// Source emits the catalogue of a configuration.
type Source struct {
	cfg Config
	now func() time.Time
}

// New makes the source; now stamps the moment a change of the file was seen.
func New(cfg Config, now func() time.Time) *Source { return &Source{cfg: cfg, now: now} }

// Name implements collectors.Source.
func (*Source) Name() string { return Name }

// Interval implements collectors.Poller. The file is read at start only; the
// interval repeats a publish that failed.
func (*Source) Interval() time.Duration { return time.Hour }

// Poll emits the entries that differ from those of the cursor, and the ones
// that are gone.
func (s *Source) Poll(ctx context.Context, cursor collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	before := map[string]*entry{}
	if cursor != nil {
		if err := json.Unmarshal(cursor, &before); err != nil {
			return nil, fmt.Errorf("reading the cursor of %s: %w", Name, err)
		}
	}
	after := s.cfg.entries()
	var changed []entry
	for _, key := range slices.Sorted(maps.Keys(after)) {
		now, was := after[key], before[key]
		if was != nil && equal(now, was) {
			continue
		}
		e := *now
		e.Before = was
		changed = append(changed, e)
	}
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if after[key] == nil {
			changed = append(changed, entry{Kind: before[key].Kind, ID: before[key].ID, Gone: true, Before: before[key]})
		}
	}
	next, err := json.Marshal(after)
	if err != nil {
		return nil, fmt.Errorf("writing the cursor of %s: %w", Name, err)
	}
	if len(changed) == 0 {
		return next, nil
	}
	at := s.now().UTC()
	events := make([]schema.Event, 0, len(changed))
	for _, e := range changed {
		b, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encoding %s %s: %w", e.Kind, e.ID, err)
		}
		events = append(events, schema.Event{
			ID: schema.EventID(Name, string(b), at.Format(time.RFC3339Nano)), Source: Name, Type: EventType,
			Subject: e.Kind + "/" + e.ID, Time: at, Key: e.Kind + "/" + e.ID, Data: b,
		})
	}
	if err := emit(ctx, events...); err != nil {
		return nil, err
	}
	return next, nil
}

func equal(a, b *entry) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(x) == string(y)
}

// Normalize implements collectors.Source.
func (*Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	var e entry
	if err := json.Unmarshal(ev.Data, &e); err != nil {
		return nil, fmt.Errorf("decoding a catalogue entry: %w", err)
	}
	meta := schema.Meta{Source: Name, Version: schema.NewVersion(ev.Time, 0)}
	facts := e.facts(meta)
	if e.Before != nil {
		facts = withdraw(facts, e.Before.facts(meta))
	}
	if len(facts) == 0 {
		return nil, fmt.Errorf("catalogue entry of unknown kind %q", e.Kind)
	}
	return facts, nil
}

// withdraw adds a deletion for each earlier fact whose key is not among the new.
func withdraw(facts, before []schema.Fact) []schema.Fact {
	have := map[string]bool{}
	for _, f := range facts {
		have[f.Table()+"\x00"+f.FactID()] = true
	}
	for _, f := range before {
		if !have[f.Table()+"\x00"+f.FactID()] {
			schema.MarkDeleted(f)
			facts = append(facts, f)
		}
	}
	return facts
}

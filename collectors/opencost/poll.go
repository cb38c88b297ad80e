package opencost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/seen"
	"github.com/headway-metrics/headway/schema"
)

const (
	// settling is how long after its end a day is asked for again: prices of a cloud's
	// bill arrive late.
	settling = 3 * day
	// daysPerPoll of each cluster are read before the cursor is saved.
	daysPerPoll = 5
	// stateLength of an event's id tells two answers apart.
	stateLength = 8
)

// cursor is how far each cluster was read.
type cursor struct {
	Clusters map[string]state `json:"clusters"`
}

type state struct {
	// Next is the first day that was never read.
	Next time.Time `json:"next"`
	// At is the day to read next in a reading that is not at its end.
	At time.Time `json:"at,omitzero"`
	// Days hold of each day that may still change what was said of each allocation.
	Days map[string]seen.Map `json:"days,omitempty"`
}

// Interval between two polls.
func (s *Source) Interval() time.Duration { return s.cfg.Interval }

// Poll reads the days that ended and those that may have changed. A cluster that
// does not answer does not keep the others waiting.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	c := cursor{}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of opencost: %w", err)
		}
	}
	today := s.now().UTC().Truncate(day)
	first := today.Add(-s.cfg.History).Truncate(day)
	next := cursor{Clusters: map[string]state{}}
	var errs []error
	inside := c.inside(s.cfg.Clusters)
	more := false
	for _, k := range s.cfg.Clusters {
		st, known := c.Clusters[k.Name]
		if !known {
			st.Next = first
		}
		if st.At.IsZero() && (!inside || !known) {
			st.At = later(first, st.Next.Add(-settling))
		}
		// While others go on, clusters that are at their end wait for the next reading.
		if !st.At.IsZero() {
			if err := s.cluster(ctx, k.Name, &st, today, emit); err != nil {
				errs = append(errs, fmt.Errorf("asking OpenCost of cluster %s: %w", k.Name, err))
			}
		}
		more = more || !st.At.IsZero()
		next.Clusters[k.Name] = st
	}
	to, err := json.Marshal(next)
	switch {
	case err != nil:
		return from, errors.Join(append(errs, fmt.Errorf("writing the cursor of opencost: %w", err))...)
	case len(errs) > 0:
		return to, errors.Join(errs...)
	case more:
		return to, collectors.ErrMore
	}
	return to, nil
}

// inside reports whether a reading is not at its end.
func (c cursor) inside(clusters []Cluster) bool {
	return slices.ContainsFunc(clusters, func(k Cluster) bool { return !c.Clusters[k.Name].At.IsZero() })
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// cluster reads some days of one cluster.
func (s *Source) cluster(ctx context.Context, name string, st *state, today time.Time, emit collectors.Emit) error {
	if st.Days == nil {
		st.Days = map[string]seen.Map{}
	}
	for range daysPerPoll {
		if !st.At.Before(today) {
			break
		}
		key := st.At.Format(time.DateOnly)
		said, err := s.day(ctx, name, st.At, st.Days[key], emit)
		if err != nil {
			return err
		}
		st.Days[key] = said
		st.At = st.At.Add(day)
		st.Next = later(st.Next, st.At)
	}
	if !st.At.Before(today) {
		st.At = time.Time{}
	}
	for key := range st.Days {
		if key < st.Next.Add(-settling).Format(time.DateOnly) {
			delete(st.Days, key)
		}
	}
	return nil
}

func (s *Source) origin(cluster string) origin { return origin{cluster, s.cfg.Service, s.cfg.Team} }

// day reads one day, emits what differs from what was said, and returns what is
// said now.
func (s *Source) day(ctx context.Context, cluster string, at time.Time, said seen.Map, emit collectors.Emit) (seen.Map, error) {
	client, o := s.clients[cluster], s.origin(cluster)
	raw, err := client.Get(ctx, "/allocation/compute", url.Values{
		"window":    {at.Format(time.RFC3339) + "," + at.Add(day).Format(time.RFC3339)},
		"aggregate": {strings.Join(o.by(), ",")}, "includeIdle": {"true"},
	})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Code    int                          `json:"code"`
		Message string                       `json:"message"`
		Data    []map[string]json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("reading the allocations: %w", err)
	}
	if answer.Code != http.StatusOK {
		return nil, fmt.Errorf("the answer has code %d: %.200s", answer.Code, answer.Message)
	}
	if len(answer.Data) > 1 {
		return nil, fmt.Errorf("%d windows were answered where one was asked for", len(answer.Data))
	}
	now := map[string]json.RawMessage{}
	if len(answer.Data) == 1 {
		now = answer.Data[0]
	}
	if len(now) == 0 && len(said) > 0 {
		s.log.Warn("OpenCost knows nothing of a day any more; what it said before is kept", "cluster", cluster, "day", at.Format(time.DateOnly))
		return said, nil
	}
	events, state, err := s.changes(o, at, said, now)
	if err != nil {
		return nil, err
	}
	if len(events) > 0 {
		if err := emit(ctx, events...); err != nil {
			return nil, err
		}
	}
	return state, nil
}

// changes are the events that lead from what was said to what is answered now. Their
// ids tell what was said before, so that a change back is an event of its own.
func (s *Source) changes(o origin, at time.Time, said seen.Map, now map[string]json.RawMessage) ([]schema.Event, seen.Map, error) {
	var events []schema.Event
	state := seen.Map{}
	add := func(eventType, name string, data []byte) {
		events = append(events, schema.Event{
			ID:     schema.EventID(eventType, o.String(), at.Format(time.DateOnly), name, said[name], string(data)),
			Source: Name, Type: eventType, Subject: o.String(), Key: o.cluster, Time: s.now().UTC(), Data: data,
		})
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		digest := schema.EventID(string(now[name]))[:stateLength]
		if said[name] != digest {
			add(typeAllocation, name, now[name])
		}
		state.Set(name, digest)
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if _, ok := now[name]; ok {
			continue
		}
		var g allocation
		g.Name, g.Window.Start, g.Window.End = name, at, at.Add(day)
		b, err := json.Marshal(g)
		if err != nil {
			return nil, nil, fmt.Errorf("writing that %s is gone: %w", name, err)
		}
		add(typeGone, name, b)
	}
	return events, state, nil
}

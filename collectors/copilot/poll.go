package copilot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

const (
	// settling is how long a day is asked for again: reports come late.
	settling = 4 * day
	// daysPerPoll of each organisation are read before the cursor is saved.
	daysPerPoll = 10
)

// cursor is how far each organisation was read.
type cursor struct {
	Organizations map[string]state `json:"organizations"`
}

type state struct {
	// Next is the first day that was never read.
	Next time.Time `json:"next"`
	// At is the day to read next in a reading that is not at its end.
	At time.Time `json:"at,omitzero"`
}

// Interval between two polls.
func (s *Source) Interval() time.Duration { return s.cfg.Interval }

// Poll reads the days that ended and those whose report may have come since. An
// organisation that fails does not keep the others waiting.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	c := cursor{}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of copilot: %w", err)
		}
	}
	inside := slices.ContainsFunc(s.cfg.Organizations, func(org string) bool { return !c.Organizations[org].At.IsZero() })
	today := s.now().UTC().Truncate(day)
	first := today.Add(-s.cfg.History).Truncate(day)
	next := cursor{Organizations: map[string]state{}}
	var errs []error
	more := false
	for _, org := range s.cfg.Organizations {
		st, known := c.Organizations[org]
		if !known {
			st.Next = first
		}
		if st.At.IsZero() && (!inside || !known) {
			st.At = later(first, st.Next.Add(-settling))
		}
		// While others go on, those at their end wait for the next reading.
		if !st.At.IsZero() {
			if err := s.organization(ctx, org, &st, today, emit); err != nil {
				errs = append(errs, fmt.Errorf("asking GitHub for Copilot's reports of %s: %w", org, err))
			}
		}
		more = more || !st.At.IsZero()
		next.Organizations[org] = st
	}
	to, err := json.Marshal(next)
	switch {
	case err != nil:
		return from, errors.Join(append(errs, fmt.Errorf("writing the cursor of copilot: %w", err))...)
	case len(errs) > 0:
		return to, errors.Join(errs...)
	case more:
		return to, collectors.ErrMore
	}
	return to, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// organization reads some days of one organisation.
func (s *Source) organization(ctx context.Context, org string, st *state, today time.Time, emit collectors.Emit) error {
	for range daysPerPoll {
		if !st.At.Before(today) {
			break
		}
		counts, _, err := s.teams(ctx, org, st.At)
		if err != nil {
			return err
		}
		events, err := s.events(org, st.At, counts)
		if err != nil {
			return err
		}
		if len(events) > 0 {
			if err := emit(ctx, events...); err != nil {
				return err
			}
		}
		st.At = st.At.Add(day)
		st.Next = later(st.Next, st.At)
	}
	if !st.At.Before(today) {
		st.At = time.Time{}
	}
	return nil
}

// events say how many people of each team were active on a day.
func (s *Source) events(org string, at time.Time, counts map[string]int) ([]schema.Event, error) {
	var out []schema.Event
	for _, team := range slices.Sorted(maps.Keys(counts)) {
		b, err := json.Marshal(teamDay{Organization: org, Team: team, Day: at.Format(time.DateOnly), ActiveUsers: counts[team]})
		if err != nil {
			return nil, fmt.Errorf("writing the day of team %s: %w", team, err)
		}
		out = append(out, schema.Event{
			ID: schema.EventID(typeTeamDay, string(b)), Source: Name, Type: typeTeamDay,
			Subject: org + "/" + team, Key: org + "/" + team, Time: s.now().UTC(), Data: b,
		})
	}
	return out, nil
}

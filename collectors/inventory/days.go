package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// Days are the cursor of a poller that does nothing but take inventories: the day of the
// last one by cluster.
type Days map[string]string

// Resume takes inventories as the cursor of a poll says: take is given the days and
// notes in them what it has emitted, also when it fails on the way.
func Resume(source string, from collectors.Cursor, take func(Days) error) (collectors.Cursor, error) {
	days := Days{}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &days); err != nil {
			return nil, fmt.Errorf("reading the cursor of %s: %w", source, err)
		}
	}
	taken := take(days)
	to, err := json.Marshal(days)
	if err != nil {
		return from, errors.Join(taken, fmt.Errorf("writing the cursor of %s: %w", source, err))
	}
	return to, taken
}

// Take lists what runs in a cluster, to its end, and emits it, once a day.
func (d Days) Take(ctx context.Context, source string, of Place, at time.Time, list func(context.Context) ([]Item, error), emit collectors.Emit) error {
	if d[of.Cluster] == Day(at) {
		return nil
	}
	items, err := list(ctx)
	if err != nil {
		return fmt.Errorf("taking the inventory of %s: %w", of.Cluster, err)
	}
	events, err := Events(source, of, at, items)
	if err != nil {
		return err
	}
	if err := emit(ctx, events...); err != nil {
		return err
	}
	d[of.Cluster] = Day(at)
	return nil
}

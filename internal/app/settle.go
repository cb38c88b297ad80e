package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// Publish puts events into Kafka, as a source would.
func (a *App) Publish(ctx context.Context, events ...schema.Event) error {
	return a.publisher.Publish(ctx, events...)
}

// settlePoll is how often Settle looks; settleCalm is how many looks in a row
// must find nothing to do, since deriving publishes further keys.
const (
	settlePoll = 300 * time.Millisecond
	settleCalm = 3
)

// Settle waits until every source that asks has asked once, every event that is in
// Kafka has been loaded, and everything that follows from it derived.
func (a *App) Settle(ctx context.Context) error {
	tick := time.NewTicker(settlePoll)
	defer tick.Stop()
	for calm := 0; calm < settleCalm; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		behind, err := a.behind(ctx)
		if err != nil {
			return err
		}
		calm++
		if behind > 0 || a.unasked() {
			calm = 0
		}
	}
	return nil
}

// unasked says that a poller has not finished its first poll yet, well or badly.
func (a *App) unasked() bool {
	runner := a.runner.Load()
	return runner != nil && slices.ContainsFunc(runner.Status(), func(s collectors.PollStatus) bool {
		return s.LastSuccess.IsZero() && s.LastError == ""
	})
}

// behind is how many messages the pipeline has not handled yet.
func (a *App) behind(ctx context.Context) (int64, error) {
	var n int64
	for group, topics := range map[string][]string{groupLoad: a.sources.rawTopics(), groupDerive: {schema.TopicDirty}} {
		lags, err := a.client.Lag(ctx, group, topics...)
		if err != nil {
			return 0, fmt.Errorf("asking how far the pipeline is: %w", err)
		}
		for _, l := range lags {
			n += l.Messages
		}
	}
	return n, nil
}

package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/all"
	"github.com/headway-metrics/headway/collectors/budget"
)

// liveShare is the share of a system's rate limit that a backfill leaves to live
// polling.
const liveShare = 0.3

// BackfillRequest says what to read again.
type BackfillRequest struct {
	Source string
	From   time.Time
	// PerSecond requests at most, whatever the system allows.
	PerSecond  float64
	OnProgress func(collectors.BackfillProgress)
}

// Backfill reads a source's past into Kafka, beside a Headway that runs. It returns
// when an earlier run had ended, if one has.
func (c *Client) Backfill(ctx context.Context, opts Options, req BackfillRequest) (endedBefore time.Time, err error) {
	src, err := backfiller(opts, req)
	if err != nil {
		return time.Time{}, err
	}
	client, err := c.Kafka()
	if err != nil {
		return time.Time{}, err
	}
	publisher := client.NewPublisher()
	defer func() { err = errors.Join(err, publisher.Close()) }()
	cursors, err := openCursors(ctx, client, publisher)
	if err != nil {
		return time.Time{}, err
	}
	return collectors.Backfill(budget.WithReserve(ctx, liveShare), collectors.BackfillOptions{
		Source: src, From: req.From, Cursors: cursors, Publisher: publisher, Logger: c.log, OnProgress: req.OnProgress,
	})
}

// backfiller makes the source with a transport that keeps to the budget, less the
// share of live polling, and to the pace.
func backfiller(opts Options, req BackfillRequest) (collectors.Backfiller, error) {
	entries := all.Entries()
	i := slices.IndexFunc(entries, func(e collectors.Entry) bool { return e.Name == req.Source })
	if i < 0 {
		return nil, fmt.Errorf("there is no source %q; 'headway sources list' prints them", req.Source)
	}
	if !opts.Config.Sources.Has(req.Source) {
		return nil, fmt.Errorf("sources.%s is not configured", req.Source)
	}
	if age := time.Since(req.From); age <= 0 {
		return nil, fmt.Errorf("--from %s is in the future", req.From.Format(time.DateOnly))
	}
	src, err := makeSource(opts, entries[i], &budget.Transport{
		Base:   &budget.Pace{Base: http.DefaultTransport, Limiter: rate.NewLimiter(rate.Limit(req.PerSecond), 1)},
		Budget: &budget.Budget{}, Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	b, ok := src.(collectors.Backfiller)
	if !ok {
		return nil, fmt.Errorf("%s has no more of the past to ask for: what it can read it reads when it is first polled", req.Source)
	}
	return b, nil
}

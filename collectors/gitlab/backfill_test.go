package gitlab_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/gitlab"
)

// kept is a CursorStore in memory.
type kept map[string]collectors.Cursor

func (k kept) Load(_ context.Context, key string) (collectors.Cursor, error) { return k[key], nil }

func (k kept) Save(_ context.Context, key string, c collectors.Cursor) error {
	k[key] = c
	return nil
}

func backfill(t *testing.T, f *fakeGitLab, store kept) (map[string]bool, collectors.BackfillProgress) {
	t.Helper()
	var to collectortest.Publisher
	var last collectors.BackfillProgress
	if _, err := collectors.Backfill(t.Context(), collectors.BackfillOptions{
		Source: f.source(t, nil), From: clock.AddDate(0, 0, -30), Cursors: store, Publisher: &to, Logger: slog.New(slog.DiscardHandler),
		OnProgress: func(p collectors.BackfillProgress) { last = p },
	}); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, ev := range to.Events() {
		seen[ev.ID] = true
	}
	return seen, last
}

// TestBackfillReadsThePastOnce: with the events of a poll, and then nothing.
func TestBackfillReadsThePastOnce(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	var to collectortest.Publisher
	if _, err := collectortest.CatchUp(t, f.source(t, nil), nil, &to); err != nil {
		t.Fatal(err)
	}
	polled := map[string]bool{}
	for _, ev := range to.Events() {
		polled[ev.ID] = true
	}
	store := kept{}
	filled, progress := backfill(t, f, store)
	if d := cmp.Diff(polled, filled); d != "" {
		t.Errorf("a backfill gives other events than polling:\n%s", d)
	}
	if progress.Total != 6 || progress.Done != 6 {
		t.Errorf("progress at the end %+v, want all six lists", progress)
	}
	f.change(func() {})
	if again, _ := backfill(t, f, store); len(again) > 0 || len(f.requests()) > 0 {
		t.Errorf("a backfill that had ended gives %d events for %d requests", len(again), len(f.requests()))
	}
	if _, err := new(gitlab.Source).Backfill(clock); err == nil {
		t.Error("a backfill without projects")
	}
}

// TestBackfillWaitsForItsShare: what is reserved for what happens now does not end a
// backfill that has read nothing yet.
func TestBackfillWaitsForItsShare(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	f.header.Set("RateLimit-Limit", "2000")
	f.header.Set("RateLimit-Remaining", "400")
	f.header.Set("RateLimit-Reset", strconv.FormatInt(clock.Add(time.Minute).Unix(), 10))
	past, err := f.source(t, nil).Backfill(clock.AddDate(0, 0, -30))
	if err != nil {
		t.Fatal(err)
	}
	_, err = past.Poll(t.Context(), nil, (&collectortest.Publisher{}).Publish)
	if later, ok := errors.AsType[*collectors.RetryAfterError](err); !ok || later.After > time.Minute {
		t.Errorf("error %v, want one that says when to come back", err)
	}
}

package collectors_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// past is a source with ten pages of the past; page says what goes wrong.
type past struct {
	fake
	trouble func(page int) error
	asked   []int
}

func (*past) Interval() time.Duration { return time.Hour }

func (*past) Poll(context.Context, collectors.Cursor, collectors.Emit) (collectors.Cursor, error) {
	return nil, errors.New("a backfill polled the source itself")
}

func (p *past) Backfill(time.Time) (collectors.Poller, error) { return &reading{p}, nil }

// reading is the poller of a backfill.
type reading struct{ *past }

func (r *reading) Poll(ctx context.Context, c collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	page, _ := strconv.Atoi(string(c))
	r.asked = append(r.asked, page)
	if r.trouble != nil {
		if err := r.trouble(page); err != nil {
			return c, err
		}
	}
	if err := emit(ctx, event(page)); err != nil {
		return c, err
	}
	next := collectors.Cursor(strconv.Itoa(page + 1))
	if page == 9 {
		return next, nil
	}
	return next, collectors.ErrMore
}

func (*reading) Progress(c collectors.Cursor) (done, total int64, unit string) {
	page, _ := strconv.ParseInt(string(c), 10, 64)
	return page, 10, "pages"
}

func fill(ctx context.Context, p *past, store *cursors, to collectors.Publisher, tell func(collectors.BackfillProgress)) (time.Time, error) {
	return collectors.Backfill(ctx, collectors.BackfillOptions{
		Source: p, From: collectortest.Time, Cursors: store, Publisher: to, Logger: slog.New(slog.DiscardHandler), OnProgress: tell,
	})
}

func TestABackfillGoesOnAndEndsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store cursors
		var to collectortest.Publisher
		ctx, stop := context.WithCancel(t.Context())
		p := &past{trouble: func(page int) error {
			if page == 4 {
				stop() // Ctrl-C.
				return context.Canceled
			}
			return nil
		}}
		if _, err := fill(ctx, p, &store, &to, nil); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped with %v", err)
		}
		p.trouble, p.asked = nil, nil
		var last collectors.BackfillProgress
		if _, err := fill(t.Context(), p, &store, &to, func(b collectors.BackfillProgress) { last = b }); err != nil {
			t.Fatal(err)
		}
		if p.asked[0] != 4 || len(to.Events()) != 10 {
			t.Errorf("went on at %v; %d events, want each of 10 pages once", p.asked, len(to.Events()))
		}
		if last.Events != 6 || last.Done != 10 || last.Total != 10 || last.Unit != "pages" {
			t.Errorf("progress at the end %+v", last)
		}
		p.asked = nil
		ended, err := fill(t.Context(), p, &store, &to, nil)
		if err != nil || ended.IsZero() || len(p.asked) > 0 || len(to.Events()) != 10 {
			t.Errorf("a second run: ended %s, asked %v, %d events, %v", ended, p.asked, len(to.Events()), err)
		}
		if store.m["fake"] != nil {
			t.Error("the cursor of live polling was touched")
		}
	})
}

func TestABackfillWaitsAndGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store cursors
		var to collectortest.Publisher
		waited := false
		p := &past{trouble: func(page int) error {
			if page == 2 && !waited {
				waited = true
				return &collectors.RetryAfterError{After: time.Hour, Err: errors.New("the rest is reserved")}
			}
			return nil
		}}
		start := time.Now()
		var longest time.Duration
		if _, err := fill(t.Context(), p, &store, &to, func(b collectors.BackfillProgress) { longest = max(longest, b.Waiting) }); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < time.Hour || d > 61*time.Minute || longest != time.Hour {
			t.Errorf("took %s, said it waits %s", d, longest)
		}
		hopeless := &past{trouble: func(int) error { return errors.New("token expired") }}
		if _, err := fill(t.Context(), hopeless, &cursors{}, &to, nil); err == nil || len(hopeless.asked) != 8 {
			t.Errorf("%v after %d attempts", err, len(hopeless.asked))
		}
	})
}

func TestABackfillSavesOnlyWhatKafkaHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store cursors
		if _, err := fill(t.Context(), &past{}, &store, &collectortest.Publisher{Fail: collectortest.Always}, nil); err == nil {
			t.Fatal("a backfill that publishes nothing is no error")
		}
		var to collectortest.Publisher
		if _, err := fill(t.Context(), &past{}, &store, &to, nil); err != nil || len(to.Events()) != 10 {
			t.Errorf("%d events after Kafka came back (%v): pages were passed over", len(to.Events()), err)
		}
	})
}

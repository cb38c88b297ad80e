// Package forge holds how forges, which keep repositories with their requests, runs and
// issues, are read within their rate limits: in turns over many lists, what happens now
// before what was. What a forge's API looks like may not enter.
package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/budget"
	"github.com/headway-metrics/headway/schema"
)

const (
	// RequestsPerPoll bounds what a crash can repeat: the cursor is saved after about as
	// many requests.
	RequestsPerPoll = 100
	// Reserve is the share of the rate limit that a backfill, and what changes rarely,
	// leave to what is happening now.
	Reserve = 0.3
	// DiscoverEvery is how long the list of repositories is believed, and who owns them.
	DiscoverEvery = time.Hour
	// MinInterval keeps a mistyped interval from spending the budget on nothing.
	MinInterval = 10 * time.Second
)

// Check refuses what cannot be meant; key is the source's in the configuration.
func Check(key string, interval time.Duration, backfillDays int) error {
	if interval < MinInterval {
		return fmt.Errorf("%s.interval: %s is below %s", key, interval, MinInterval)
	}
	if backfillDays < 0 {
		return fmt.Errorf("%s.backfill_days: %d is below 0", key, backfillDays)
	}
	return nil
}

// List of a repository that is read.
type List struct {
	// Name of the list, and of whom it is, as people call them.
	Name, Of string
	// Key is unique among all lists.
	Key string
	// Live says that the list's past has been read.
	Live bool
	// Read goes on with the list.
	Read func(context.Context) error
}

// Turn is one look at all lists. All fields are required, Between only when more than the
// past is read.
type Turn struct {
	// Lists that there are; it is asked for what happens now and again for the past.
	Lists iter.Seq[List]
	// PastOnly reads what was, and nothing that happens now.
	PastOnly bool
	// Between reads what changes rarely, after what happens now.
	Between func(context.Context) error
	// Unavailable says that there is no such list, or none for this credential; Fatal that
	// an error would come back for every other list too.
	Unavailable, Fatal func(error) bool
	// Checked is when each list was last read, by its key; what happens now is left alone
	// for half of Interval.
	Checked  map[string]time.Time
	Interval time.Duration
	Now      func() time.Time
	Logger   *slog.Logger
}

// Run reads what is happening now before any backfill goes on, and the backfill leaves it
// a share of the rate limit. It goes on behind a list that cannot be read; problems are
// those of before.
func (t Turn) Run(ctx context.Context, problems error) error {
	if !t.PastOnly {
		if end, err := t.pass(ctx, true, &problems); end {
			return err
		}
	}
	ctx = budget.WithReserve(ctx, Reserve)
	if !t.PastOnly {
		switch err := t.Between(ctx); {
		case errors.Is(err, budget.ErrReserved):
			return problems
		case t.Fatal(err):
			return err
		default:
			problems = errors.Join(problems, err)
		}
	}
	if end, err := t.pass(ctx, false, &problems); end {
		return err
	}
	return problems
}

// pass reads the lists that are live, or those that are not, and says when the turn ends
// with them.
func (t Turn) pass(ctx context.Context, live bool, problems *error) (end bool, err error) {
	for l := range t.Lists {
		if l.Live != live || (live && t.Now().Sub(t.Checked[l.Key]) < t.Interval/2) {
			continue
		}
		err := l.Read(ctx)
		switch {
		case err == nil:
		case t.Unavailable(err):
			t.Logger.InfoContext(ctx, "nothing to read in the list", "list", l.Name, "of", l.Of, "error", err)
		case errors.Is(err, budget.ErrReserved) && t.PastOnly:
			return true, err
		case errors.Is(err, budget.ErrReserved):
			// The backfill has had its share: come back at the usual interval.
			return true, *problems
		case t.Fatal(err):
			return true, err
		default:
			*problems = errors.Join(*problems, fmt.Errorf("%s of %s: %w", l.Name, l.Of, err))
			continue
		}
		t.Checked[l.Key] = t.Now()
	}
	return false, nil
}

// emitError tells a failure of Kafka from one of the forge.
type emitError struct{ error }

func (e *emitError) Unwrap() error { return e.error }

// Emit publishes events; its error is fatal.
func Emit(ctx context.Context, emit collectors.Emit, events ...schema.Event) error {
	if err := emit(ctx, events...); err != nil {
		return &emitError{err}
	}
	return nil
}

// Fatal reports whether an error would come back for every other list too: one of those
// that the forge refuses everything with, a spent budget, Kafka's, or the end of the poll.
func Fatal(err error, refused ...error) bool {
	_, emitting := errors.AsType[*emitError](err)
	return emitting || slices.ContainsFunc(append(refused, budget.ErrSpent, collectors.ErrMore, context.Canceled, context.DeadlineExceeded), func(target error) bool {
		return errors.Is(err, target)
	})
}

// Tell emits an event of something that is in no list of a repository. Its id follows from
// kind and key; its error is fatal.
func Tell(ctx context.Context, emit collectors.Emit, source, kind, subject string, now time.Time, v any, key ...string) error {
	ev, err := event(source, kind, subject, v, key...)
	if err != nil {
		return err
	}
	ev.Time = now
	return Emit(ctx, emit, ev)
}

func event(source, kind, subject string, v any, key ...string) (schema.Event, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	// The text of people stays as they wrote it.
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return schema.Event{}, fmt.Errorf("writing the envelope of %s: %w", kind, err)
	}
	return schema.Event{
		ID: schema.EventID(append([]string{source, kind}, key...)...), Source: source, Type: source + ".rest." + kind,
		Subject: subject, Key: subject, Data: bytes.TrimRight(b.Bytes(), "\n"),
	}, nil
}

// Batch gathers the events of a page.
type Batch struct{ Events []schema.Event }

// Add makes an event of objects of a repository. Its id follows from the repository, the
// natural key and the version of what it holds.
func (b *Batch) Add(source, kind, repo string, objects map[string]any, key ...string) error {
	ev, err := event(source, kind, repo, objects, append([]string{repo}, key...)...)
	if err == nil {
		b.Events = append(b.Events, ev)
	}
	return err
}

// Stamped are the events, as of a time.
func (b *Batch) Stamped(now time.Time) []schema.Event {
	for i := range b.Events {
		b.Events[i].Time = now.UTC()
	}
	return b.Events
}

// Apart says what of two sorted lists only the one or the other has.
func Apart(was, is []string) (gone, added []string) {
	for _, x := range was {
		if _, has := slices.BinarySearch(is, x); !has {
			gone = append(gone, x)
		}
	}
	for _, x := range is {
		if _, has := slices.BinarySearch(was, x); !has {
			added = append(added, x)
		}
	}
	return gone, added
}

// Package collectors holds what every source is: how it receives, how it asks,
// and how its events are read. Each source has a package of its own below; this
// one runs them. No metric logic may enter, and no ClickHouse client.
package collectors

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Source reads the events of one system.
type Source interface {
	// Name is the source's one lower-case word: its topic, its path under
	// /hooks/ and its key in the configuration.
	Name() string
	// Normalize turns an event into facts. It is pure: no I/O and no clock, so
	// that history can be read again. It returns schema.Ignore(reason) for an
	// event that is understood and carries no fact; any other error sends the
	// event to the dead-letter topic. It must accept events that earlier
	// versions of Headway collected.
	Normalize(ev schema.Event) ([]schema.Fact, error)
}

// ErrSignature says that a delivery is not signed by a known secret; the
// webhook server answers 401. Verify wraps it.
var ErrSignature = errors.New("signature does not match")

// Webhook is a Source that is sent deliveries.
type Webhook interface {
	Source
	// Verify checks the sender's signature over the raw body, in constant
	// time, before anything else reads it.
	Verify(header http.Header, body []byte, now time.Time) error
	// Events makes the events of a verified delivery, mostly one. It must not
	// lose a delivery that it cannot understand: such a body becomes one event
	// that Normalize refuses, so that it reaches the dead-letter topic.
	Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error)
}

// Cursor is how far a poller has read, in the poller's own JSON; nil at first.
type Cursor []byte

// Emit publishes events. It returns nil only when Kafka has them durably
// (invariant 1), so a poller may move its cursor past them.
type Emit func(ctx context.Context, events ...schema.Event) error

// Poller is a Source that asks.
type Poller interface {
	Source
	// Interval between two polls.
	Interval() time.Duration
	// Poll reads on from the cursor, emits, and returns the cursor after what it
	// emitted. On an error the returned cursor, when not nil, is still saved:
	// what was emitted is not asked for again. A RetryAfterError says when to
	// come back.
	Poll(ctx context.Context, cursor Cursor, emit Emit) (Cursor, error)
}

// RetryAfterError says that the system wants to be left alone for a while.
type RetryAfterError struct {
	After time.Duration
	Err   error
}

func (e *RetryAfterError) Error() string { return e.Err.Error() }
func (e *RetryAfterError) Unwrap() error { return e.Err }

// Publisher puts events into Kafka; it returns nil only when all of them are
// durable there.
type Publisher interface {
	Publish(ctx context.Context, events ...schema.Event) error
}

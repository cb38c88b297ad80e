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

// Receiver takes deliveries on one path.
type Receiver interface {
	// Verify checks the sender's signature over the raw body, in constant
	// time, before anything else reads it.
	Verify(header http.Header, body []byte, now time.Time) error
	// Events makes the events of a verified delivery, mostly one. It must not
	// lose a delivery that it cannot understand: such a body becomes one event
	// that Normalize refuses, so that it reaches the dead-letter topic. On an
	// error the server does that itself, with Unreadable. An InvalidError, only
	// for formats that are Headway's own, is answered with 400 instead.
	Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error)
}

// Webhook is a Source that is sent deliveries, at /hooks/<name>.
type Webhook interface {
	Source
	Receiver
}

// Answerer is a Receiver whose sender takes no other status than one for success;
// the server answers 202 to all others.
type Answerer interface {
	Answer() int
}

// Endpoint is a path of a source beside /hooks/<name>: "/v1/deployments".
type Endpoint struct {
	Path     string
	Receiver Receiver
}

// Intake is a Source with paths of its own in Headway's API.
type Intake interface {
	Source
	Endpoints() []Endpoint
}

// InvalidError says what is wrong with a request in a format that Headway
// itself defines, in words for whoever wrote it.
type InvalidError struct{ Message string }

func (e *InvalidError) Error() string { return e.Message }

// Unreadable is the event of a delivery that its source cannot read. No
// Normalize knows its type, so the loader puts it into the dead-letter topic.
func Unreadable(source string, header http.Header, body []byte, received time.Time) schema.Event {
	return schema.Event{
		ID: schema.EventID(source, "unreadable", string(body)), Source: source, Type: source + ".unreadable",
		Time: received.UTC(), ContentType: header.Get("Content-Type"), Data: body,
	}
}

// Cursor is how far a poller has read, in the poller's own JSON; nil at first.
type Cursor []byte

// Emit publishes events. It returns nil only when Kafka has them durably
// (invariant 1), so a poller may move its cursor past them.
type Emit func(ctx context.Context, events ...schema.Event) error

// Poller is a Source that asks.
type Poller interface {
	Source
	// Interval between two polls; 0 when there is nothing to ask.
	Interval() time.Duration
	// Poll reads on from the cursor, emits, and returns the cursor after what it
	// emitted. On an error the returned cursor, when not nil, is still saved:
	// what was emitted is not asked for again. A RetryAfterError says when to
	// come back, and ErrMore that the poller stopped to have its cursor saved.
	Poll(ctx context.Context, cursor Cursor, emit Emit) (Cursor, error)
}

// ErrMore says that a poll was cut short although there is more to read, so that
// a crash does not repeat all of a long backfill. The poller is called again at
// once; this is no failure.
var ErrMore = errors.New("there is more to read")

// RetryAfterError says that the system wants to be left alone for a while.
type RetryAfterError struct {
	After time.Duration
	Err   error
}

func (e *RetryAfterError) Error() string { return e.Err.Error() }
func (e *RetryAfterError) Unwrap() error { return e.Err }

// CursorStore keeps the cursors of pollers. Load returns nil when there is none;
// Save returns only when the cursor is durable.
type CursorStore interface {
	Load(ctx context.Context, key string) (Cursor, error)
	Save(ctx context.Context, key string, cursor Cursor) error
}

// Publisher puts events into Kafka; it returns nil only when all of them are
// durable there.
type Publisher interface {
	Publish(ctx context.Context, events ...schema.Event) error
}

package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Normalizer reads the events of one source. It is pure, so that history can be
// read again, and it may be called from several goroutines at once. An error of
// schema.Ignore means understood and without facts; an error that wraps
// errors.ErrUnsupported means a kind of event that the source does not know; any
// other error means that the event cannot be read.
type Normalizer interface {
	Normalize(ev schema.Event) ([]schema.Fact, error)
}

// Sink stores facts in the tables they name.
type Sink interface {
	// Insert returns nil only when every row is durable. On an error any part of
	// the rows may be stored all the same; inserting them again changes nothing,
	// for the highest version of a key counts. An error that IsPermanent means
	// that the store refuses the content of at least one row.
	Insert(ctx context.Context, facts []schema.Fact) error
}

// Outbox carries what a flush has to tell others.
type Outbox interface {
	// PublishDirty returns nil only when all keys are durable.
	PublishDirty(ctx context.Context, keys ...schema.DirtyKey) error
	// PublishDead returns nil only when all letters are durable.
	PublishDead(ctx context.Context, letters ...DeadEvent) error
}

// DeadEvent is an event on its way to the dead-letter topic: as it came, with
// the reason beside. What every event must have and this one lacks is filled in,
// so that it passes Event.Validate.
type DeadEvent struct {
	Event  schema.Event
	Reason Reason
	// Detail is free text for a person: the parser's own words.
	Detail string
}

// Reason says in one short word why an event is dead. The set is bounded, so
// that it can be counted and be a label of a metric.
type Reason string

// The reasons there are.
const (
	// ReasonUndecodable: the Kafka message holds no event; see Undecodable.
	ReasonUndecodable Reason = "undecodable"
	// ReasonInvalidEvent: an attribute that every event needs is missing.
	ReasonInvalidEvent Reason = "invalid_event"
	// ReasonUnknownSource: no source of this name is configured.
	ReasonUnknownSource Reason = "unknown_source"
	// ReasonUnsupportedType: the source does not know this type of event.
	ReasonUnsupportedType Reason = "unsupported_type"
	// ReasonUnparsable: the source's parser cannot read the payload.
	ReasonUnparsable Reason = "unparsable"
	// ReasonParserPanic: the source's parser panicked; the log has the stack.
	ReasonParserPanic Reason = "parser_panic"
	// ReasonInvalidFact: the parser made a fact without an id or that cannot be sealed.
	ReasonInvalidFact Reason = "invalid_fact"
	// ReasonRejected: the store refuses the content of a fact.
	ReasonRejected Reason = "rejected_by_store"
)

// reasonNoFacts is the reason in the receipt of an event whose parser returned
// neither a fact nor a word why.
const reasonNoFacts = "no_facts"

// PermanentError says that trying again cannot help: the store has understood
// the rows and refuses what is in them. A missing table, column or right is not
// permanent: somebody will mend it, and until then nothing may be dropped.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent marks the error for IsPermanent.
func (*PermanentError) Permanent() bool { return true }

// IsPermanent reports whether err or an error that it wraps has a method
// Permanent() bool that says so. A store's own error type can have it without
// knowing this package.
func IsPermanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

// Querier asks the warehouse. Statements name their arguments as ClickHouse
// does, {name:Type}; rows are of Go's plain types: nil, string, int64, uint64,
// time.Time in UTC.
type Querier interface {
	Query(ctx context.Context, sql string, args map[string]any) (columns []string, rows [][]any, err error)
}

// Publisher puts events on the raw topics of their sources; it returns nil only
// when all of them are durable there.
type Publisher interface {
	Publish(ctx context.Context, events ...schema.Event) error
}

// Record is an event of a topic and its place in it.
type Record struct {
	Event     schema.Event
	Partition int
	Offset    int64
	// Published is the time of the Kafka message.
	Published time.Time
}

// History reads a topic again.
type History interface {
	// ReadRange calls fn with every event of the topic that was published since
	// a time (the zero time means all) and before the call, in order within each
	// partition, partition after partition. A message that holds no event comes
	// as Undecodable makes it. An error of fn ends the reading.
	ReadRange(ctx context.Context, topic string, since time.Time, fn func(Record) error) error
}

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// ErrNoLetter says that there is no dead letter of that source and id.
var ErrNoLetter = errors.New("no such dead letter")

// letterChunk is how many letters are read or published at once: each may hold
// a payload of 25 MB, but hardly any does.
const letterChunk = 50

// Letter is a dead letter as it is shown to a person.
type Letter struct {
	Source     string    `json:"source"`
	EventID    string    `json:"event_id"`
	Type       string    `json:"type"`
	Subject    string    `json:"subject"`
	Key        string    `json:"key"`
	Reason     Reason    `json:"reason"`
	Detail     string    `json:"detail"`
	ReceivedAt time.Time `json:"received_at"`
	FailedAt   time.Time `json:"failed_at"`
	// Bytes is the size of the payload.
	Bytes       uint64 `json:"bytes"`
	ContentType string `json:"content_type"`
	// Understood says that a later attempt has read the event.
	Understood bool `json:"understood"`
}

// LetterFilter chooses dead letters; what is zero does not restrict.
type LetterFilter struct {
	Source string
	// EventIDs are the letters wanted.
	EventIDs []string
	Reason   Reason
	// From and To bound the time at which the event was received, [From, To).
	From, To time.Time
	// Understood includes letters that a later attempt has read.
	Understood bool
	// Limit is the most letters taken, newest first; 0 means a million.
	Limit int
}

// Deadletters reads dead letters and gives them another try.
//
// Whether a letter is still dead is told by its event's receipt, in which
// understanding beats death whatever came last. The column retried says the
// same once Settle has run.
type Deadletters struct {
	q    Querier
	pub  Publisher
	sink Sink
}

// NewDeadletters returns the dead letters of a warehouse; pub takes those that
// are tried again, sink the marks of those that are settled.
func NewDeadletters(q Querier, pub Publisher, sink Sink) *Deadletters {
	return &Deadletters{q: q, pub: pub, sink: sink}
}

// List returns the letters that pass the filter, those received last first.
func (d *Deadletters) List(ctx context.Context, f LetterFilter) ([]Letter, error) {
	where, args := f.conditions()
	if f.Limit == 0 {
		f.Limit = 1_000_000
	}
	args["limit"] = f.Limit
	columns, rows, err := d.q.Query(ctx, `SELECT `+letterColumns+`
FROM dead_letters FINAL
WHERE `+where+`
ORDER BY received_at DESC, source, event_id
LIMIT {limit:UInt64}`, args)
	if err != nil {
		return nil, fmt.Errorf("listing dead letters: %w", err)
	}
	out := make([]Letter, len(rows))
	for i := range rows {
		v := &row{columns: columns, values: rows[i]}
		out[i] = letter(v)
		if v.err != nil {
			return nil, fmt.Errorf("listing dead letters: %w", v.err)
		}
	}
	return out, nil
}

// Show returns one letter and its payload as it came. A letter that was settled
// has no payload any more; the raw topic has it. The error wraps ErrNoLetter when
// there is none.
func (d *Deadletters) Show(ctx context.Context, source, id string) (Letter, []byte, error) {
	list, err := d.List(ctx, LetterFilter{Source: source, EventIDs: []string{id}, Understood: true, Limit: 1})
	if err != nil {
		return Letter{}, nil, err
	}
	if len(list) == 0 {
		return Letter{}, nil, fmt.Errorf("%w: %s/%s", ErrNoLetter, source, id)
	}
	payloads, err := d.payloads(ctx, list)
	if err != nil {
		return Letter{}, nil, err
	}
	return list[0], payloads[letterID{source, id}], nil
}

// Retried is what Retry did.
type Retried struct {
	// Published went back to their raw topics.
	Published []Letter
	// Hopeless cannot be tried again: they never were events.
	Hopeless []Letter
}

// Retry publishes the letters that pass the filter to the raw topics of their
// sources, with the ids they had: what was stored of them is replaced, not
// counted again. Those that are understood already are settled and left alone. It
// returns once they are durable; the pipeline then reads them as it reads any
// event, and List shows which are still dead.
func (d *Deadletters) Retry(ctx context.Context, f LetterFilter) (Retried, error) {
	f.Understood = false
	if _, err := d.Settle(ctx, f.Source); err != nil {
		return Retried{}, err
	}
	list, err := d.List(ctx, f)
	if err != nil {
		return Retried{}, err
	}
	var out Retried
	var todo []Letter
	for _, l := range list {
		if l.Reason == ReasonUndecodable || l.Reason == ReasonInvalidEvent {
			out.Hopeless = append(out.Hopeless, l)
			continue
		}
		todo = append(todo, l)
	}
	for len(todo) > 0 {
		chunk := todo[:min(letterChunk, len(todo))]
		todo = todo[len(chunk):]
		payloads, err := d.payloads(ctx, chunk)
		if err != nil {
			return out, err
		}
		events := make([]schema.Event, len(chunk))
		for i, l := range chunk {
			events[i] = l.event(payloads[letterID{l.Source, l.EventID}])
		}
		if err := d.pub.Publish(ctx, events...); err != nil {
			return out, fmt.Errorf("publishing dead letters again: %w", err)
		}
		out.Published = append(out.Published, chunk...)
	}
	return out, nil
}

func (l Letter) event(payload []byte) schema.Event {
	return schema.Event{
		ID: l.EventID, Source: l.Source, Type: l.Type, Subject: l.Subject, Time: l.ReceivedAt,
		Key: l.Key, ContentType: l.ContentType, Data: payload,
	}
}

// Settle marks the letters of a source (all sources when empty) whose events
// have been understood since: retried becomes 1 and the payload is dropped, for
// the raw topic has it. It returns how many it marked.
func (d *Deadletters) Settle(ctx context.Context, source string) (int, error) {
	marked := 0
	after := letterID{}
	for {
		columns, rows, err := d.q.Query(ctx, settleSQL, map[string]any{
			"source": source, "after_source": after.source, "after_id": after.id,
		})
		if err != nil {
			return marked, fmt.Errorf("finding dead letters that are understood: %w", err)
		}
		if len(rows) == 0 {
			return marked, nil
		}
		facts := make([]schema.Fact, len(rows))
		for i := range rows {
			v := &row{columns: columns, values: rows[i]}
			l := letter(v)
			if v.err != nil {
				return marked, fmt.Errorf("finding dead letters that are understood: %w", v.err)
			}
			facts[i] = l.settled()
			if err := schema.Seal(facts[i], 0); err != nil {
				return marked, err
			}
			after = letterID{l.Source, l.EventID}
		}
		if err := d.sink.Insert(ctx, facts); err != nil {
			return marked, fmt.Errorf("marking dead letters: %w", err)
		}
		marked += len(rows)
	}
}

// settled is a pure function of the letter, so that settling twice is settling
// once.
func (l Letter) settled() *schema.DeadLetter {
	return &schema.DeadLetter{
		Meta:    schema.Meta{Source: l.Source, Version: schema.NewVersion(l.ReceivedAt, rankUnderstood)},
		EventID: l.EventID, Type: l.Type, Subject: l.Subject, Key: l.Key, Reason: string(l.Reason), Detail: l.Detail,
		ReceivedAt: l.ReceivedAt, FailedAt: l.FailedAt, ContentType: l.ContentType, Retried: 1,
	}
}

package schema

import "time"

// Outcomes of a Receipt.
const (
	OutcomeFacts   = "facts"
	OutcomeIgnored = "ignored"
	OutcomeDead    = "dead"
)

// Receipt accounts for one event: what the pipeline made of it. The loader
// writes one for every event, so that nothing is unaccounted for.
type Receipt struct {
	Meta
	EventID string `ch:"event_id"`
	Type    string `ch:"type"`
	Outcome string `ch:"outcome"`
	// Reason is why the event was ignored or dead-lettered, a short phrase.
	Reason string `ch:"reason"`
	// Facts is how many facts the event became.
	Facts      uint32    `ch:"facts"`
	ReceivedAt time.Time `ch:"received_at"`
}

func (*Receipt) Table() string         { return "receipts" }
func (r *Receipt) FactID() string      { return r.Source + "/" + r.EventID }
func (*Receipt) DirtyKeys() []DirtyKey { return nil }

// DeadLetter is an event that no parser could read, with its payload.
type DeadLetter struct {
	Meta
	EventID    string    `ch:"event_id"`
	Type       string    `ch:"type"`
	Subject    string    `ch:"subject"`
	Key        string    `ch:"partition_key"`
	Reason     string    `ch:"reason"`
	Detail     string    `ch:"detail"`
	ReceivedAt time.Time `ch:"received_at"`
	FailedAt   time.Time `ch:"failed_at"`
	Payload    string    `ch:"payload"`
	// ContentType of the payload; empty means application/json.
	ContentType string `ch:"content_type"`
	// Retried is 1 once a later attempt turned the event into facts.
	Retried uint8 `ch:"retried"`
}

func (*DeadLetter) Table() string         { return "dead_letters" }
func (d *DeadLetter) FactID() string      { return d.Source + "/" + d.EventID }
func (*DeadLetter) DirtyKeys() []DirtyKey { return nil }

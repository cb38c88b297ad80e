package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Event is one message of a source system, kept verbatim: a CloudEvents 1.0
// event in the Kafka binary binding (attributes in headers, Data as the value).
type Event struct {
	// ID is deterministic: the sender's delivery id, else EventID of the
	// natural key and version. The same event sent twice has the same ID.
	ID string
	// Source is the name of the collector, one lower-case word: "github". It
	// chooses the topic and the parser.
	Source string
	// Type is the sender's own name for the event below the source's name:
	// "github.pull_request", "dev.cdevents.service.deployed.0.2.0".
	Type string
	// Subject says what the event is about, in the sender's words; it may be empty.
	Subject string
	// Time is when the collector received the event, in UTC.
	Time time.Time
	// Key chooses the Kafka partition: the repository, the incident, the ticket.
	Key string
	// ContentType of Data; empty means application/json.
	ContentType string
	// Data is the payload exactly as it was sent.
	Data []byte
}

// Validate names the first attribute that CloudEvents or Headway requires and
// that is missing.
func (e Event) Validate() error {
	switch {
	case e.ID == "":
		return errors.New("event has no id")
	case e.Source == "":
		return fmt.Errorf("event %s has no source", e.ID)
	case e.Type == "":
		return fmt.Errorf("event %s has no type", e.ID)
	case e.Time.IsZero():
		return fmt.Errorf("event %s has no time", e.ID)
	}
	return nil
}

// EventID makes a deterministic id from the parts of a natural key, for
// senders that give no delivery id. Equal parts give equal ids.
func EventID(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		// Length first, so that ("ab","c") and ("a","bc") differ.
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// IgnoredError is what Normalize returns for an event that is understood and
// deliberately carries no fact. Any other error sends the event to the
// dead-letter topic.
type IgnoredError struct{ Reason string }

func (e *IgnoredError) Error() string { return "ignored: " + e.Reason }

// Ignore returns an IgnoredError; reason is a short static phrase that names
// the kind of event, so that it can be counted.
func Ignore(reason string) error { return &IgnoredError{Reason: reason} }

package kafka

import (
	"fmt"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Headers of an event: CloudEvents 1.0, Kafka protocol binding, binary mode.
const (
	headerSpecVersion = "ce_specversion"
	headerID          = "ce_id"
	headerSource      = "ce_source"
	headerType        = "ce_type"
	headerSubject     = "ce_subject"
	headerTime        = "ce_time"
	headerContentType = "content-type"

	maxHeaders = 7

	specVersion        = "1.0"
	defaultContentType = "application/json"
)

// MessageFromEvent is the message that carries an event: attributes in headers,
// the payload verbatim as value, the partition key as key.
func MessageFromEvent(e schema.Event) (Message, error) {
	if err := e.Validate(); err != nil {
		return Message{}, fmt.Errorf("encoding an event: %w", err)
	}
	contentType := e.ContentType
	if contentType == "" {
		contentType = defaultContentType
	}
	m := Message{Topic: schema.RawTopic(e.Source), Value: e.Data, Headers: make([]Header, 0, maxHeaders)}
	if e.Key != "" {
		m.Key = []byte(e.Key)
	}
	add := func(key, value string) { m.Headers = append(m.Headers, Header{Key: key, Value: []byte(value)}) }
	add(headerSpecVersion, specVersion)
	add(headerID, e.ID)
	add(headerSource, e.Source)
	add(headerType, e.Type)
	if e.Subject != "" {
		add(headerSubject, e.Subject)
	}
	add(headerTime, e.Time.UTC().Format(time.RFC3339Nano))
	add(headerContentType, contentType)
	return m, nil
}

// EventFromMessage reads an event back from the message that carries it. An
// error says which header is missing or wrong; the message can never be read.
func EventFromMessage(m Message) (schema.Event, error) {
	e := schema.Event{Key: string(m.Key), Data: m.Value}
	var spec, at string
	for _, h := range m.Headers {
		switch value := string(h.Value); h.Key {
		case headerSpecVersion:
			spec = value
		case headerID:
			e.ID = value
		case headerSource:
			e.Source = value
		case headerType:
			e.Type = value
		case headerSubject:
			e.Subject = value
		case headerTime:
			at = value
		case headerContentType:
			if value != defaultContentType {
				e.ContentType = value
			}
		}
	}
	if spec != specVersion {
		return schema.Event{}, fmt.Errorf("decoding an event: header %s is %q, want %q", headerSpecVersion, spec, specVersion)
	}
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return schema.Event{}, fmt.Errorf("decoding an event: header %s: %w", headerTime, err)
	}
	e.Time = t.UTC()
	if err := e.Validate(); err != nil {
		return schema.Event{}, fmt.Errorf("decoding an event: %w", err)
	}
	return e, nil
}

// Package events is the source of CloudEvents 1.0 at POST /v1/events: binary,
// structured and batched (CloudEvents HTTP binding, §3), and of CDEvents v0.3 to
// v0.5, in a CloudEvent or as they are. CDEvents become facts; every other
// CloudEvent is kept and ignored by name.
//
// CDEvents cannot say which commit or repository a service was deployed from,
// nor that a deployment failed. Senders that know add customData.headway (see
// Extra).
//
// The traps, each with a test of its name:
//   - v0.3 and v0.4 say their version in context.version, v0.5 in context.specversion
//     (TestWhatOnlyLooksWrong);
//   - there is no type of a deployment that failed: a pipeline run's outcome says it,
//     when the sender names the service (TestEveryType);
//   - a change carries no SHA, so that a merge without one links to nothing
//     (TestEveryType);
//   - one element of a batch that cannot be read must not take the others with it
//     (TestOneBadElementLeavesTheOthers).
package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/generic"
	"github.com/headway-metrics/headway/collectors/pick"
	"github.com/headway-metrics/headway/schema"
)

// Name of the source.
const Name = "events"

const (
	structuredType = "application/cloudevents+json"
	batchType      = "application/cloudevents-batch+json"
	cdeventsPrefix = "dev.cdevents."
	// customPrefix is the namespace of types that tools define for themselves.
	customPrefix = "dev.cdeventsx."
)

// Config is sources.events.
type Config struct {
	generic.Auth `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name: Name, Title: "CloudEvents and CDEvents", Group: collectors.GroupAnything, AlwaysOn: true,
		Facts:     []string{"builds", "changes", "deployments", "incident_updates", "reviews", "tickets"},
		Signature: generic.SignatureInWords,
		Config:    func() any { return &Config{} },
		New: func(cfg any, deps collectors.Deps) (collectors.Source, error) {
			v, err := cfg.(*Config).Verifier(Name, deps.APIToken)
			if err != nil {
				return nil, err
			}
			return newSource(v), nil
		},
	}
}

// Source takes CloudEvents.
type Source struct {
	generic.Verifier
	shapes shapes
}

// shapes are where the values lie that are read of a payload: who sent what, and
// the CDEvent.
type shapes struct {
	envelope, cdevent pick.Place
	texts             []member
}

// Indexes of what is found in a payload.
const (
	atSpecVersion = iota
	atID
	atSource
	atType
	atSubject
	atData
	atBase64
	atContextID
	atContextSource
	atContextType
	// The subject of the CDEvent that the payload is, or has as data.
	atSubjectID
	atDataSubjectID
	// customData.headway of either.
	atExtra
	atDataExtra
	places
)

func newSource(v generic.Verifier) *Source {
	s := &Source{v, shapes{
		envelope: pick.Paths("specversion", "id", "source", "type", "subject", "data", "data_base64",
			"context.id", "context.source", "context.type", "subject.id", "data.subject.id",
			"customData.headway", "data.customData.headway"),
		texts: members(),
	}}
	paths := []string{atTimestamp: "context.timestamp", atLabels: "subject.content.labels"}
	paths = append(paths, objects()...)
	for _, m := range s.shapes.texts {
		paths = append(paths, m.path)
	}
	s.shapes.cdevent = pick.Paths(paths...)
	return s
}

// envelope is what a payload says of itself, as it is written.
type envelope [places][]byte

func (s *Source) open(data []byte) (envelope, error) {
	var e envelope
	err := pick.Find(data, s.shapes.envelope, e[:])
	return e, err
}

// Name implements collectors.Source.
func (*Source) Name() string { return Name }

// Endpoints implements collectors.Intake.
func (s *Source) Endpoints() []collectors.Endpoint {
	return []collectors.Endpoint{{Path: "/v1/events", Receiver: s}}
}

// Events implements collectors.Receiver. The elements of a batch are events of
// their own: one that cannot be read does not take the others with it.
func (s *Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	if header.Get("Ce-Id") != "" || header.Get("Ce-Specversion") != "" {
		ev, err := s.binary(header, body, received)
		return []schema.Event{ev}, err
	}
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		mediaType = "application/json"
	}
	elements := []json.RawMessage{body}
	if mediaType == batchType || bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		if elements, err = pick.Elements(body); err != nil {
			return nil, fmt.Errorf("reading the batch: %w", err)
		}
		if len(elements) == 0 {
			return nil, errors.New("the batch is empty")
		}
	}
	out := make([]schema.Event, 0, len(elements))
	for _, e := range elements {
		ev, err := s.structured(e, received)
		if err != nil {
			ev = collectors.Unreadable(Name, header, e, received)
		}
		out = append(out, ev)
	}
	return out, nil
}

// binary makes the event of the binary mode: attributes in headers.
func (s *Source) binary(header http.Header, body []byte, received time.Time) (schema.Event, error) {
	id, source, typ := header.Get("Ce-Id"), header.Get("Ce-Source"), header.Get("Ce-Type")
	if id == "" || source == "" || typ == "" {
		return schema.Event{}, errors.New("a CloudEvent needs id, source and type")
	}
	e, err := s.open(body)
	if err != nil {
		e = envelope{} // It may be anything; a CDEvent that it should be is refused when it is read.
	}
	return schema.Event{
		ID: schema.EventID(Name, source, id), Source: Name, Type: typ, Subject: header.Get("Ce-Subject"),
		Time: received.UTC(), Key: partition(typ, pick.Text(e[atSubjectID]), source), ContentType: header.Get("Content-Type"), Data: body,
	}, nil
}

// structured makes the event of one JSON object: a CloudEvent, or a CDEvent, whose
// context takes the place of the attributes.
func (s *Source) structured(raw []byte, received time.Time) (schema.Event, error) {
	e, err := s.open(raw)
	if err != nil {
		return schema.Event{}, fmt.Errorf("reading a CloudEvent: %w", err)
	}
	ev := schema.Event{Source: Name, Time: received.UTC(), Data: raw}
	var id, source, subject string
	if e[atContextType] != nil && pick.Text(e[atSpecVersion]) == "" {
		id, source, ev.Type = pick.Text(e[atContextID]), pick.Text(e[atContextSource]), pick.Text(e[atContextType])
		subject = pick.Text(e[atSubjectID])
	} else {
		id, source, ev.Type = pick.Text(e[atID]), pick.Text(e[atSource]), pick.Text(e[atType])
		ev.ContentType = structuredType
		ev.Subject = pick.Text(e[atSubject])
		if subject = pick.Text(e[atDataSubjectID]); subject == "" {
			subject = s.subjectID(e)
		}
	}
	if id == "" || source == "" || ev.Type == "" {
		return schema.Event{}, errors.New("a CloudEvent needs id, source and type")
	}
	ev.ID = schema.EventID(Name, source, id)
	ev.Key = partition(ev.Type, subject, source)
	return ev, nil
}

// payload is the data of the CloudEvent. A sender that does not say that its
// data is JSON puts it into a string.
func (e envelope) payload() []byte {
	var b []byte
	if json.Unmarshal(e[atBase64], &b) == nil && len(b) > 0 {
		return b
	}
	if s := pick.Text(e[atData]); s != "" {
		return []byte(s)
	}
	return e[atData]
}

// subjectID is the subject of a CDEvent that lies in a string.
func (s *Source) subjectID(e envelope) string {
	if e[atBase64] == nil && (len(e[atData]) == 0 || e[atData][0] != '"') {
		return ""
	}
	inner, err := s.open(e.payload())
	if err != nil {
		return ""
	}
	return pick.Text(inner[atSubjectID])
}

// partition keeps the events of one subject in order; other CloudEvents are kept
// in order by their source.
func partition(typ, subject, source string) string {
	if strings.HasPrefix(typ, cdeventsPrefix) && subject != "" {
		return subject
	}
	return source
}

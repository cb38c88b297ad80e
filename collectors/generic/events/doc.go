// Package events is the source of CloudEvents 1.0 at POST /v1/events: binary,
// structured and batched (CloudEvents HTTP binding, §3), and of CDEvents v0.3 to
// v0.5, in a CloudEvent or as they are. CDEvents become facts; every other
// CloudEvent is kept and ignored by name.
//
// CDEvents cannot say which commit or repository a service was deployed from,
// nor that a deployment failed. Senders that know add customData.headway (see
// Extra).
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
	"github.com/headway-metrics/headway/schema"
)

// Name of the source.
const Name = "events"

const (
	structuredType = "application/cloudevents+json"
	batchType      = "application/cloudevents-batch+json"
	cdeventsPrefix = "dev.cdevents."
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
			return &Source{v}, nil
		},
	}
}

// Source takes CloudEvents.
type Source struct{ generic.Verifier }

// Name implements collectors.Source.
func (*Source) Name() string { return Name }

// Endpoints implements collectors.Intake.
func (s *Source) Endpoints() []collectors.Endpoint {
	return []collectors.Endpoint{{Path: "/v1/events", Receiver: s}}
}

// Events implements collectors.Receiver. The elements of a batch are events of
// their own: one that cannot be read does not take the others with it.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	if header.Get("Ce-Id") != "" || header.Get("Ce-Specversion") != "" {
		ev, err := binary(header, body, received)
		return []schema.Event{ev}, err
	}
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		mediaType = "application/json"
	}
	elements := []json.RawMessage{body}
	if mediaType == batchType || bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		elements = nil
		if err := json.Unmarshal(body, &elements); err != nil {
			return nil, fmt.Errorf("reading the batch: %w", err)
		}
		if len(elements) == 0 {
			return nil, errors.New("the batch is empty")
		}
	}
	out := make([]schema.Event, 0, len(elements))
	for _, e := range elements {
		ev, err := structured(e, received)
		if err != nil {
			ev = collectors.Unreadable(Name, header, e, received)
		}
		out = append(out, ev)
	}
	return out, nil
}

// binary makes the event of the binary mode: attributes in headers.
func binary(header http.Header, body []byte, received time.Time) (schema.Event, error) {
	id, source, typ := header.Get("Ce-Id"), header.Get("Ce-Source"), header.Get("Ce-Type")
	if id == "" || source == "" || typ == "" {
		return schema.Event{}, errors.New("a CloudEvent needs id, source and type")
	}
	return schema.Event{
		ID: schema.EventID(Name, source, id), Source: Name, Type: typ, Subject: header.Get("Ce-Subject"),
		Time: received.UTC(), Key: partition(typ, body, source), ContentType: header.Get("Content-Type"), Data: body,
	}, nil
}

// envelope is a CloudEvent in JSON, or a CDEvent, whose context takes the place
// of the attributes.
type envelope struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Subject     json.RawMessage `json:"subject"`
	Data        json.RawMessage `json:"data"`
	DataBase64  []byte          `json:"data_base64"`
	Context     *struct {
		ID     string `json:"id"`
		Source string `json:"source"`
		Type   string `json:"type"`
	} `json:"context"`
}

// structured makes the event of one JSON object.
func structured(raw []byte, received time.Time) (schema.Event, error) {
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return schema.Event{}, fmt.Errorf("reading a CloudEvent: %w", err)
	}
	ev := schema.Event{Source: Name, Time: received.UTC(), Data: raw}
	if e.Context != nil && e.SpecVersion == "" {
		e.ID, e.Source, e.Type = e.Context.ID, e.Context.Source, e.Context.Type
		ev.Key = partition(e.Type, raw, e.Source)
	} else {
		ev.ContentType = structuredType
		ev.Subject = text(e.Subject)
		ev.Key = partition(e.Type, e.payload(), e.Source)
	}
	if e.ID == "" || e.Source == "" || e.Type == "" {
		return schema.Event{}, errors.New("a CloudEvent needs id, source and type")
	}
	ev.ID, ev.Type = schema.EventID(Name, e.Source, e.ID), e.Type
	return ev, nil
}

// payload is the data of the CloudEvent. A sender that does not say that its
// data is JSON puts it into a string.
func (e envelope) payload() []byte {
	if len(e.DataBase64) > 0 {
		return e.DataBase64
	}
	if s := text(e.Data); s != "" {
		return []byte(s)
	}
	return e.Data
}

func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// partition keeps the events of one subject in order; other CloudEvents are kept
// in order by their source.
func partition(typ string, data []byte, source string) string {
	if strings.HasPrefix(typ, cdeventsPrefix) {
		var c struct {
			Subject struct {
				ID string `json:"id"`
			} `json:"subject"`
		}
		if json.Unmarshal(data, &c) == nil && c.Subject.ID != "" {
			return c.Subject.ID
		}
	}
	return source
}

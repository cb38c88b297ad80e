package collectors_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

const hushHush = "correct horse battery staple"

// fake is a source that keeps the contract: a delivery is {"id":…,"at":…}.
type fake struct{ signature.Hex }

func newFake() fake {
	return fake{signature.Hex{Header: "X-Sig", Secrets: []secret.String{hushHush}}}
}

func (fake) Name() string { return "fake" }

type payload struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

func parse(body []byte) (payload, error) {
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return p, err
	}
	if p.ID == "" || p.At.IsZero() {
		return p, errors.New("no id or no time")
	}
	return p, nil
}

func (fake) Events(_ http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	p, err := parse(body)
	if err != nil {
		return nil, err
	}
	switch p.ID {
	case "panic":
		panic("bug")
	case "foreign":
		return []schema.Event{{ID: "1", Source: "other", Type: "t", Time: received}}, nil
	}
	return []schema.Event{{ID: p.ID, Source: "fake", Type: "fake.thing", Time: received, Key: p.ID, Data: body}}, nil
}

func (fake) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != "fake.thing" {
		return nil, fmt.Errorf("unknown type %s", ev.Type)
	}
	p, err := parse(ev.Data)
	if err != nil {
		return nil, err
	}
	return []schema.Fact{&schema.Tag{
		Meta: schema.Meta{Source: "fake", Version: schema.NewVersion(p.At, 0)}, Repo: "h/r", Name: p.ID, TaggedAt: p.At,
	}}, nil
}

// api adds a path whose format is Headway's own.
type api struct{ fake }

func (a api) Endpoints() []collectors.Endpoint {
	return []collectors.Endpoint{{Path: "/v1/things", Receiver: strict(a)}}
}

type strict api

func (s strict) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	events, err := s.fake.Events(header, body, received)
	if err != nil {
		return nil, &collectors.InvalidError{Message: "field id: " + err.Error()}
	}
	return events, nil
}

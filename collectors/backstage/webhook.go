package backstage

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// Topics that are read, and the types of their events.
const (
	topicTask      = "scaffolder.task"
	topicAnalytics = "analytics"
)

// forwarded is what a backend posts: the parameters of its events service. See
// https://backstage.io/docs/plugins/integrating-event-sources.
type forwarded struct {
	Topic   string          `json:"topic"`
	ID      string          `json:"id"`
	Payload json.RawMessage `json:"eventPayload"`
}

// Verify compares the bearer token.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes the one event of a delivery.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var f forwarded
	if json.Unmarshal(body, &f) != nil || f.Topic == "" {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	var t task
	if f.Topic == topicTask && json.Unmarshal(f.Payload, &t) != nil {
		t = task{}
	}
	key := cmp.Or(t.ID, t.TaskID, f.Topic)
	return []schema.Event{{
		ID: cmp.Or(f.ID, schema.EventID("forwarded", string(body))), Source: Name, Type: Name + "." + f.Topic,
		Subject: key, Time: received.UTC(), Key: key, ContentType: header.Get("Content-Type"), Data: body,
	}}, nil
}

// Normalize turns an event into what it says of services, teams, people,
// capabilities, requests and uses.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	switch ev.Type {
	case typeEntity, typeRemoved:
		return s.normalizeEntity(ev)
	case typeTask:
		return s.normalizeTask(ev.Data)
	case Name + "." + topicTask, Name + "." + topicAnalytics:
		var f forwarded
		if err := json.Unmarshal(ev.Data, &f); err != nil {
			return nil, fmt.Errorf("reading a forwarded event: %w", err)
		}
		if ev.Type == Name+"."+topicTask {
			return s.normalizeForwarded(f.Payload, ev.Time)
		}
		return s.normalizeAnalytics(ev, f.Payload)
	}
	return nil, fmt.Errorf("unknown type %q", ev.Type)
}

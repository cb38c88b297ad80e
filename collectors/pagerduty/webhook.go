package pagerduty

import (
	"cmp"
	"encoding/json"
	"net/http"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// envelope is a v3 webhook. The shape is that of
// https://developer.pagerduty.com/docs/webhooks-overview.
type envelope struct {
	Event struct {
		ID         string          `json:"id"`
		EventType  string          `json:"event_type"`
		OccurredAt time.Time       `json:"occurred_at"`
		Data       json.RawMessage `json:"data"`
	} `json:"event"`
}

// reference is PagerDuty's way to name another thing.
type reference struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Summary string `json:"summary"`
}

// incident holds the fields that webhooks and the REST API share.
type incident struct {
	ID            string     `json:"id"`
	Type          string     `json:"type"`
	HTMLURL       string     `json:"html_url"`
	Title         string     `json:"title"`
	Status        string     `json:"status"`
	CreatedAt     *time.Time `json:"created_at"`
	Service       reference  `json:"service"`
	Priority      *reference `json:"priority"`
	Urgency       string     `json:"urgency"`
	ResolveReason *reference `json:"resolve_reason"`
	// Incident is set in data that is about an incident but is none: a note, a
	// responder, a status update.
	Incident *reference `json:"incident"`
}

// Verify checks X-PagerDuty-Signature, any of its signatures by any secret.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes the one event of a delivery.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var e envelope
	var about incident
	if json.Unmarshal(body, &e) != nil || e.Event.EventType == "" || e.Event.ID == "" {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	// Whatever data is, the event is kept; only its partition depends on it.
	if err := json.Unmarshal(e.Event.Data, &about); err != nil {
		about = incident{}
	}
	key := cmp.Or(about.ID, e.Event.ID)
	if about.Incident != nil && about.Incident.ID != "" {
		key = about.Incident.ID
	}
	return []schema.Event{{
		ID: cmp.Or(header.Get("X-Webhook-Id"), e.Event.ID), Source: Name, Type: Name + "." + e.Event.EventType,
		Subject: key, Time: received.UTC(), Key: key, ContentType: header.Get("Content-Type"), Data: body,
	}}, nil
}

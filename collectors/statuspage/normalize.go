package statuspage

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// Types of event: both hold one incident.
const (
	typeImported = Name + ".incident"
	typeListed   = Name + ".rest.incident"
)

// incident has the shape of https://developer.statuspage.io/#tag/incidents.
type incident struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	Status       string     `json:"status"`
	Impact       string     `json:"impact"`
	Shortlink    string     `json:"shortlink"`
	ScheduledFor *time.Time `json:"scheduled_for"`
	CreatedAt    time.Time  `json:"created_at"`
	StartedAt    *time.Time `json:"started_at"`
	UpdatedAt    time.Time  `json:"updated_at"`
	ResolvedAt   *time.Time `json:"resolved_at"`
	Components   []struct {
		ID string `json:"id"`
	} `json:"components"`
	Updates []update `json:"incident_updates"`
}

type update struct {
	ID        string     `json:"id"`
	Status    string     `json:"status"`
	CreatedAt time.Time  `json:"created_at"`
	DisplayAt *time.Time `json:"display_at"`
}

func (u update) at() time.Time {
	if u.DisplayAt != nil && !u.DisplayAt.IsZero() {
		return *u.DisplayAt
	}
	return u.CreatedAt
}

// Verify checks the shared secret.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes one event of each incident in a body: an array, one incident, or an
// object with incidents (as the public page exports them) or an incident.
func (s *Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) != nil {
		var wrapped struct {
			ID        string            `json:"id"`
			Incidents []json.RawMessage `json:"incidents"`
			Incident  json.RawMessage   `json:"incident"`
		}
		switch err := json.Unmarshal(body, &wrapped); {
		case err != nil:
		case len(wrapped.Incidents) > 0:
			list = wrapped.Incidents
		case len(wrapped.Incident) > 0:
			list = []json.RawMessage{wrapped.Incident}
		case wrapped.ID != "":
			list = []json.RawMessage{body}
		}
	}
	if len(list) == 0 {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil
	}
	out := make([]schema.Event, 0, len(list))
	for _, one := range list {
		out = append(out, event(typeImported, one, received))
	}
	return out, nil
}

// event keeps an incident verbatim; what cannot be read too, for the dead letters.
func event(eventType string, raw json.RawMessage, received time.Time) schema.Event {
	var about struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &about) != nil {
		about.ID = ""
	}
	return schema.Event{
		ID: schema.EventID(eventType, about.ID, string(raw)), Source: Name, Type: eventType,
		Subject: about.ID, Time: received.UTC(), Key: about.ID, Data: raw,
	}
}

// Normalize turns an incident into what happened to it.
func (*Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != typeImported && ev.Type != typeListed {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	var i incident
	if err := json.Unmarshal(ev.Data, &i); err != nil {
		return nil, fmt.Errorf("reading an incident: %w", err)
	}
	if i.ID == "" || i.CreatedAt.IsZero() || i.UpdatedAt.IsZero() {
		return nil, errors.New("incident without id, created_at or updated_at")
	}
	if i.ScheduledFor != nil || i.Impact == "maintenance" {
		return nil, schema.Ignore("Statuspage scheduled maintenance")
	}
	start := i.CreatedAt
	if i.StartedAt != nil && !i.StartedAt.IsZero() {
		start = *i.StartedAt
	}
	updates := slices.Clone(i.Updates)
	slices.SortStableFunc(updates, func(a, b update) int { return a.at().Compare(b.at()) })
	for _, u := range updates {
		if u.ID == "" || u.at().IsZero() {
			return nil, errors.New("an update without id or time")
		}
		if u.at().Before(start) {
			// It was written down as having begun earlier.
			start = u.at()
		}
	}
	out := []schema.Fact{i.fact(schema.IncidentTriggered, schema.IncidentTriggered, start, start)}
	over := false
	for _, u := range updates {
		switch u.Status {
		case "investigating", "identified", "monitoring":
			if over {
				out = append(out, i.fact(schema.IncidentReopened, u.ID, u.at(), start))
			}
			over = false
		case "resolved":
			if !over {
				out = append(out, i.fact(schema.IncidentResolved, u.ID, u.at(), start))
			}
			over = true
		case "postmortem":
		default:
			return nil, fmt.Errorf("status %.40q is unknown", u.Status)
		}
	}
	if !over && i.ResolvedAt != nil && !i.ResolvedAt.IsZero() {
		// The updates were left out.
		out = append(out, i.fact(schema.IncidentResolved, schema.IncidentResolved, *i.ResolvedAt, start))
	}
	return out, nil
}

func (i incident) fact(kind, id string, at, start time.Time) *schema.IncidentUpdate {
	start = start.UTC()
	u := &schema.IncidentUpdate{
		IncidentID: Name + ":" + i.ID, UpdateID: id, At: at.UTC(), Kind: kind, Title: i.Name, Severity: i.Impact, StartedAt: &start,
	}
	u.Source, u.URL, u.Version = Name, i.Shortlink, schema.NewVersion(i.UpdatedAt, 0)
	for _, c := range i.Components {
		if c.ID != "" {
			u.ServiceRefs = append(u.ServiceRefs, Name+":"+c.ID)
		}
	}
	return u
}

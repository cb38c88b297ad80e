package incidentio

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// typeListed is an incident as the API lists it.
const typeListed = Name + ".rest.incident"

// incident has the shape of https://docs.incident.io/api-reference/incidents-v2.
type incident struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Reference string    `json:"reference"`
	Permalink string    `json:"permalink"`
	Mode      string    `json:"mode"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Severity  struct {
		Name string `json:"name"`
	} `json:"severity"`
	Status     status `json:"incident_status"`
	Timestamps []struct {
		Timestamp struct {
			Name string `json:"name"`
		} `json:"incident_timestamp"`
		Value *struct {
			Value *time.Time `json:"value"`
		} `json:"value"`
	} `json:"incident_timestamp_values"`
	Fields []struct {
		Field struct {
			Name string `json:"name"`
		} `json:"custom_field"`
		Values []struct {
			Catalog *struct {
				ID         string `json:"id"`
				Name       string `json:"name"`
				ExternalID string `json:"external_id"`
			} `json:"value_catalog_entry"`
			Option *struct {
				Value string `json:"value"`
			} `json:"value_option"`
			Text string `json:"value_text"`
		} `json:"values"`
	} `json:"custom_field_entries"`
}

type status struct {
	Category string `json:"category"`
}

// Verify checks webhook-signature.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// envelope reads a webhook: its type, and what stands under the key of that name.
func envelope(body []byte) (eventType string, data json.RawMessage) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(body, &keys) != nil || json.Unmarshal(keys["event_type"], &eventType) != nil {
		return "", nil
	}
	return eventType, keys[eventType]
}

// Events makes the one event of a delivery.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	eventType, data := envelope(body)
	if eventType == "" {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil
	}
	var about struct {
		ID         string `json:"id"`
		IncidentID string `json:"incident_id"`
		Incident   struct {
			ID string `json:"id"`
		} `json:"incident"`
	}
	// Whatever it is, the event is kept; only its partition depends on it.
	if json.Unmarshal(data, &about) != nil {
		about.ID = ""
	}
	key := cmp.Or(about.Incident.ID, about.IncidentID, about.ID)
	return []schema.Event{{
		ID: cmp.Or(header.Get("Webhook-Id"), schema.EventID("webhook", string(body))), Source: Name, Type: Name + "." + eventType,
		Subject: key, Time: received.UTC(), Key: key, ContentType: header.Get("Content-Type"), Data: body,
	}}, nil
}

// Normalize turns a webhook or a listed incident into updates.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type == typeListed {
		var i incident
		if err := json.Unmarshal(ev.Data, &i); err != nil {
			return nil, fmt.Errorf("reading an incident: %w", err)
		}
		return s.updates(i, nil)
	}
	eventType, data := envelope(ev.Data)
	if eventType == "" || Name+"."+eventType != ev.Type {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	switch eventType {
	case "public_incident.incident_created_v2", "public_incident.incident_updated_v2":
		var i incident
		if err := json.Unmarshal(data, &i); err != nil {
			return nil, fmt.Errorf("reading an incident: %w", err)
		}
		return s.updates(i, nil)
	case "public_incident.incident_status_updated_v2":
		var change struct {
			Incident incident `json:"incident"`
			Previous status   `json:"previous_status"`
			New      status   `json:"new_status"`
		}
		if err := json.Unmarshal(data, &change); err != nil {
			return nil, fmt.Errorf("reading a change of status: %w", err)
		}
		change.Incident.Status = change.New
		return s.updates(change.Incident, &change.Previous)
	}
	for prefix, reason := range map[string]string{
		"private_incident.": "private incident, told by id only", "private_alert.": "private alert", "public_alert.": "alert",
		"public_incident.follow_up_": "follow-up", "public_incident.action_": "action", "public_incident.postmortem_": "post-mortem",
		"public_incident.membership_": "membership",
	} {
		if strings.HasPrefix(eventType, prefix) {
			return nil, schema.Ignore("incident.io " + reason)
		}
	}
	return nil, fmt.Errorf("event_type %.80q is unknown", eventType)
}

// ended reports whether a category of status comes after the trouble.
func (s status) ended() bool { return s.Category == "closed" || s.Category == "learning" }

// updates makes what an incident tells of itself; before is its status before a
// change, nil when there was none.
func (s *Source) updates(i incident, before *status) ([]schema.Fact, error) {
	if i.ID == "" || i.CreatedAt.IsZero() || i.UpdatedAt.IsZero() {
		return nil, errors.New("incident without id, created_at or updated_at")
	}
	if i.Mode == "test" || i.Mode == "tutorial" {
		return nil, schema.Ignore("incident.io " + i.Mode + " incident")
	}
	start := i.CreatedAt
	if t := i.timestamp(s.cfg.Started); t != nil {
		start = *t
	}
	out := []schema.Fact{s.update(i, schema.IncidentTriggered, schema.IncidentTriggered, start, start)}
	switch category := i.Status.Category; category {
	case "triage":
		return nil, schema.Ignore("incident.io incident in triage")
	case "declined", "merged", "canceled":
		return append(out, s.update(i, schema.IncidentDeleted, schema.IncidentDeleted, i.UpdatedAt, start)), nil
	case "live", "paused":
		if before != nil && before.ended() {
			out = append(out, s.update(i, schema.IncidentReopened, schema.IncidentReopened+"@"+i.UpdatedAt.UTC().Format(time.RFC3339), i.UpdatedAt, start))
		}
	case "closed", "learning":
		at := i.timestamp(s.cfg.Resolved)
		if at == nil {
			at = &i.UpdatedAt
		}
		out = append(out, s.update(i, schema.IncidentResolved, schema.IncidentResolved, *at, start))
	default:
		return nil, fmt.Errorf("status category %.40q is unknown", category)
	}
	return out, nil
}

func (s *Source) update(i incident, kind, id string, at, start time.Time) *schema.IncidentUpdate {
	start = start.UTC()
	u := &schema.IncidentUpdate{
		IncidentID: Name + ":" + i.ID, UpdateID: id, At: at.UTC(), Kind: kind, Title: i.Name, Severity: i.Severity.Name,
		StartedAt: &start, ServiceRefs: i.services(s.cfg.ServiceField),
	}
	// A correction made later wins, whatever time it corrects.
	u.Source, u.URL, u.Version = Name, i.Permalink, schema.NewVersion(i.UpdatedAt, 0)
	return u
}

// timestamp is the first of the named ones that is set.
func (i incident) timestamp(names []string) *time.Time {
	for _, name := range names {
		for _, t := range i.Timestamps {
			if strings.EqualFold(t.Timestamp.Name, name) && t.Value != nil && t.Value.Value != nil && !t.Value.Value.IsZero() {
				return t.Value.Value
			}
		}
	}
	return nil
}

// services are the values of a custom field: what the catalogue's entry is called
// elsewhere, else its name.
func (i incident) services(field string) []string {
	var out []string
	for _, f := range i.Fields {
		if !strings.EqualFold(f.Field.Name, field) {
			continue
		}
		for _, v := range f.Values {
			ref := v.Text
			switch {
			case v.Catalog != nil:
				ref = cmp.Or(v.Catalog.ExternalID, v.Catalog.Name, v.Catalog.ID)
			case v.Option != nil:
				ref = v.Option.Value
			}
			if ref != "" && !slices.Contains(out, ref) {
				out = append(out, ref)
			}
		}
	}
	return out
}

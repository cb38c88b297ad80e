package pagerduty

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// typeSnapshot is an incident as the REST API lists it.
const typeSnapshot = Name + ".rest.incident"

// kinds are the webhooks that change what is measured of an incident.
func kindOf(eventType string) (kind string, ok bool) {
	switch eventType {
	case "incident.triggered":
		return schema.IncidentTriggered, true
	case "incident.acknowledged":
		return schema.IncidentAcknowledged, true
	case "incident.resolved":
		return schema.IncidentResolved, true
	case "incident.reopened":
		return schema.IncidentReopened, true
	case "incident.priority_updated", "incident.service_updated", "incident.unacknowledged",
		"incident.escalated", "incident.reassigned", "incident.incident_type.changed":
		return schema.IncidentUpdated, true
	}
	return "", false
}

// ignored names the webhooks that are understood and measure nothing.
func ignored(eventType string) string {
	switch eventType {
	case "pagey.ping":
		return "ping"
	case "incident.annotated", "incident.delegated", "incident.conference_bridge.updated",
		"incident.custom_field_values.updated", "incident.status_update_published":
		return strings.ReplaceAll(eventType, "_", " ")
	}
	for _, p := range []string{"incident.responder.", "incident.role.", "incident.task.", "incident.workflow.", "incident.action_invocation.", "service."} {
		if strings.HasPrefix(eventType, p) {
			return strings.TrimSuffix(p, ".") + " event"
		}
	}
	return ""
}

// Normalize turns a webhook or a listed incident into updates.
func (*Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type == typeSnapshot {
		return normalizeSnapshot(ev.Data)
	}
	var e envelope
	if err := json.Unmarshal(ev.Data, &e); err != nil {
		return nil, fmt.Errorf("reading a webhook: %w", err)
	}
	if Name+"."+e.Event.EventType != ev.Type {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	if reason := ignored(e.Event.EventType); reason != "" {
		return nil, schema.Ignore(reason)
	}
	kind, ok := kindOf(e.Event.EventType)
	if !ok {
		return nil, fmt.Errorf("unknown event_type %q", e.Event.EventType)
	}
	var i incident
	if err := json.Unmarshal(e.Event.Data, &i); err != nil {
		return nil, fmt.Errorf("reading the data of %s: %w", e.Event.EventType, err)
	}
	if i.ID == "" || e.Event.ID == "" || e.Event.OccurredAt.IsZero() {
		return nil, fmt.Errorf("%s without incident, id or occurred_at", e.Event.EventType)
	}
	u := i.update(kind, e.Event.OccurredAt)
	if kind == schema.IncidentUpdated {
		// Two of one second may say different things.
		u.UpdateID = e.Event.ID
	}
	return []schema.Fact{u}, nil
}

// update makes the fact of something that happened to the incident.
func (i incident) update(kind string, at time.Time) *schema.IncidentUpdate {
	if kind == schema.IncidentResolved && i.merged() {
		kind = schema.IncidentDeleted
	}
	u := &schema.IncidentUpdate{
		IncidentID: Name + ":" + i.ID, At: at.UTC(), Kind: kind, Title: i.Title, Severity: i.Urgency, StartedAt: i.CreatedAt,
		// A webhook tells milliseconds and the REST API seconds of the same moment.
		UpdateID: kind + "@" + at.UTC().Truncate(time.Second).Format(time.RFC3339),
	}
	u.Source, u.URL, u.Version = Name, i.HTMLURL, schema.NewVersion(at, 0)
	if i.Priority != nil && i.Priority.Summary != "" {
		u.Severity = i.Priority.Summary
	}
	if i.Service.ID != "" {
		u.ServiceRefs = []string{Name + ":" + i.Service.ID}
	}
	return u
}

func (i incident) merged() bool {
	return i.ResolveReason != nil && i.ResolveReason.Type == "merge_resolve_reason"
}

// snapshot is what the REST API says beside the shared fields. See
// https://developer.pagerduty.com/api-reference/9d0b4b12e36f9-list-incidents.
type snapshot struct {
	incident
	Acknowledgements []struct {
		At time.Time `json:"at"`
	} `json:"acknowledgements"`
	LastStatusChangeAt *time.Time `json:"last_status_change_at"`
	ResolvedAt         *time.Time `json:"resolved_at"`
	UpdatedAt          *time.Time `json:"updated_at"`
}

// updateAsOf makes an update that a later listing of the same incident beats,
// since a listing tells the title, service and priority of its own day.
func (s snapshot) updateAsOf(kind string, at time.Time) *schema.IncidentUpdate {
	u := s.update(kind, at)
	for _, t := range []*time.Time{s.LastStatusChangeAt, s.UpdatedAt} {
		if t != nil {
			u.Version = max(u.Version, schema.NewVersion(*t, 0))
		}
	}
	return u
}

func normalizeSnapshot(data []byte) ([]schema.Fact, error) {
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("reading an incident: %w", err)
	}
	if s.ID == "" || s.CreatedAt == nil || s.CreatedAt.IsZero() {
		return nil, errors.New("incident without id or created_at")
	}
	out := []schema.Fact{s.updateAsOf(schema.IncidentTriggered, *s.CreatedAt)}
	if s.Status == "acknowledged" && len(s.Acknowledgements) > 0 && !s.Acknowledgements[0].At.IsZero() {
		out = append(out, s.updateAsOf(schema.IncidentAcknowledged, s.Acknowledgements[0].At))
	}
	if s.Status == "resolved" {
		at := s.ResolvedAt
		if at == nil || at.IsZero() {
			at = s.LastStatusChangeAt
		}
		if at == nil || at.IsZero() {
			return nil, errors.New("resolved incident without resolved_at or last_status_change_at")
		}
		out = append(out, s.updateAsOf(schema.IncidentResolved, *at))
	}
	return out, nil
}

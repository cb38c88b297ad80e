package opsgenie

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

// Types of what the REST API lists.
const (
	typeAlert    = Name + ".rest.alert"
	typeIncident = Name + ".rest.incident"
)

// delivery is a webhook. The shape is that of
// https://support.atlassian.com/opsgenie/docs/opsgenie-edge-connector-alert-action-data/.
type delivery struct {
	Action string `json:"action"`
	Alert  struct {
		ID       string   `json:"alertId"`
		TinyID   string   `json:"tinyId"`
		Message  string   `json:"message"`
		Entity   string   `json:"entity"`
		Priority string   `json:"priority"`
		Tags     []string `json:"tags"`
		// CreatedAt is in milliseconds, UpdatedAt in nanoseconds.
		CreatedAt int64 `json:"createdAt"`
		UpdatedAt int64 `json:"updatedAt"`
	} `json:"alert"`
}

// listed is an alert of GET /v2/alerts or an incident of GET /v1/incidents.
type listed struct {
	ID          string    `json:"id"`
	Message     string    `json:"message"`
	Status      string    `json:"status"`
	Priority    string    `json:"priority"`
	Entity      string    `json:"entity"`
	Tags        []string  `json:"tags"`
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
	ImpactStart time.Time `json:"impactStartDate"`
	// Services are ids.
	Services []string `json:"impactedServices"`
	// Report is in milliseconds since the creation.
	Report struct {
		CloseTime *int64 `json:"closeTime"`
		AckTime   *int64 `json:"ackTime"`
	} `json:"report"`
	Links struct {
		Web string `json:"web"`
	} `json:"links"`
}

// Verify checks the shared secret.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes the one event of a delivery.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var d delivery
	if json.Unmarshal(body, &d) != nil || d.Action == "" {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	return []schema.Event{{
		// There is no delivery id; what is sent again is the same body.
		ID: schema.EventID("action", string(body)), Source: Name, Type: Name + "." + strings.ToLower(d.Action), Subject: d.Alert.ID,
		Time: received.UTC(), Key: d.Alert.ID, ContentType: header.Get("Content-Type"), Data: body,
	}}, nil
}

// Normalize turns an action or a listed alert or incident into updates.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type == typeAlert || ev.Type == typeIncident {
		var l listed
		if err := json.Unmarshal(ev.Data, &l); err != nil {
			return nil, fmt.Errorf("reading %s: %w", ev.Type, err)
		}
		return s.listed(l, ev.Type == typeIncident)
	}
	var d delivery
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		return nil, fmt.Errorf("reading a webhook: %w", err)
	}
	if Name+"."+strings.ToLower(d.Action) != ev.Type {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	return s.action(d)
}

// thing is what both sides say of an alert or incident.
type thing struct {
	id, title, priority, url string
	services                 []string
	start                    time.Time
}

// update makes one; the second of it names it, since webhooks tell nanoseconds.
func (t thing) update(kind string, at, changed time.Time) *schema.IncidentUpdate {
	start := t.start.UTC()
	u := &schema.IncidentUpdate{
		IncidentID: Name + ":" + t.id, UpdateID: kind + "@" + at.UTC().Truncate(time.Second).Format(time.RFC3339),
		At: at.UTC(), Kind: kind, Title: t.title, Severity: t.priority, StartedAt: &start, ServiceRefs: t.services,
	}
	u.Source, u.URL, u.Version = Name, t.url, schema.NewVersion(changed, 0)
	return u
}

func (s *Source) counts(p string) bool { return slices.Contains(s.cfg.Priorities, cmp.Or(p, "P3")) }

func (s *Source) action(d delivery) ([]schema.Fact, error) {
	var kind string
	switch d.Action {
	case "Create":
		kind = schema.IncidentTriggered
	case "Acknowledge":
		kind = schema.IncidentAcknowledged
	case "Close":
		kind = schema.IncidentResolved
	case "Delete":
		kind = schema.IncidentDeleted
	case "UnAcknowledge", "UpdatePriority", "UpdateMessage", "AddTags", "RemoveTags", "AddDetails", "RemoveDetails":
		kind = schema.IncidentUpdated
	case "AddNote", "AddRecipient", "AddResponder", "AddTeam", "AssignOwnership", "TakeOwnership", "Escalate", "EscalateNext", "EscalateToNext",
		"Snooze", "SnoozeEnded", "UpdateDescription", "CustomAction", "Seen":
		return nil, schema.Ignore("Opsgenie action " + d.Action)
	default:
		return nil, fmt.Errorf("action %.40q is unknown", d.Action)
	}
	if s.cfg.Kind == Incidents {
		return nil, schema.Ignore("alerts are not configured as incidents")
	}
	a := d.Alert
	if a.ID == "" || a.CreatedAt <= 0 || a.CreatedAt > schema.MaxTime.UnixMilli() {
		return nil, errors.New("alert without alertId or createdAt")
	}
	if !s.counts(a.Priority) {
		return nil, schema.Ignore("priority is not configured as an incident")
	}
	at := time.UnixMilli(a.CreatedAt).UTC()
	t := thing{id: a.ID, title: a.Message, priority: a.Priority, services: s.services(a.Entity, a.Tags), start: at}
	if kind != schema.IncidentTriggered {
		if at = time.Unix(0, a.UpdatedAt).UTC(); !at.After(schema.MinTime) {
			return nil, fmt.Errorf("action %s without updatedAt", d.Action)
		}
	}
	return []schema.Fact{t.update(kind, at, at)}, nil
}

// services are the tags that name one, else the entity.
func (s *Source) services(entity string, tags []string) []string {
	var out []string
	for _, tag := range tags {
		if name, ok := strings.CutPrefix(tag, s.cfg.ServiceTag); ok && s.cfg.ServiceTag != "" && name != "" {
			out = append(out, name)
		}
	}
	if out == nil && entity != "" {
		out = []string{entity}
	}
	return out
}

func (s *Source) listed(l listed, isIncident bool) ([]schema.Fact, error) {
	if isIncident != (s.cfg.Kind == Incidents) {
		return nil, schema.Ignore(map[bool]string{true: "incidents", false: "alerts"}[isIncident] + " are not configured as incidents")
	}
	if l.ID == "" || l.CreatedAt.IsZero() || l.UpdatedAt.IsZero() {
		return nil, errors.New("an entry without id, createdAt or updatedAt")
	}
	if !s.counts(l.Priority) {
		return nil, schema.Ignore("priority is not configured as an incident")
	}
	t := thing{id: l.ID, title: l.Message, priority: l.Priority, url: l.Links.Web, services: s.services(l.Entity, l.Tags), start: l.CreatedAt}
	if isIncident {
		t.services = nil
		for _, id := range l.Services {
			t.services = append(t.services, Name+":"+id)
		}
		if !l.ImpactStart.IsZero() {
			t.start = l.ImpactStart
		}
	}
	after := func(ms *int64) time.Time {
		if ms == nil || *ms < 0 || *ms > schema.MaxTime.UnixMilli() {
			return l.UpdatedAt
		}
		return l.CreatedAt.Add(time.Duration(*ms) * time.Millisecond)
	}
	out := []schema.Fact{t.update(schema.IncidentTriggered, l.CreatedAt, l.UpdatedAt)}
	if l.Report.AckTime != nil {
		out = append(out, t.update(schema.IncidentAcknowledged, after(l.Report.AckTime), l.UpdatedAt))
	}
	switch l.Status {
	case "open":
	case "closed", "resolved":
		out = append(out, t.update(schema.IncidentResolved, after(l.Report.CloseTime), l.UpdatedAt))
	default:
		return nil, fmt.Errorf("status %.40q is unknown", l.Status)
	}
	return out, nil
}

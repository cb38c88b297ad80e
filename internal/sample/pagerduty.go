package sample

import (
	"fmt"
	"net/http"
	"time"
)

// The payloads follow PagerDuty's "Webhooks V3 Overview".

func (h *History) pagerduty() []Delivery {
	var out []Delivery
	for _, i := range h.Incidents {
		if i.explicit() {
			continue // Its system uses Headway's API; see api.go.
		}
		for n, step := range i.steps() {
			if step.at.After(h.End) {
				break
			}
			id := fmt.Sprintf("%s%02d", i.ID, n+1)
			header := http.Header{}
			header.Set("X-Webhook-Id", "wh-"+id)
			header.Set("X-Webhook-Subscription", "PSUB001")
			header.Set("User-Agent", "PagerDuty-Webhook/V3.0")
			out = append(out, Delivery{
				At: step.at, Path: "/hooks/pagerduty", Kind: "pagerduty", Header: header,
				Body: ready(object{"event": object{
					"id": id, "event_type": "incident." + step.kind, "resource_type": "incident", "occurred_at": step.at.UTC().Format("2006-01-02T15:04:05.000Z"),
					"agent":  object{"html_url": "https://acme.pagerduty.com/users/PUSER1", "id": "PUSER1", "self": "https://api.pagerduty.com/users/PUSER1", "summary": "On call", "type": "user_reference"},
					"client": nil, "data": i.pagerduty(step.status),
				}}),
			})
		}
	}
	return out
}

// explicit incidents name the deployment that caused them; the teams whose
// deployments come by API raise them.
func (i *Incident) explicit() bool {
	return i.Deployment != nil && (i.Service.Channel == ByAPI || i.Service.Channel == ByCDEvents)
}

type incidentStep struct {
	kind, status string
	at           time.Time
}

func (i *Incident) steps() []incidentStep {
	out := []incidentStep{
		{"triggered", "triggered", i.StartedAt},
		{"acknowledged", "acknowledged", i.AckAt},
	}
	if i.ResolvedAt.IsZero() {
		return out
	}
	if i.Reopened {
		half := i.StartedAt.Add(i.ResolvedAt.Sub(i.StartedAt) / 2)
		if half.After(i.AckAt) {
			out = append(out, incidentStep{"resolved", "resolved", half}, incidentStep{"reopened", "triggered", half.Add(time.Minute)})
		}
	}
	return append(out, incidentStep{"resolved", "resolved", i.ResolvedAt})
}

func (i *Incident) pagerduty(status string) object {
	ref := func(kind, id, summary string) object {
		return object{
			"html_url": "https://acme.pagerduty.com/" + kind + "s/" + id, "id": id, "self": "https://api.pagerduty.com/" + kind + "s/" + id,
			"summary": summary, "type": kind + "_reference",
		}
	}
	return object{
		"id": i.ID, "type": "incident", "self": "https://api.pagerduty.com/incidents/" + i.ID,
		"html_url": "https://acme.pagerduty.com/incidents/" + i.ID, "number": i.Number, "status": status, "incident_key": fmt.Sprintf("key-%05d", i.Number),
		"created_at": stamp(i.StartedAt), "title": i.Title, "service": ref("service", i.Service.PagerDutyID, i.Service.ID),
		"assignees": []object{ref("user", "PUSER1", "On call")}, "escalation_policy": ref("escalation_policy", "PESC001", "Default"),
		"teams": []object{}, "priority": nil, "urgency": i.Urgency, "conference_bridge": nil, "resolve_reason": nil,
	}
}

package derive_test

import (
	"fmt"
	"time"

	"github.com/headway-metrics/headway/schema"
)

func (h *history) deploy() {
	d := schema.Deployment{Repo: repo, Environment: "production", Status: schema.StatusSuccess, Commit: h.trunk}
	past := h.in.Deployments
	switch n := h.pick(100); {
	case n < 25 && h.branch != "":
		d.Commit = h.branch
	case n < 35 && len(past) > 0:
		p := past[h.pick(len(past))]
		d.Commit, d.Version = p.Commit, p.Version
	case n < 40:
		d.Commit = h.landed[h.pick(len(h.landed))]
	case n < 44:
		d.Commit = h.sha() // Its events have not arrived.
	case n < 50:
		name := fmt.Sprint("v", len(h.rep.Tags))
		h.rep.Tags = append(h.rep.Tags, schema.Tag{Repo: repo, Name: name, Commit: h.trunk})
		d.Commit, d.Version = "", name[h.pick(2):]
	case n < 54:
		d.Commit, d.Version = "", fmt.Sprint("build-", h.pick(3))
	}
	switch n := h.pick(100); {
	case n < 10:
		d.Status = schema.StatusFailure
	case n < 14:
		d.Status = schema.StatusCancelled
	case n < 18:
		d.Status = schema.StatusRunning
	}
	d.Environment = []string{"production", "production", "prod-eu", "staging"}[h.pick(4)]
	if h.chance(4) {
		d.IsRollback = 1
		h.did["flagged by the sender"] = true
	}
	end := h.tick()
	if h.chance(10) {
		end = end.Add(-time.Duration(h.pick(600)) * time.Minute)
	}
	d.CreatedAt, d.FinishedAt = end.Add(-time.Minute), &end
	if h.chance(10) { // A slow one, which others may overtake.
		d.CreatedAt = end.Add(-time.Duration(h.pick(400)) * time.Minute)
	}
	d.DeploymentID = fmt.Sprintf("d%03d", (len(past)*37)%1000)
	h.in.Deployments = append(h.in.Deployments, d)
	if h.chance(25) {
		twin := d
		later := end.Add(time.Duration(h.pick(300)) * time.Minute)
		twin.Environment, twin.FinishedAt = "prod-us", &later
		twin.DeploymentID = fmt.Sprintf("d%03d", (len(h.in.Deployments)*37)%1000)
		h.in.Deployments = append(h.in.Deployments, twin)
	}
}

func (h *history) incident() {
	id := fmt.Sprintf("i%03d", len(h.in.Incidents))
	add := func(kind string) *schema.IncidentUpdate {
		u := schema.IncidentUpdate{IncidentID: id, UpdateID: fmt.Sprintf("u%03d", len(h.in.Incidents)), Kind: kind, At: h.tick(), ServiceRefs: []string{service}}
		h.in.Incidents = append(h.in.Incidents, u)
		return &h.in.Incidents[len(h.in.Incidents)-1]
	}
	u := add(schema.IncidentTriggered)
	if h.chance(15) {
		u.ServiceRefs = []string{service, "pay"}
		h.did["incident of two services"] = true
	}
	if h.chance(20) {
		began := u.At.Add(-time.Hour)
		u.StartedAt = &began
	}
	if d := h.in.Deployments; len(d) > 0 && h.chance(30) {
		x := d[h.pick(len(d))]
		which := h.pick(3)
		u.Cause = []string{x.DeploymentID, x.Commit, x.Version}[which]
		if u.Cause != "" {
			h.did["incident names a "+[]string{"deployment", "commit", "version"}[which]] = true
		}
	}
	if len(h.merged) > 0 && h.chance(10) {
		u.Cause = h.merged[h.pick(len(h.merged))].id
		h.did["incident names a request"] = true
	}
	for _, kind := range []string{schema.IncidentAcknowledged, schema.IncidentResolved, schema.IncidentReopened, schema.IncidentResolved, schema.IncidentDeleted} {
		if h.chance(50) {
			add(kind).ServiceRefs = nil // As senders do who name the service once.
			if kind == schema.IncidentDeleted {
				h.did["incident withdrawn"] = true
			}
		}
	}
}

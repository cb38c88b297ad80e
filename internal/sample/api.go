package sample

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// The payloads of this file are Headway's own API (docs/reference) and CDEvents
// v0.4, for systems without an integration of their own.

func apiDelivery(at time.Time, path string, v any) Delivery {
	return Delivery{At: at, Path: path, Kind: "api", Header: http.Header{"User-Agent": {"acme-delivery/1.4"}}, Body: ready(v)}
}

// api is what is sent to Headway's own intake: deployments of services without
// an integration, incidents that name their cause, what the platform's command was
// asked for, and the daily inventory.
func (h *History) api() []Delivery {
	var out []Delivery
	for _, s := range h.Services {
		if s.Channel != ByAPI {
			continue
		}
		for _, d := range s.Deployments {
			out = append(out, apiDelivery(d.FinishedAt, "/v1/deployments", object{
				"id": strconv.FormatInt(d.ID, 10), "service": s.ID, "repository": s.Repo.web(), "environment": d.Environment, "commit": d.SHA,
				"version": d.Version, "branch": "main", "status": string(d.Status), "created_at": stamp(d.CreatedAt),
				"started_at": stamp(d.StartedAt), "finished_at": stamp(d.FinishedAt),
			}))
		}
	}
	for _, i := range h.Incidents {
		if !i.explicit() {
			continue
		}
		state := func(at time.Time, resolved time.Time) Delivery {
			o := object{
				"id": i.ID, "services": []string{i.Service.ID}, "title": i.Title, "severity": i.Urgency, "started_at": stamp(i.StartedAt),
				"acknowledged_at": stamp(i.AckAt), "updated_at": stamp(at), "cause": i.cause(),
			}
			if !resolved.IsZero() {
				o["resolved_at"] = stamp(resolved)
			}
			return apiDelivery(at, "/v1/incidents", o)
		}
		out = append(out, state(i.AckAt, time.Time{}))
		if !i.ResolvedAt.IsZero() {
			out = append(out, state(i.ResolvedAt, i.ResolvedAt))
		}
	}
	for _, r := range h.Requests {
		if r.ByCommand {
			out = append(out, apiDelivery(r.CompletedAt, "/v1/requests", object{
				"id": r.ID, "capability": r.Template.Capability, "template": r.Template.ID, "channel": "self_service", "status": r.Status,
				"team": r.Team, "service": r.Service, "actor": "backstage:user:default/" + r.Actor, "dry_run": r.DryRun, "created_at": stamp(r.CreatedAt),
				"completed_at": stamp(r.CompletedAt), "minutes_saved": r.Template.MinutesSaved,
			}))
		}
	}
	return slices.Concat(out, h.inventory(), h.security(), h.policies(), h.costs())
}

// cause is how the system that raised an incident names the deployment.
func (i *Incident) cause() string {
	if i.Service.Channel == ByAPI {
		return strconv.FormatInt(i.Deployment.ID, 10)
	}
	return i.Deployment.SHA
}

// inventory is one request a day with all workloads.
func (h *History) inventory() []Delivery {
	days := map[time.Time][]object{}
	for _, w := range h.Workloads {
		days[w.Day] = append(days[w.Day], object{
			"day": w.Day.Format(time.DateOnly), "cluster": w.Cluster, "namespace": w.Service.Owners[0].Team, "name": w.Name, "kind": w.Kind,
			"environment": w.Environment, "service": w.Service.ID, "on_platform": w.OnPlatform, "platform_owned": w.PlatformOwned,
		})
	}
	return h.daily(days, "/v1/workloads", 2*time.Hour)
}

// cdevents is what the pipelines of some services send about their deployments.
func (h *History) cdevents() []Delivery {
	var out []Delivery
	for _, s := range h.Services {
		if s.Channel != ByCDEvents {
			continue
		}
		for _, d := range s.Deployments {
			if d.Status != Succeeded {
				continue // CDEvents has no type for a deployment that failed.
			}
			kind := "upgraded"
			if d.RestoresRelease >= 0 {
				kind = "rolledback"
			}
			id := strconv.FormatInt(d.ID, 10)
			out = append(out, apiDelivery(d.FinishedAt, "/v1/events", object{
				"context": object{
					"version": "0.4.1", "id": id, "source": "/acme/pipelines/" + s.ID, "type": "dev.cdevents.service." + kind + ".0.2.0",
					"timestamp": stamp(d.FinishedAt),
				},
				"subject": object{
					"id": s.ID, "source": "/acme/services", "type": "service", "content": object{
						"environment": object{"id": d.Environment, "source": "/acme/environments"},
						"artifactId":  fmt.Sprintf("pkg:github/%s@%s", s.Repo.Name, d.SHA),
					},
				},
			}))
		}
	}
	return out
}

package sample

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/internal/secret"
)

// The shapes follow Backstage's "Catalog API" and "Scaffolder" documentation, and
// its analytics events as a forwarding analytics module posts them.

// Backstage is the organisation's portal: its catalogue and its scaffolder tasks.
func (h *History) Backstage(token secret.String) http.Handler {
	mux := http.NewServeMux()
	entities := h.entities()
	mux.HandleFunc("GET /api/catalog/entities/by-query", func(w http.ResponseWriter, r *http.Request) {
		wanted := filterEntities(entities, r.URL.Query()["filter"])
		items, next := page(wanted, r)
		info := object{}
		if next >= 0 {
			info["nextCursor"] = strconv.Itoa(next)
		}
		reply(w, object{"items": items, "totalItems": len(wanted), "pageInfo": info})
	})
	var tasks []object
	events := map[string][]object{}
	for _, r := range h.Requests {
		if r.ByCommand {
			continue
		}
		tasks = append(tasks, r.task())
		events[r.ID] = r.events()
	}
	mux.HandleFunc("GET /api/scaffolder/v2/tasks", func(w http.ResponseWriter, r *http.Request) {
		items, _ := page(tasks, r)
		reply(w, object{"tasks": items, "totalTasks": len(tasks)})
	})
	mux.HandleFunc("GET /api/scaffolder/v2/tasks/{id}/events", func(w http.ResponseWriter, r *http.Request) {
		list, ok := events[r.PathValue("id")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		reply(w, list)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want := "Bearer " + token.Reveal()
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(want)) != 1 {
			http.Error(w, `{"error":{"name":"AuthenticationError"}}`, http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // The client may be gone.
}

// page cuts a list by limit and by cursor or offset; next is -1 at the end.
func page(list []object, r *http.Request) (items []object, next int) {
	number := func(key string, otherwise int) int {
		if n, err := strconv.Atoi(r.URL.Query().Get(key)); err == nil {
			return n
		}
		return otherwise
	}
	from := min(max(number("cursor", number("offset", 0)), 0), len(list))
	to := min(from+max(number("limit", 20), 1), len(list))
	if to < len(list) {
		return list[from:to], to
	}
	return list[from:to], -1
}

// filterEntities keeps the kinds that the filters name: "kind=component".
func filterEntities(list []object, filters []string) []object {
	kinds := map[string]bool{}
	for _, f := range filters {
		for term := range strings.SplitSeq(f, ",") {
			if k, ok := strings.CutPrefix(term, "kind="); ok {
				kinds[strings.ToLower(k)] = true
			}
		}
	}
	var out []object
	for _, e := range list {
		if len(kinds) == 0 || kinds[strings.ToLower(fmt.Sprint(e["kind"]))] {
			out = append(out, e)
		}
	}
	return out
}

func entity(kind, name string, metadata, spec object, relations ...object) object {
	m := object{
		"namespace": "default", "name": name, "uid": fmt.Sprintf("uid-%s-%s", strings.ToLower(kind), name),
		"etag": fmt.Sprintf("%x", githubID(kind, name)),
	}
	maps.Copy(m, metadata)
	if relations == nil {
		relations = []object{}
	}
	return object{"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": m, "spec": spec, "relations": relations}
}

func (h *History) entities() []object {
	var out []object
	for _, t := range h.Teams {
		annotations := object{}
		if t.Platform {
			annotations["headway.dev/team-kind"] = "platform"
		}
		out = append(out, entity("Group", t.ID, object{"annotations": annotations}, object{"type": "team", "profile": object{"displayName": t.Name}, "children": []string{}}))
	}
	for _, p := range h.People {
		if p.Bot {
			continue
		}
		out = append(out, entity("User", p.Login, object{"annotations": object{"github.com/user-login": p.Login}},
			object{"profile": object{"email": p.Login + "@acme.example"}, "memberOf": []string{p.Team}},
			object{"type": "memberOf", "targetRef": "group:default/" + p.Team}))
	}
	for _, s := range h.Services {
		annotations := object{"pagerduty.com/service-id": s.PagerDutyID}
		if !h.onDisk(s.Repo) {
			annotations["github.com/project-slug"] = s.Repo.Name
			annotations["backstage.io/source-location"] = "url:" + s.Repo.web() + "/tree/main/" + s.Path
		}
		metadata := object{"annotations": annotations, "title": s.ID}
		if !s.CreatedAt.IsZero() {
			annotations["headway.dev/created-at"] = s.CreatedAt.Format(time.RFC3339)
			if s.Template != "" {
				annotations["backstage.io/source-template"] = "template:default/" + s.Template
			}
		}
		owner := s.Owners[len(s.Owners)-1].Team
		out = append(out, entity("Component", s.ID, metadata,
			object{"type": "service", "lifecycle": "production", "owner": "group:default/" + owner},
			object{"type": "ownedBy", "targetRef": "group:default/" + owner}))
	}
	for _, t := range h.Templates {
		out = append(out, entity("Template", t.ID,
			object{"title": t.ID, "annotations": object{
				"headway.dev/capability": t.Capability, "headway.dev/minutes-saved": strconv.Itoa(t.MinutesSaved),
			}},
			object{"type": "service", "owner": "group:default/" + platformTeam, "steps": []object{}, "parameters": []object{}}))
	}
	return out
}

func (r *Request) task() object {
	status := r.Status
	return object{
		"id": r.ID, "status": status, "createdAt": r.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"),
		"lastHeartbeatAt": r.CompletedAt.UTC().Format("2006-01-02T15:04:05.000Z"), "createdBy": "user:default/" + r.Actor,
		"spec": object{
			"apiVersion": "scaffolder.backstage.io/v1beta3", "parameters": object{"owner": "group:default/" + r.Team},
			"user": object{"ref": "user:default/" + r.Actor}, "steps": []object{{"id": "create", "name": "Create", "action": "publish:github"}},
			"templateInfo": object{
				"entityRef": "template:default/" + r.Template.ID,
				"entity": object{"metadata": object{"name": r.Template.ID, "namespace": "default", "annotations": object{
					"headway.dev/capability": r.Template.Capability, "headway.dev/minutes-saved": strconv.Itoa(r.Template.MinutesSaved),
				}}},
			},
			"output": object{},
		},
	}
}

func (r *Request) events() []object {
	output := object{}
	if r.Service != "" {
		output["entityRef"] = "component:default/" + r.Service
	}
	event := func(id int, kind string, at time.Time, b object) object {
		return object{"id": id, "taskId": r.ID, "type": kind, "createdAt": at.UTC().Format("2006-01-02T15:04:05.000Z"), "body": b, "isTaskRecoverable": false}
	}
	return []object{
		event(1, "log", r.CreatedAt, object{"message": "Starting up task with 1 steps"}),
		event(2, "log", r.CreatedAt.Add(time.Second), object{"message": "Beginning step Create", "stepId": "create", "status": "processing"}),
		event(3, "completion", r.CompletedAt, object{"message": "Run completed with status: " + r.Status, "output": output, "status": r.Status}),
	}
}

// analytics is what the portal forwards of its analytics events, once a day.
func (h *History) analytics() []Delivery {
	days := map[time.Time][]object{}
	for _, u := range h.Uses {
		day := u.At.Truncate(24 * time.Hour)
		days[day] = append(days[day], object{
			"action": u.Action, "subject": u.Capability, "value": nil, "attributes": object{}, "timestamp": u.At.UTC().Format(time.RFC3339),
			"userEntityRef": "user:default/" + u.Actor, "context": object{"pluginId": u.Capability, "routeRef": "root", "extension": "App"},
		})
	}
	var out []Delivery
	for n := range Days {
		day := h.Day(n)
		list := days[day]
		if len(list) == 0 {
			continue
		}
		out = append(out, Delivery{
			At: day.Add(24 * time.Hour), Path: "/hooks/backstage", Kind: "backstage", Header: http.Header{"User-Agent": {"backstage"}},
			Body: ready(object{"topic": "analytics", "id": "analytics-" + day.Format(time.DateOnly), "eventPayload": list}),
		})
	}
	return out
}

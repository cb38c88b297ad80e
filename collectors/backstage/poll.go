package backstage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/seen"
	"github.com/headway-metrics/headway/schema"
)

const (
	entityPage = 500
	taskPage   = 100
	tasksPath  = "/api/scaffolder/v2/tasks"
	// recheck is how far back tasks are looked at again, for those that were open
	// or are retried.
	recheck = 7 * 24 * time.Hour
	// maxRemoved bounds the entities asked for by name in one poll.
	maxRemoved = 200
)

// kinds of entity that are asked for.
var kinds = []string{"component", "group", "template", "user"}

// cursor is what was emitted: entities by reference, tasks by id.
type cursor struct {
	Entities seen.Map `json:"entities"`
	Tasks    seen.Map `json:"tasks"`
	// TasksRead says that the history of tasks was read.
	TasksRead bool `json:"tasks_read"`
}

// Interval between two polls; 0 without a backend.
func (s *Source) Interval() time.Duration {
	if s.cfg.URL == "" {
		return 0
	}
	return s.cfg.Interval
}

// Poll lists the catalog and the tasks and emits what changed. What was emitted
// before an error is not emitted again.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	c := cursor{}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of backstage: %w", err)
		}
	}
	if c.Entities == nil {
		c.Entities = seen.Map{}
	}
	if c.Tasks == nil {
		c.Tasks = seen.Map{}
	}
	r := &reader{Source: s, emit: emit, now: s.now().UTC().Truncate(time.Millisecond), c: &c}
	r.progress.begin(ctx, r)
	err := r.catalog(ctx)
	var patience *collectors.RetryAfterError
	if !errors.As(err, &patience) && ctx.Err() == nil {
		err = errors.Join(err, r.tasks(ctx))
	}
	to, encodeErr := json.Marshal(c)
	if encodeErr != nil {
		return from, errors.Join(err, fmt.Errorf("writing the cursor of backstage: %w", encodeErr))
	}
	return to, err
}

// reader is one reading of a backend.
type reader struct {
	*Source
	emit collectors.Emit
	now  time.Time
	c    *cursor
}

func (r *reader) event(typ, key string, data any, idParts ...string) (schema.Event, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return schema.Event{}, fmt.Errorf("encoding %s: %w", typ, err)
	}
	return schema.Event{
		ID: schema.EventID(append([]string{typ, key}, idParts...)...), Source: Name, Type: typ, Subject: key, Time: r.now, Key: key, Data: b,
	}, nil
}

// publish emits events and then remembers the states that they bring.
func (r *reader) publish(ctx context.Context, events []schema.Event, remember seen.Map, in seen.Map) error {
	if len(events) > 0 {
		if err := r.emit(ctx, events...); err != nil {
			return err
		}
	}
	for name, state := range remember {
		in.Set(name, state)
	}
	return nil
}

// catalog lists the entities, page by page.
func (r *reader) catalog(ctx context.Context) error {
	q := url.Values{"limit": {strconv.Itoa(entityPage)}, "orderField": {"metadata.uid,asc"}}
	for _, k := range kinds {
		q.Add("filter", "kind="+k)
	}
	present := map[string]bool{}
	for {
		raw, err := r.client.Get(ctx, "/api/catalog/entities/by-query", q)
		if err != nil {
			return fmt.Errorf("listing the catalog: %w", err)
		}
		var page struct {
			Items      []json.RawMessage `json:"items"`
			TotalItems int64             `json:"totalItems"`
			PageInfo   struct {
				NextCursor string `json:"nextCursor"`
			} `json:"pageInfo"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return fmt.Errorf("listing the catalog: %w", err)
		}
		r.progress.catalog(page.TotalItems)
		var events []schema.Event
		states := seen.Map{}
		for _, item := range page.Items {
			ev, ref, state, err := r.entity(item)
			if err != nil {
				return err
			}
			present[ref] = true
			if state != r.c.Entities[ref] {
				events = append(events, ev)
				states.Set(ref, state)
			}
		}
		if err := r.publish(ctx, events, states, r.c.Entities); err != nil {
			return err
		}
		r.progress.listed(len(page.Items))
		if page.PageInfo.NextCursor == "" {
			return r.removed(ctx, present)
		}
		q = url.Values{"limit": {strconv.Itoa(entityPage)}, "cursor": {page.PageInfo.NextCursor}}
	}
}

// entity makes the event of an entity and the state to remember: a hash of its
// etag, and for a user the groups with the time that each was first seen.
func (r *reader) entity(raw json.RawMessage) (ev schema.Event, ref, state string, err error) {
	var e entity
	// What cannot be read is published all the same, for the dead letters.
	if json.Unmarshal(raw, &e) != nil {
		e = entity{}
	}
	ref = e.ref()
	etag := e.Metadata.Etag
	if etag == "" {
		etag = string(raw)
	}
	hash := schema.EventID(etag)[:12]
	o := observed{Entity: redact(raw)}
	was := r.c.Entities[ref]
	state = hash
	if strings.EqualFold(e.Kind, "user") {
		var now []string
		o.Memberships, now = r.memberships(was, e.groups())
		state = strings.Join(append([]string{hash}, now...), " ")
	}
	remembered := r.remember(e)
	state += remembered.state()
	if lost := recall(was).Identities; len(lost) > 0 {
		lost = slices.DeleteFunc(lost, func(ref string) bool { return slices.Contains(remembered.Identities, ref) })
		if len(lost) > 0 {
			o.Was = &memory{Identities: lost}
		}
	}
	ev, err = r.event(typeEntity, ref, o, was, hash)
	return ev, ref, state, err
}

// memberships compares a user's groups with those remembered. They begin when
// they are first seen and end when they are missed.
func (r *reader) memberships(was string, groups []string) (out []membership, state []string) {
	since := map[string]time.Time{}
	if f := strings.Fields(was); len(f) > 1 {
		for _, g := range f[1:] {
			name, at, _ := strings.Cut(g, "=")
			if strings.Contains(g, "~") {
				continue
			}
			if ms, err := strconv.ParseInt(at, 10, 64); err == nil {
				since[name] = time.UnixMilli(ms).UTC()
			}
		}
	}
	slices.Sort(groups)
	for _, g := range slices.Compact(groups) {
		if strings.ContainsAny(g, " =\t\n") {
			continue
		}
		from, ok := since[g]
		if !ok {
			from = r.now
		}
		delete(since, g)
		out = append(out, membership{Group: g, From: from})
		state = append(state, g+"="+strconv.FormatInt(from.UnixMilli(), 10))
	}
	for _, g := range slices.Sorted(maps.Keys(since)) {
		out = append(out, membership{Group: g, From: since[g], To: &r.now})
	}
	return out, state
}

// removed withdraws the entities that were not listed and that the catalog, asked
// by name, does not know.
func (r *reader) removed(ctx context.Context, present map[string]bool) error {
	asked := 0
	for _, ref := range slices.Sorted(maps.Keys(r.c.Entities)) {
		kind, name, _ := strings.Cut(ref, ":")
		if present[ref] || asked == maxRemoved {
			continue
		}
		asked++
		_, err := r.client.Get(ctx, "/api/catalog/entities/by-name/"+url.PathEscape(kind)+"/"+escapeEach(name), nil)
		var status *rest.StatusError
		if err == nil {
			continue
		}
		if !errors.As(err, &status) || status.Code != http.StatusNotFound {
			return fmt.Errorf("asking for an entity that is not listed: %w", err)
		}
		was := r.c.Entities[ref]
		o := observed{Ref: ref}
		switch kind {
		case "user":
			o.Memberships, _ = r.memberships(was, nil)
			o.Was = recall(was)
		case "component":
			o.Was = recall(was)
		case "group":
			o.Was = r.ofGroup(ref)
		}
		ev, err := r.event(typeRemoved, ref, o, was)
		if err != nil {
			return err
		}
		if err := r.emit(ctx, ev); err != nil {
			return err
		}
		delete(r.c.Entities, ref)
	}
	return nil
}

// ofGroup is what belonged to a group and who was in it, by the last reading of those.
func (r *reader) ofGroup(group string) *memory {
	m := &memory{}
	id := shortID(group)
	for _, ref := range slices.Sorted(maps.Keys(r.c.Entities)) {
		state := r.c.Entities[ref]
		switch {
		case strings.HasPrefix(ref, "component:") && recall(state).Owner == id:
			m.Owned = append(m.Owned, ref)
		case strings.HasPrefix(ref, "user:") && strings.Contains(state, " "+group+"="):
			m.Members = append(m.Members, ref)
		}
	}
	return m
}

func escapeEach(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// taskList is a page of the scaffolder's tasks.
type taskList struct {
	Tasks []json.RawMessage `json:"tasks"`
	// Total of all pages; old backends do not say it.
	Total int64 `json:"totalTasks"`
}

// tasks lists the scaffolder's tasks, the newest first.
func (r *reader) tasks(ctx context.Context) error {
	since := r.now.Add(-r.cfg.History)
	if r.c.TasksRead {
		since = r.now.Add(-recheck)
	}
	listed := map[string]bool{}
	for offset := 0; ; offset += taskPage {
		raw, err := r.client.Get(ctx, tasksPath, url.Values{
			"limit": {strconv.Itoa(taskPage)}, "offset": {strconv.Itoa(offset)}, "order": {"desc:created_at"},
		})
		var status *rest.StatusError
		if errors.As(err, &status) && status.Code == http.StatusNotFound {
			r.log.DebugContext(ctx, "backend has no scaffolder")
			return nil
		}
		if err != nil {
			return fmt.Errorf("listing tasks: %w", err)
		}
		var page taskList
		if err := json.Unmarshal(raw, &page); err != nil {
			return fmt.Errorf("listing tasks: %w", err)
		}
		more, err := r.taskPage(ctx, page.Tasks, since, listed)
		if err != nil {
			return err
		}
		r.progress.listed(len(page.Tasks))
		if !more || len(page.Tasks) < taskPage {
			break
		}
	}
	maps.DeleteFunc(r.c.Tasks, func(id, _ string) bool { return !listed[id] })
	r.c.TasksRead = true
	return nil
}

// taskPage emits the tasks of one page that changed. It says no more when the
// page goes back far enough, or holds nothing that was not listed before: old
// backends know no pages and answer with everything each time.
func (r *reader) taskPage(ctx context.Context, tasks []json.RawMessage, since time.Time, listed map[string]bool) (more bool, err error) {
	var events []schema.Event
	states := seen.Map{}
	old := false
	for _, raw := range tasks {
		var t task
		if json.Unmarshal(raw, &t) != nil {
			t = task{}
		}
		if listed[t.ID] {
			continue
		}
		listed[t.ID] = true
		if !t.CreatedAt.IsZero() && t.CreatedAt.Before(since) {
			old = true
			continue
		}
		more = true
		request, known := requestStatus(t.Status)
		state := t.Status
		if !known || request != schema.RequestOpen {
			// A task that is retried and fails again differs in its heartbeat only.
			state += " " + t.LastHeartbeatAt.Format(time.RFC3339Nano)
		}
		if r.c.Tasks[t.ID] == state {
			continue
		}
		data := taskRead{Task: withoutSecrets(raw)}
		if known && request != schema.RequestOpen {
			if data.Events, err = r.ends(ctx, t.ID); err != nil {
				return false, err
			}
		}
		ev, err := r.event(typeTask, t.ID, data, r.c.Tasks[t.ID], state)
		if err != nil {
			return false, err
		}
		events = append(events, ev)
		states.Set(t.ID, state)
	}
	return more && !old, r.publish(ctx, events, states, r.c.Tasks)
}

// ends returns the lines of a task's history that say how it ended; the rest is
// its log.
func (r *reader) ends(ctx context.Context, id string) ([]json.RawMessage, error) {
	raw, err := r.client.Get(ctx, tasksPath+"/"+url.PathEscape(id)+"/events", nil)
	if err != nil {
		return nil, fmt.Errorf("reading the events of a task: %w", err)
	}
	var all []json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("reading the events of a task: %w", err)
	}
	var out []json.RawMessage
	for _, e := range all {
		var kind struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(e, &kind) != nil || kind.Type != "log" {
			out = append(out, e)
		}
	}
	return out, nil
}

// withoutSecrets drops the secrets of a task, should a backend ever list them.
func withoutSecrets(raw json.RawMessage) json.RawMessage {
	var whole map[string]json.RawMessage
	if json.Unmarshal(raw, &whole) != nil || whole["secrets"] == nil {
		return raw
	}
	delete(whole, "secrets")
	b, err := json.Marshal(whole)
	if err != nil {
		return raw
	}
	return b
}

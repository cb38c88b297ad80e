package backstage

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// typeTask is a scaffolder task as the poller reads it.
const typeTask = Name + ".task"

// task is a run of a template. See
// https://backstage.io/docs/features/software-templates.
type task struct {
	ID   string `json:"id"`
	Spec struct {
		TemplateInfo struct {
			EntityRef string `json:"entityRef"`
			Entity    struct {
				Metadata metadata `json:"metadata"`
			} `json:"entity"`
		} `json:"templateInfo"`
		User struct {
			Ref string `json:"ref"`
		} `json:"user"`
	} `json:"spec"`
	Status          string    `json:"status"`
	CreatedAt       looseTime `json:"createdAt"`
	LastHeartbeatAt looseTime `json:"lastHeartbeatAt"`
	CreatedBy       string    `json:"createdBy"`
	// The forwarded event may name the task this way.
	TaskID string `json:"taskId"`
}

// taskEvent is one line of a task's history.
type taskEvent struct {
	Type      string    `json:"type"`
	CreatedAt looseTime `json:"createdAt"`
	Body      struct {
		Output struct {
			EntityRef string `json:"entityRef"`
			Links     []struct {
				EntityRef string `json:"entityRef"`
			} `json:"links"`
		} `json:"output"`
	} `json:"body"`
}

// taskRead is the payload of the poller: the task and the lines that end it.
type taskRead struct {
	Task   json.RawMessage   `json:"task"`
	Events []json.RawMessage `json:"events,omitempty"`
}

// looseTime reads RFC 3339, and the form of SQLite and older backends, which is
// UTC without saying so.
type looseTime struct{ time.Time }

// UnmarshalJSON accepts null and "" as no time.
func (t *looseTime) UnmarshalJSON(b []byte) error {
	if string(b) == "null" || string(b) == `""` {
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("time %.40s is no string", b)
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999"} {
		if got, err := time.Parse(layout, s); err == nil {
			t.Time = got.UTC()
			return nil
		}
	}
	return fmt.Errorf("%.40q is no time", s)
}

func requestStatus(status string) (string, bool) {
	switch status {
	case "open", "processing":
		return schema.RequestOpen, true
	case "completed":
		return schema.RequestCompleted, true
	case "failed":
		return schema.RequestFailed, true
	case "cancelled", "skipped":
		return schema.RequestCancelled, true
	}
	return "", false
}

func (s *Source) normalizeTask(data []byte) ([]schema.Fact, error) {
	var r taskRead
	var t task
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("reading a task: %w", err)
	}
	if err := json.Unmarshal(r.Task, &t); err != nil {
		return nil, fmt.Errorf("reading a task: %w", err)
	}
	var end taskEvent
	changed := t.CreatedAt.Time
	if t.LastHeartbeatAt.After(changed) {
		changed = t.LastHeartbeatAt.Time
	}
	for _, raw := range r.Events {
		var e taskEvent
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, fmt.Errorf("reading an event of a task: %w", err)
		}
		if e.CreatedAt.After(changed) {
			changed = e.CreatedAt.Time
		}
		// A retried task has ended more than once; its last end counts.
		if (e.Type == "completion" || e.Type == "cancelled") && e.CreatedAt.After(end.CreatedAt.Time) {
			end = e
		}
	}
	return s.taskFacts(t, end, changed, 1)
}

// taskFacts makes the request of a task, and the use of its capability once it
// is completed.
func (s *Source) taskFacts(t task, end taskEvent, changed time.Time, rank uint8) ([]schema.Fact, error) {
	id := cmp.Or(t.ID, t.TaskID)
	status, ok := requestStatus(t.Status)
	switch {
	case id == "" || t.CreatedAt.IsZero():
		return nil, errors.New("task without id or createdAt")
	case !ok:
		return nil, fmt.Errorf("unknown status %.40q of a task", t.Status)
	}
	template := strings.ToLower(t.Spec.TemplateInfo.EntityRef)
	info := t.Spec.TemplateInfo.Entity.Metadata
	meta := schema.Meta{Source: Name, Version: schema.NewVersion(changed, rank)}
	if s.cfg.URL != "" {
		meta.URL = strings.TrimSuffix(s.cfg.URL, "/") + "/create/tasks/" + id
	}
	r := &schema.Request{
		Meta: meta, RequestID: Name + ":" + id, CapabilityID: cmp.Or(info.Annotations[annotationCapability], template), Template: template,
		Channel: schema.ChannelSelfService, Status: status, CreatedAt: t.CreatedAt.Time, MinutesSaved: info.minutesSaved(),
	}
	if user := cmp.Or(t.Spec.User.Ref, t.CreatedBy); strings.HasPrefix(strings.ToLower(user), "user:") {
		r.Actor = Name + ":" + strings.ToLower(user)
	}
	out := []schema.Fact{r}
	use := &schema.CapabilityUse{
		Meta: meta, UseID: Name + ":task:" + id, CapabilityID: r.CapabilityID, Action: "create", Qualifying: 1, At: t.CreatedAt.Time, Actor: r.Actor,
	}
	if status != schema.RequestOpen {
		if at := end.CreatedAt.Time; !at.IsZero() {
			r.CompletedAt = &at
			use.At = at
		}
		made := end.Body.Output.EntityRef
		for _, l := range end.Body.Output.Links {
			made = cmp.Or(made, l.EntityRef)
		}
		if strings.HasPrefix(strings.ToLower(made), "component:") {
			r.ServiceRef = Name + ":" + fullRef(made, "component", "")
			use.ServiceRef = r.ServiceRef
		}
	}
	if r.Status == schema.RequestCompleted && r.CapabilityID != "" {
		out = append(out, use)
	}
	return out, nil
}

// normalizeForwarded reads a task that the backend forwarded. It has no time of
// its own: what it says was so when it came.
func (s *Source) normalizeForwarded(payload json.RawMessage, received time.Time) ([]schema.Fact, error) {
	var t task
	if err := json.Unmarshal(payload, &t); err != nil {
		return nil, fmt.Errorf("reading a forwarded task: %w", err)
	}
	if t.CreatedAt.IsZero() {
		t.CreatedAt.Time = received
	}
	if t.Status == "" {
		// The topic's first message says that the task was made.
		t.Status = "open"
	}
	end := taskEvent{CreatedAt: looseTime{received}}
	return s.taskFacts(t, end, received, 0)
}

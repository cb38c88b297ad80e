package zendesk

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// record is a ticket as the export and the webhooks give it. See
// https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/ and
// https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/.
type record struct {
	ID        id        `json:"id"`
	Subject   string    `json:"subject"`
	Type      string    `json:"type"`
	Status    string    `json:"status"`
	Priority  string    `json:"priority"`
	Tags      []string  `json:"tags"`
	GroupID   id        `json:"group_id"`
	BrandID   id        `json:"brand_id"`
	FormID    id        `json:"ticket_form_id"`
	HookForm  id        `json:"form_id"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Generated is in seconds; the system's own touches move it, not UpdatedAt.
	Generated int64 `json:"generated_timestamp"`
	Fields    []struct {
		ID    id              `json:"id"`
		Value json.RawMessage `json:"value"`
	} `json:"custom_fields"`
	// Metrics are those of https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_metrics/.
	Metrics *struct {
		SolvedAt *time.Time `json:"solved_at"`
		StatusAt *time.Time `json:"status_updated_at"`
		Reopens  uint32     `json:"reopens"`
		Reply    struct {
			// Calendar counts every minute, not those of business hours only.
			Calendar *float64 `json:"calendar"`
		} `json:"reply_time_in_minutes"`
	} `json:"metric_set"`
}

// id is a number, which webhooks write as a string; "" when there is none.
type id string

// UnmarshalJSON reads both, and null.
func (i *id) UnmarshalJSON(b []byte) error {
	var n json.Number
	if string(b) == `""` {
		return nil
	}
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("id %.40s is no number", b)
	}
	*i = id(n)
	return nil
}

// text is what a custom field says: a string, a number, or the first of several.
func (r record) text(field string) string {
	for _, f := range r.Fields {
		if field != "" && string(f.ID) == field {
			return textOf(f.Value)
		}
	}
	return ""
}

func textOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return strings.TrimSpace(s)
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		return strings.TrimSpace(list[0])
	}
	return ""
}

// firstResponse is when an agent first replied, when the metrics say so.
func (r record) firstResponse() *time.Time {
	if r.Metrics == nil || r.Metrics.Reply.Calendar == nil {
		return nil
	}
	minutes := *r.Metrics.Reply.Calendar
	if minutes < 0 || minutes > math.MaxInt64/float64(time.Minute) {
		return nil
	}
	at := r.CreatedAt.Add(time.Duration(minutes * float64(time.Minute)))
	return &at
}

// done reports whether the ticket is solved.
func (r record) done() bool { return r.Status == "solved" || r.Status == "closed" }

// resolved is when the ticket was solved last; what was closed without metrics is
// dated by its update.
func (r record) resolved() *time.Time {
	switch {
	case !r.done():
		return nil
	case r.Metrics != nil && r.Metrics.SolvedAt != nil:
		return r.Metrics.SolvedAt
	}
	return &r.UpdatedAt
}

// reopened is when a ticket that was reopened and is open got its status.
func (r record) reopened() *time.Time {
	if r.done() || r.Metrics == nil || r.Metrics.Reopens == 0 {
		return nil
	}
	return r.Metrics.StatusAt
}

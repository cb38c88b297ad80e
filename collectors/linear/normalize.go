package linear

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
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/collectors/ticket"
	"github.com/headway-metrics/headway/schema"
)

// typeListed is an issue as GraphQL gives it.
const typeListed = Name + ".rest.issue"

// Ranks inside one moment: a webhook knows what was before, and a deletion is the
// last that happens.
const (
	rankListed  = 0
	rankWebhook = 1
	rankDeleted = 2
)

// delivery is a webhook. See https://linear.app/developers/webhooks.
type delivery struct {
	// Action is create, update or remove.
	Action    string    `json:"action"`
	Type      string    `json:"type"`
	CreatedAt time.Time `json:"createdAt"`
	URL       string    `json:"url"`
	// Timestamp of the delivery in milliseconds since 1970.
	Timestamp int64           `json:"webhookTimestamp"`
	Data      json.RawMessage `json:"data"`
	// Before holds the former values of what an update changed.
	Before struct {
		CompletedAt *time.Time `json:"completedAt"`
	} `json:"updatedFrom"`
}

// issue has the shape of both, webhooks and GraphQL.
type issue struct {
	ID            string     `json:"id"`
	Title         string     `json:"title"`
	URL           string     `json:"url"`
	PriorityLabel string     `json:"priorityLabel"`
	CreatedAt     time.Time  `json:"createdAt"`
	UpdatedAt     time.Time  `json:"updatedAt"`
	TriagedAt     *time.Time `json:"triagedAt"`
	StartedAt     *time.Time `json:"startedAt"`
	CompletedAt   *time.Time `json:"completedAt"`
	CanceledAt    *time.Time `json:"canceledAt"`
	Trashed       bool       `json:"trashed"`
	State         struct {
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"state"`
	Team struct {
		Key string `json:"key"`
	} `json:"team"`
	Project struct {
		Name string `json:"name"`
	} `json:"project"`
	Labels labels `json:"labels"`
}

// labels are names.
type labels []string

// UnmarshalJSON reads the list of a webhook and the connection of GraphQL.
func (l *labels) UnmarshalJSON(b []byte) error {
	type label struct {
		Name string `json:"name"`
	}
	var connection struct {
		Nodes []label `json:"nodes"`
	}
	var err error
	if len(b) > 0 && b[0] == '{' {
		err = json.Unmarshal(b, &connection)
	} else {
		err = json.Unmarshal(b, &connection.Nodes)
	}
	*l = nil
	for _, n := range connection.Nodes {
		*l = append(*l, n.Name)
	}
	return err
}

// named is the value of a label written "key:value" or "key/value".
func (l labels) named(key string) string {
	for _, label := range l {
		for _, sep := range []string{":", "/"} {
			if k, v, ok := strings.Cut(label, sep); ok && strings.EqualFold(strings.TrimSpace(k), key) {
				return strings.TrimSpace(v)
			}
		}
	}
	return ""
}

// Verify checks linear-signature, and the time inside the body. A signed body without
// a time proves nothing about now: Events makes no issue of it.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	if err := s.scheme.Verify(header, body, now); err != nil {
		return err
	}
	var d struct {
		Timestamp int64 `json:"webhookTimestamp"`
	}
	if json.Unmarshal(body, &d) != nil || d.Timestamp == 0 {
		return nil //nolint:nilerr // It goes to the dead letters.
	}
	return signature.Fresh(time.UnixMilli(d.Timestamp), now, 0)
}

// Events makes the one event of a delivery.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var d delivery
	if json.Unmarshal(body, &d) != nil || d.Type == "" || d.Timestamp == 0 {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	var about struct {
		ID string `json:"id"`
	}
	// Whatever it is, the event is kept; only its partition depends on it.
	if json.Unmarshal(d.Data, &about) != nil {
		about.ID = ""
	}
	return []schema.Event{{
		ID: cmp.Or(header.Get("Linear-Delivery"), schema.EventID("webhook", string(body))), Source: Name, Type: d.eventType(),
		Subject: about.ID, Time: received.UTC(), Key: about.ID, ContentType: header.Get("Content-Type"), Data: body,
	}}, nil
}

func (d delivery) eventType() string { return Name + "." + strings.ToLower(d.Type) + "." + d.Action }

// Normalize turns a webhook or a listed issue into a ticket and what else its type
// makes of it.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type == typeListed {
		var i issue
		if err := json.Unmarshal(ev.Data, &i); err != nil {
			return nil, fmt.Errorf("reading an issue: %w", err)
		}
		return s.facts(i, rankListed, nil)
	}
	var d delivery
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		return nil, fmt.Errorf("reading a webhook: %w", err)
	}
	if d.eventType() != ev.Type {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	switch d.Type {
	case "Issue":
		return s.told(d)
	case "Attachment", "Comment", "Cycle", "Customer", "CustomerNeed", "Document", "Initiative", "InitiativeUpdate", "IssueLabel", "IssueRelation",
		"IssueSLA", "Project", "ProjectLabel", "ProjectUpdate", "Reaction", "User",
		"OAuthApp", "OAuthAuthorization", "AppUserNotification", "AgentSessionEvent", "PermissionChange":
		return nil, schema.Ignore("Linear event about " + d.Type)
	}
	return nil, fmt.Errorf("type %.40q is unknown", d.Type)
}

func (s *Source) told(d delivery) ([]schema.Fact, error) {
	var i issue
	if err := json.Unmarshal(d.Data, &i); err != nil {
		return nil, fmt.Errorf("reading an issue: %w", err)
	}
	i.URL = cmp.Or(i.URL, d.URL)
	switch d.Action {
	case "create", "update":
		return s.facts(i, rankWebhook, d.Before.CompletedAt)
	case "remove":
		if d.CreatedAt.IsZero() {
			return nil, errors.New("removal without a time")
		}
		if d.CreatedAt.After(i.UpdatedAt) {
			i.UpdatedAt = d.CreatedAt
		}
		i.Trashed = true
		return s.facts(i, rankWebhook, nil)
	}
	return nil, fmt.Errorf("action %.40q is unknown", d.Action)
}

// facts of an issue; was is when it had been completed before a change that took
// that away.
func (s *Source) facts(i issue, rank uint8, was *time.Time) ([]schema.Fact, error) {
	if i.ID == "" || i.CreatedAt.IsZero() || i.UpdatedAt.IsZero() {
		return nil, errors.New("issue without id, createdAt or updatedAt")
	}
	if len(s.cfg.Teams) > 0 && !ticket.Has(s.cfg.Teams, i.Team.Key) && !i.Trashed {
		return nil, schema.Ignore("Linear issue of a team that is not configured")
	}
	kind := s.match(i)
	t := &schema.Ticket{
		TicketID: Name + ":" + i.ID, Project: i.Team.Key, Type: kind.Type, Title: i.Title, Status: i.State.Name,
		Category: cmp.Or(i.Labels.named("category"), kind.Category), Theme: cmp.Or(i.Labels.named("theme"), kind.Theme),
		CapabilityID: cmp.Or(i.Labels.named("capability"), kind.Capability), TeamRef: i.Labels.named("team"), ServiceRef: i.Labels.named("service"),
		CreatedAt: i.CreatedAt, FirstResponseAt: i.firstResponse(), Labels: i.Labels,
	}
	story := ticket.Story{Ticket: t, Severity: i.PriorityLabel}
	switch i.State.Type {
	case "completed":
		t.ResolvedAt = cmp.Or(i.CompletedAt, &i.UpdatedAt)
	case "canceled", "duplicate":
		t.ResolvedAt, story.Cancelled = cmp.Or(i.CanceledAt, &i.UpdatedAt), true
	default:
		if was != nil {
			story.ReopenedAt = &i.UpdatedAt
		}
	}
	if i.Trashed {
		rank = rankDeleted
	}
	t.Source, t.URL, t.Version = Name, i.URL, schema.NewVersion(i.UpdatedAt, rank)
	if i.Trashed {
		return story.Withdrawn(i.UpdatedAt), nil
	}
	return story.Facts(), nil
}

// firstResponse is when somebody first did something with the issue.
func (i issue) firstResponse() *time.Time {
	var first *time.Time
	for _, at := range []*time.Time{i.TriagedAt, i.StartedAt, i.CompletedAt, i.CanceledAt} {
		if at != nil && (first == nil || at.Before(*first)) {
			first = at
		}
	}
	return first
}

// match is the first rule that fits, or what Linear's own labels say.
func (s *Source) match(i issue) ticket.Kind {
	n := slices.IndexFunc(s.cfg.Rules, func(r Rule) bool {
		return ticket.Has(r.Teams, i.Team.Key) && ticket.Has(r.Labels, i.Labels...) && ticket.Has(r.Projects, i.Project.Name)
	})
	switch {
	case n >= 0:
		return s.cfg.Rules[n].Kind
	case ticket.Has([]string{"Incident"}, i.Labels...):
		return ticket.Kind{Type: schema.TicketIncident}
	case ticket.Has([]string{"Bug"}, i.Labels...):
		return ticket.Kind{Type: schema.TicketBug}
	case ticket.Has([]string{"Feature", "Improvement"}, i.Labels...):
		return ticket.Kind{Type: schema.TicketFeature}
	}
	return ticket.Kind{Type: schema.TicketTask}
}

package jira

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/ticket"
	"github.com/headway-metrics/headway/schema"
)

// typeSearched is an issue as the search gives it, with its changelog.
const typeSearched = Name + ".issue"

// Ranks inside one moment: a search knows the history and beats a webhook, and a
// deletion beats both.
const (
	rankWebhook  = 0
	rankSearched = 1
	rankDeleted  = 2
)

// ignored are the beginnings of the webhooks that measure nothing.
var ignored = []string{"comment_", "worklog_", "issuelink_", "attachment_", "version_", "project_", "user_", "sprint_", "board_", "option_", "issue_property_"}

// Normalize turns an issue into a ticket and what else its type makes of it.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type == typeSearched {
		var i issue
		if err := json.Unmarshal(ev.Data, &i); err != nil {
			return nil, fmt.Errorf("reading an issue: %w", err)
		}
		return s.facts(i, rankSearched, i.Fields.Updated.Time)
	}
	kind := strings.TrimPrefix(ev.Type, Name+".")
	for _, p := range ignored {
		if strings.HasPrefix(kind, p) {
			return nil, schema.Ignore(strings.TrimSuffix(p, "_") + " event")
		}
	}
	if kind != "issue_created" && kind != "issue_updated" && kind != "issue_deleted" {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	var d delivery
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		return nil, fmt.Errorf("reading a webhook: %w", err)
	}
	if d.Issue == nil || d.Timestamp <= 0 {
		return nil, errors.New("webhook without issue or timestamp")
	}
	sent := time.UnixMilli(d.Timestamp).UTC()
	at := d.Issue.Fields.Updated.Time
	if at.IsZero() {
		at = sent
	}
	if kind == "issue_deleted" {
		return s.deleted(*d.Issue, sent)
	}
	d.Issue.Changelog.Histories = append(d.Issue.Changelog.Histories, history{Created: jiraTime{at}, Items: d.Changelog.Items})
	return s.facts(*d.Issue, rankWebhook, at)
}

func (s *Source) facts(i issue, rank uint8, at time.Time) ([]schema.Fact, error) {
	if i.ID == "" || i.Fields.Created.IsZero() || at.IsZero() {
		return nil, errors.New("issue without id, created or updated")
	}
	slices.SortStableFunc(i.Changelog.Histories, func(a, b history) int { return a.Created.Compare(b.Created.Time) })
	t := s.ticket(i)
	t.Version = schema.NewVersion(at, rank)
	out := []schema.Fact{t}
	if t.Type == schema.TicketRequest && t.CapabilityID != "" {
		out = append(out, s.request(i, t))
	}
	if t.Type == schema.TicketIncident {
		out = append(out, incident(i, t)...)
	}
	return out, nil
}

func (s *Source) ticket(i issue) *schema.Ticket {
	f := i.Fields
	rule := s.match(i)
	t := &schema.Ticket{
		TicketID: Name + ":" + i.ID, Project: f.Project.Key, Type: rule.Type, Title: f.Summary, Status: f.Status.Name,
		Category:     cmp.Or(f.text(s.cfg.Fields.Category), rule.Category, first(f.Components)),
		Theme:        cmp.Or(f.text(s.cfg.Fields.Theme), rule.Theme),
		CapabilityID: cmp.Or(f.text(s.cfg.Fields.Capability), rule.Capability),
		TeamRef:      f.text(s.cfg.Fields.Team), ServiceRef: f.text(s.cfg.Fields.Service),
		CreatedAt: f.Created.Time, FirstResponseAt: i.firstResponse(), ResolvedAt: i.resolved(), Labels: f.Labels,
	}
	t.Source = Name
	if i.Key != "" {
		t.URL = s.cfg.URL + "/browse/" + i.Key
	}
	for _, r := range i.resolutions() {
		if !r.set {
			t.Reopened++
		}
	}
	return t
}

func first(names []named) string {
	if len(names) == 0 {
		return ""
	}
	return names[0].Name
}

// match is the first rule that fits, or a rule made of Jira's own issue types.
func (s *Source) match(i issue) ticket.Kind {
	var components []string
	for _, c := range i.Fields.Components {
		components = append(components, c.Name)
	}
	for _, r := range s.cfg.Rules {
		if ticket.Has(r.Projects, i.Fields.Project.Key) && ticket.Has(r.IssueTypes, i.Fields.IssueType.Name) && ticket.Has(r.Labels, i.Fields.Labels...) && ticket.Has(r.Components, components...) {
			return r.Kind
		}
	}
	switch name := strings.ToLower(i.Fields.IssueType.Name); {
	case name == "bug":
		return ticket.Kind{Type: schema.TicketBug}
	case strings.Contains(name, "incident"):
		return ticket.Kind{Type: schema.TicketIncident}
	case strings.Contains(name, "support"), strings.Contains(name, "help"), strings.Contains(name, "question"):
		return ticket.Kind{Type: schema.TicketSupport}
	case strings.Contains(name, "request"):
		return ticket.Kind{Type: schema.TicketRequest}
	case name == "new feature", name == "improvement", name == "story":
		return ticket.Kind{Type: schema.TicketFeature}
	}
	return ticket.Kind{Type: schema.TicketTask}
}

// firstResponse is the first comment of another than the reporter, or the first
// change of status, whichever was earlier.
func (i issue) firstResponse() *time.Time {
	var at *time.Time
	take := func(t time.Time) {
		if !t.IsZero() && (at == nil || t.Before(*at)) {
			at = &t
		}
	}
	for _, c := range i.Fields.Comment.Comments {
		if !c.Author.is(i.Fields.Reporter) {
			take(c.Created.Time)
		}
	}
	for _, h := range i.Changelog.Histories {
		if slices.ContainsFunc(h.Items, func(it item) bool { return it.is("status") }) {
			take(h.Created.Time)
		}
	}
	return at
}

// resolution is a moment at which the resolution was set or taken away.
type resolution struct {
	at  time.Time
	set bool
}

func (i issue) resolutions() []resolution {
	var out []resolution
	for _, h := range i.Changelog.Histories {
		for _, it := range h.Items {
			if it.is("resolution") && (it.From == "") != (it.To == "") {
				out = append(out, resolution{h.Created.Time, it.To != ""})
			}
		}
	}
	return out
}

// resolved is when the issue was resolved; a status of the category "done"
// without a resolution date is dated by the last change of status.
func (i issue) resolved() *time.Time {
	if t := i.Fields.ResolvedAt.Time; !t.IsZero() {
		return &t
	}
	if i.Fields.Status.Category.Key != "done" {
		return nil
	}
	at := i.Fields.Updated.Time
	for _, h := range i.Changelog.Histories {
		if slices.ContainsFunc(h.Items, func(it item) bool { return it.is("status") }) {
			at = h.Created.Time
		}
	}
	if at.IsZero() {
		return nil
	}
	return &at
}

func (s *Source) request(i issue, t *schema.Ticket) *schema.Request {
	res := i.Fields.Resolution
	cancelled := res != nil && slices.ContainsFunc(s.cfg.Cancelled, func(c string) bool { return strings.EqualFold(c, res.Name) })
	return ticket.Story{Ticket: t, Cancelled: cancelled}.Request()
}

// incident makes the updates of an issue that is an incident.
func incident(i issue, t *schema.Ticket) []schema.Fact {
	var out []schema.Fact
	seen := map[string]bool{}
	add := func(kind string, at time.Time) {
		u := &schema.IncidentUpdate{
			Meta: t.Meta, IncidentID: t.TicketID, At: at, Kind: kind, Title: t.Title, StartedAt: &t.CreatedAt,
			UpdateID: kind + "@" + at.Truncate(time.Second).Format(time.RFC3339),
		}
		if i.Fields.Priority != nil {
			u.Severity = i.Fields.Priority.Name
		}
		if t.ServiceRef != "" {
			u.ServiceRefs = []string{t.ServiceRef}
		} else {
			for _, c := range i.Fields.Components {
				u.ServiceRefs = append(u.ServiceRefs, Name+":"+c.Name)
			}
		}
		if !seen[u.UpdateID] {
			seen[u.UpdateID] = true
			out = append(out, u)
		}
	}
	add(schema.IncidentTriggered, t.CreatedAt)
	for _, r := range i.resolutions() {
		if r.set {
			add(schema.IncidentResolved, r.at)
		} else {
			add(schema.IncidentReopened, r.at)
		}
	}
	if t.ResolvedAt != nil {
		add(schema.IncidentResolved, *t.ResolvedAt)
	}
	return out
}

// deleted withdraws everything that the issue can have become, since its type
// may have changed.
func (s *Source) deleted(i issue, at time.Time) ([]schema.Fact, error) {
	if i.ID == "" {
		return nil, errors.New("issue without id")
	}
	meta := schema.Meta{Source: Name, Deleted: 1}
	if i.Fields.Updated.After(at) {
		// Clocks of one Jira differ; a deletion is the last that happens.
		at = i.Fields.Updated.Time
	}
	meta.Version = schema.NewVersion(at, rankDeleted)
	id := Name + ":" + i.ID
	out := []schema.Fact{
		&schema.Ticket{Meta: meta, TicketID: id, Project: i.Fields.Project.Key, CreatedAt: i.Fields.Created.Time},
		&schema.Request{Meta: meta, RequestID: id, Channel: schema.ChannelManual, CreatedAt: i.Fields.Created.Time},
	}
	if s.match(i).Type == schema.TicketIncident {
		meta.Deleted = 0
		out = append(out, &schema.IncidentUpdate{Meta: meta, IncidentID: id, UpdateID: schema.IncidentDeleted, At: at, Kind: schema.IncidentDeleted})
	}
	return out, nil
}

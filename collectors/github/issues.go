package github

import (
	"errors"
	"fmt"
	"time"

	"github.com/headway-metrics/headway/collectors/label"
	"github.com/headway-metrics/headway/collectors/ticket"
	"github.com/headway-metrics/headway/schema"
)

// issue makes a ticket, and beside it an incident or a manual request when the
// labels say so. Labels "capability:…", "service:…", "team:…", "category:…" and
// "theme:…" fill the fields of the same name.
func (s *Source) issue(p payload) ([]schema.Fact, error) {
	i := p.Issue
	if len(i.PullRequest) > 0 && string(i.PullRequest) != "null" {
		return nil, schema.Ignore("GitHub issue that is a pull request")
	}
	if i.Number == 0 {
		return nil, errors.New("an issue has no number")
	}
	if err := need("issue", i.CreatedAt, i.UpdatedAt); err != nil {
		return nil, err
	}
	gone := p.Action == "deleted" || p.Action == "transferred"
	m := meta(i.HTMLURL, i.UpdatedAt, 0)
	if gone {
		// Deleting does not change updated_at.
		m = meta(i.HTMLURL, i.UpdatedAt, 7)
		m.Deleted = 1
	}
	id, labels := p.changeID(i.Number), labelNames(i.Labels)
	t := &schema.Ticket{
		Meta: m, TicketID: id, Project: p.Repository.id(), Type: s.labels.Type(labels),
		Category: label.Value("category", labels), Theme: label.Value("theme", labels), Title: i.Title, Status: i.State,
		CapabilityID: label.Value("capability", labels), TeamRef: label.Value("team", labels), ServiceRef: label.Value("service", labels),
		CreatedAt: i.CreatedAt, ResolvedAt: i.ClosedAt, Labels: labels,
	}
	out := []schema.Fact{t}
	lost := func(is func([]string) bool) bool {
		return p.Action == "unlabeled" && p.Label != nil && is([]string{p.Label.Name}) && !is(labels)
	}
	if s.labels.Incident(labels) || lost(s.labels.Incident) {
		out = append(out, p.incident(gone || lost(s.labels.Incident))...)
	}
	if s.labels.Request(labels) || lost(s.labels.Request) {
		r := ticket.Story{Ticket: t, Cancelled: i.StateReason == "not_planned" || i.StateReason == "duplicate"}.Request()
		if lost(s.labels.Request) {
			r.Deleted = 1
		}
		out = append(out, r)
	}
	return out, nil
}

// incident makes the updates that the state of an issue tells: it began, and it
// was resolved, reopened or withdrawn.
func (p *payload) incident(withdrawn bool) []schema.Fact {
	i, labels := p.Issue, labelNames(p.Issue.Labels)
	update := func(kind string, at time.Time) schema.Fact {
		u := &schema.IncidentUpdate{
			Meta: meta(i.HTMLURL, i.UpdatedAt, 0), IncidentID: p.changeID(i.Number),
			UpdateID: fmt.Sprintf("%s@%s", kind, at.UTC().Format(time.RFC3339)), At: at, Kind: kind,
			Title: i.Title, Severity: label.Severity(labels), Cause: label.Value("cause", labels),
		}
		if ref := label.Value("service", labels); ref != "" {
			u.ServiceRefs = []string{ref}
		}
		return u
	}
	out := []schema.Fact{update(schema.IncidentTriggered, i.CreatedAt)}
	switch {
	case withdrawn:
		out = append(out, update(schema.IncidentDeleted, i.UpdatedAt))
	case i.State == "closed" && i.ClosedAt != nil:
		out = append(out, update(schema.IncidentResolved, *i.ClosedAt))
	case p.Action == "reopened":
		out = append(out, update(schema.IncidentReopened, i.UpdatedAt))
	}
	return out
}

package github

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// labelRules are the compiled Labels.
type labelRules struct{ incident, request, support, feature, bug []*regexp.Regexp }

func compileLabels(l Labels) (labelRules, error) {
	var out labelRules
	for _, k := range []struct {
		key  string
		from []string
		to   *[]*regexp.Regexp
	}{
		{"incident", l.Incident, &out.incident},
		{"request", l.Request, &out.request},
		{"support", l.Support, &out.support},
		{"feature", l.Feature, &out.feature},
		{"bug", l.Bug, &out.bug},
	} {
		for i, expr := range k.from {
			re, err := regexp.Compile(`(?i)^(?:` + expr + `)$`)
			if err != nil {
				return labelRules{}, fmt.Errorf("sources.github.labels.%s[%d]: %w; correct the regular expression", k.key, i, err)
			}
			*k.to = append(*k.to, re)
		}
	}
	return out, nil
}

func anyLabel(rules []*regexp.Regexp, labels ...label) bool {
	for _, re := range rules {
		for _, l := range labels {
			if re.MatchString(l.Name) {
				return true
			}
		}
	}
	return false
}

func (r labelRules) ticketType(labels []label) string {
	for _, k := range []struct {
		rules []*regexp.Regexp
		is    string
	}{
		{r.incident, schema.TicketIncident},
		{r.request, schema.TicketRequest},
		{r.support, schema.TicketSupport},
		{r.feature, schema.TicketFeature},
		{r.bug, schema.TicketBug},
	} {
		if anyLabel(k.rules, labels...) {
			return k.is
		}
	}
	return schema.TicketTask
}

// named is the value of a label written "key:value" or "key/value".
func named(key string, labels []label) string {
	for _, l := range labels {
		for _, sep := range []string{":", "/"} {
			k, v, ok := strings.Cut(l.Name, sep)
			if ok && strings.EqualFold(strings.TrimSpace(k), key) {
				return strings.TrimSpace(v)
			}
		}
	}
	return ""
}

var severityLabel = regexp.MustCompile(`(?i)^(?:sev-?[0-9]|p[0-9])$`)

func severity(labels []label) string {
	for _, l := range labels {
		if severityLabel.MatchString(l.Name) {
			return l.Name
		}
	}
	return named("severity", labels)
}

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
	id := p.changeID(i.Number)
	t := &schema.Ticket{
		Meta: m, TicketID: id, Project: p.Repository.id(), Type: s.labels.ticketType(i.Labels),
		Category: named("category", i.Labels), Theme: named("theme", i.Labels), Title: i.Title, Status: i.State,
		CapabilityID: named("capability", i.Labels), TeamRef: named("team", i.Labels), ServiceRef: named("service", i.Labels),
		CreatedAt: i.CreatedAt, ResolvedAt: i.ClosedAt, Labels: labelNames(i.Labels),
	}
	out := []schema.Fact{t}
	lost := func(rules []*regexp.Regexp) bool {
		return p.Action == "unlabeled" && p.Label != nil && anyLabel(rules, *p.Label) && !anyLabel(rules, i.Labels...)
	}
	if anyLabel(s.labels.incident, i.Labels...) || lost(s.labels.incident) {
		out = append(out, p.incident(gone || lost(s.labels.incident))...)
	}
	if anyLabel(s.labels.request, i.Labels...) || lost(s.labels.request) {
		r := &schema.Request{
			Meta: m, RequestID: id, CapabilityID: t.CapabilityID, Channel: schema.ChannelManual, Status: schema.RequestOpen,
			TeamRef: t.TeamRef, ServiceRef: t.ServiceRef, HumanSteps: 1, CreatedAt: i.CreatedAt, CompletedAt: i.ClosedAt,
		}
		if i.ClosedAt != nil {
			r.Status = schema.RequestCompleted
			if i.StateReason == "not_planned" || i.StateReason == "duplicate" {
				r.Status = schema.RequestCancelled
			}
		}
		if lost(s.labels.request) {
			r.Deleted = 1
		}
		out = append(out, r)
	}
	return out, nil
}

// incident makes the updates that the state of an issue tells: it began, and it
// was resolved, reopened or withdrawn.
func (p *payload) incident(withdrawn bool) []schema.Fact {
	i := p.Issue
	update := func(kind string, at time.Time) schema.Fact {
		u := &schema.IncidentUpdate{
			Meta: meta(i.HTMLURL, i.UpdatedAt, 0), IncidentID: p.changeID(i.Number),
			UpdateID: fmt.Sprintf("%s@%s", kind, at.UTC().Format(time.RFC3339)), At: at, Kind: kind,
			Title: i.Title, Severity: severity(i.Labels), Cause: named("cause", i.Labels),
		}
		if ref := named("service", i.Labels); ref != "" {
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

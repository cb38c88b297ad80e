package gitlab

import (
	"cmp"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/label"
	"github.com/headway-metrics/headway/collectors/ticket"
	"github.com/headway-metrics/headway/schema"
)

// ticketType is what an issue is by its own type, else by its labels.
func (i *issue) ticketType(rules label.Rules) string {
	if i.kind() == "incident" {
		return schema.TicketIncident
	}
	return rules.Type(i.Labels)
}

// severity by label, else the incident's own.
func (i *issue) severity() string {
	if s := label.Severity(i.Labels); s != "" {
		return s
	}
	if s := strings.ToLower(i.Severity); s != "unknown" {
		return s
	}
	return ""
}

// issueHook is docs.gitlab.com, Webhook events, Work item events.
type issueHook struct {
	envelope
	Issue   *issue `json:"object_attributes"`
	Labels  labels `json:"labels"`
	Changes struct {
		Labels *struct {
			Previous labels `json:"previous"`
		} `json:"labels"`
	} `json:"changes"`
}

func (h issueHook) facts(rules label.Rules) ([]schema.Fact, error) {
	i := h.Issue
	if i == nil {
		return nil, errors.New("the payload has no object_attributes")
	}
	if err := i.ignored(); err != nil {
		return nil, err
	}
	if h.repo() == "" {
		return nil, errNoProject
	}
	if h.Labels != nil {
		i.Labels = h.Labels
	}
	if i.State == "closed" && i.ClosedAt.IsZero() {
		if i.Action != "close" {
			// It would move the closing to the time of this change.
			return nil, schema.Ignore("GitLab issue changed after it was closed")
		}
		i.ClosedAt = i.UpdatedAt
	}
	var before labels
	if h.Changes.Labels != nil {
		before = h.Changes.Labels.Previous
	}
	out, err := i.facts(h.repo(), rules, before, 0)
	if err != nil {
		return nil, err
	}
	if i.Action == "reopen" && i.ticketType(rules) == schema.TicketIncident {
		out = append(out, i.update(h.repo(), schema.IncidentReopened, i.UpdatedAt.Time))
	}
	return out, nil
}

// ignored is the error of a work item that is no ticket, such as an epic.
func (i *issue) ignored() error {
	switch i.kind() {
	case "", "issue", "incident", "task", "ticket":
		return nil
	}
	// Types can be made up; only a plain name is repeated.
	if name := strings.ReplaceAll(i.kind(), " ", "_"); kindName.MatchString(name) {
		return schema.Ignore("GitLab work item " + name)
	}
	return schema.Ignore("GitLab work item of another type")
}

// facts makes a ticket, and beside it an incident or a manual request when the
// issue is one. Labels "capability::…", "service::…", "team::…", "category::…" and
// "theme::…" fill the fields of the same name. before are the labels that it had
// before this change, when that is known.
func (i *issue) facts(repo string, rules label.Rules, before labels, fuller uint8) ([]schema.Fact, error) {
	if i.IID == 0 {
		return nil, errors.New("an issue has no iid")
	}
	if err := need("issue", i.CreatedAt, i.UpdatedAt); err != nil {
		return nil, err
	}
	closed := i.State == "closed" && !i.ClosedAt.IsZero()
	rank := fuller + rankOpen
	if closed {
		rank = fuller + rankStarted
	}
	m := meta(cmp.Or(i.URL, i.WebURL), seconds(i.UpdatedAt), rank)
	// One that moved to another project goes on there, under another number.
	gone := i.MovedToID != 0
	if gone {
		m = meta(m.URL, seconds(i.UpdatedAt), rankGone)
		m.Deleted = 1
	}
	t := &schema.Ticket{
		Meta: m, TicketID: changeID(repo, i.IID), Project: repo, Type: i.ticketType(rules), Category: label.Value("category", i.Labels),
		Theme: label.Value("theme", i.Labels), Title: i.Title, Status: i.State, CapabilityID: label.Value("capability", i.Labels),
		TeamRef: label.Value("team", i.Labels), ServiceRef: label.Value("service", i.Labels), CreatedAt: i.CreatedAt.Time, Labels: append([]string{}, i.Labels...),
	}
	if i.Confidential {
		t.Title = ""
	}
	if closed {
		t.ResolvedAt = i.ClosedAt.ptr()
	}
	out := []schema.Fact{t}
	lost := func(is func([]string) bool) bool { return is(before) && !is(i.Labels) }
	switch {
	case t.Type == schema.TicketIncident && !gone:
		out = append(out, i.update(repo, schema.IncidentTriggered, i.CreatedAt.Time))
		if closed {
			out = append(out, i.update(repo, schema.IncidentResolved, i.ClosedAt.Time))
		}
	case t.Type == schema.TicketIncident || lost(rules.Incident):
		out = append(out, i.update(repo, schema.IncidentTriggered, i.CreatedAt.Time), i.update(repo, schema.IncidentDeleted, i.UpdatedAt.Time))
	}
	if rules.Request(i.Labels) || lost(rules.Request) {
		out = append(out, i.request(t, lost(rules.Request)))
	}
	return out, nil
}

func (i *issue) request(t *schema.Ticket, withdrawn bool) *schema.Request {
	r := ticket.Story{Ticket: t, Cancelled: i.DuplicatedToID != 0}.Request()
	if withdrawn {
		r.Deleted = 1
	}
	return r
}

// alertStart is the line that GitLab writes into an incident that it makes of an
// alert: when the trouble began, to the minute.
var alertStart = regexp.MustCompile(`(?m)^\*\*Start time:\*\* ([0-9]{1,2} [A-Z][a-z]+ [0-9]{4}, [0-9]{1,2}:[0-9]{2}[AP]M) \(UTC\)\s*$`)

// update makes something that happened to an incident. Without a label
// "service::…" it concerns the services of its project.
func (i *issue) update(repo, kind string, at time.Time) schema.Fact {
	u := &schema.IncidentUpdate{
		Meta: meta(cmp.Or(i.URL, i.WebURL), seconds(i.UpdatedAt), 0), IncidentID: changeID(repo, i.IID),
		UpdateID: kind + "@" + at.UTC().Format(time.RFC3339), At: at, Kind: kind, Title: i.Title,
		Severity: i.severity(), Cause: label.Value("cause", i.Labels), ServiceRefs: []string{cmp.Or(label.Value("service", i.Labels), repo)},
	}
	if i.Confidential {
		u.Title = ""
	}
	if m := alertStart.FindStringSubmatch(i.Description); m != nil {
		if t, err := time.Parse("2 January 2006, 3:04PM", m[1]); err == nil {
			u.StartedAt = &t
		}
	}
	return u
}

package zendesk

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
	"github.com/headway-metrics/headway/collectors/ticket"
	"github.com/headway-metrics/headway/schema"
)

// typeExported is a ticket as the export gives it.
const typeExported = Name + ".rest.ticket"

// eventPrefix is before every type of a webhook.
const eventPrefix = "zen:event-type:"

// Ranks inside one moment: the export knows the history and beats a webhook, and a
// deletion beats both.
const (
	rankWebhook  = 0
	rankExported = 1
	rankDeleted  = 2
)

// delivery is a webhook.
type delivery struct {
	ID     string    `json:"id"`
	Type   string    `json:"type"`
	Time   time.Time `json:"time"`
	Detail record    `json:"detail"`
	Event  struct {
		// Current and Previous are strings where the status changed.
		Current  json.RawMessage `json:"current"`
		Previous json.RawMessage `json:"previous"`
	} `json:"event"`
}

// Verify checks X-Zendesk-Webhook-Signature and its time.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes the one event of a delivery.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var d struct {
		ID      string `json:"id"`
		Type    string `json:"type"`
		Subject string `json:"subject"`
	}
	if json.Unmarshal(body, &d) != nil || !strings.HasPrefix(d.Type, eventPrefix) {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	key := strings.TrimPrefix(d.Subject, "zen:ticket:")
	return []schema.Event{{
		// What is sent again has the same id inside, under another of the delivery.
		ID: cmp.Or(d.ID, schema.EventID("webhook", string(body))), Source: Name, Type: Name + "." + strings.TrimPrefix(d.Type, eventPrefix),
		Subject: key, Time: received.UTC(), Key: key, ContentType: header.Get("Content-Type"), Data: body,
	}}, nil
}

// Normalize turns an exported ticket or a webhook into a ticket and what else its
// type makes of it.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type == typeExported {
		var r record
		if err := json.Unmarshal(ev.Data, &r); err != nil {
			return nil, fmt.Errorf("reading a ticket: %w", err)
		}
		return s.exported(r)
	}
	var d delivery
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		return nil, fmt.Errorf("reading a webhook: %w", err)
	}
	kind := strings.TrimPrefix(d.Type, eventPrefix)
	if Name+"."+kind != ev.Type {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	about, what, _ := strings.Cut(kind, ".")
	switch about {
	case "ticket":
		return s.told(what, d)
	case "user", "organization", "article", "community_post", "agent", "omnichannel_config", "messaging_ticket", "custom_object":
		return nil, schema.Ignore("Zendesk event about " + about)
	}
	return nil, fmt.Errorf("event type %.80q is unknown", d.Type)
}

func (s *Source) exported(r record) ([]schema.Fact, error) {
	story, err := s.story(r, rankExported)
	if err != nil {
		return nil, err
	}
	if r.Generated > r.UpdatedAt.Unix() && r.Generated < schema.MaxTime.Unix() {
		// The same update told again, perhaps with other metrics.
		story.Version = schema.NewVersion(time.Unix(r.Generated, 0), rankExported)
	}
	if r.Status == "deleted" {
		story.Version = schema.NewVersion(schema.VersionTime(story.Version), rankDeleted)
		return story.Withdrawn(r.UpdatedAt), nil
	}
	return story.Facts(), nil
}

// told reads a webhook about a ticket.
func (s *Source) told(what string, d delivery) ([]schema.Fact, error) {
	d.Detail.Type, d.Detail.Status = strings.ToLower(d.Detail.Type), strings.ToLower(d.Detail.Status)
	changed := func(to json.RawMessage) string {
		var status string
		if json.Unmarshal(to, &status) != nil {
			return ""
		}
		return strings.ToLower(status)
	}
	var reopened *time.Time
	switch what {
	case "created":
	case "soft_deleted", "permanently_deleted", "marked_as_spam":
		if d.Time.IsZero() {
			return nil, errors.New("deletion without a time")
		}
		d.Detail.UpdatedAt = d.Time
		story, err := s.story(d.Detail, rankDeleted)
		if err != nil {
			return nil, err
		}
		return story.Withdrawn(d.Time), nil
	case "status_changed":
		from, to := changed(d.Event.Previous), changed(d.Event.Current)
		if d.Time.IsZero() || to == "" {
			return nil, errors.New("change of status without a time or the status")
		}
		if s.cfg.Token != "" {
			return nil, errLater
		}
		if to == "closed" && from == "solved" {
			return nil, schema.Ignore("Zendesk ticket closed, which was solved before")
		}
		d.Detail.Status = to
		d.Detail.UpdatedAt = d.Time
		if from == "solved" {
			reopened = &d.Time
		}
	case "subject_changed", "priority_changed", "tags_changed", "type_changed", "ticket_type_changed", "group_assignment_changed", "form_changed",
		"brand_changed", "undeleted":
		if s.cfg.Token != "" {
			return nil, errLater
		}
		if d.Detail.done() {
			return nil, schema.Ignore("Zendesk ticket changed after it was solved")
		}
	default:
		return nil, schema.Ignore("Zendesk ticket event " + what)
	}
	story, err := s.story(d.Detail, rankWebhook)
	if err != nil {
		return nil, err
	}
	story.ReopenedAt = reopened
	return story.Facts(), nil
}

// errLater leaves a change to the export, which also knows what the webhook does not.
var errLater = schema.Ignore("Zendesk change that the export tells")

func (s *Source) story(r record, rank uint8) (ticket.Story, error) {
	if r.ID == "" || r.CreatedAt.IsZero() || r.UpdatedAt.IsZero() {
		return ticket.Story{}, errors.New("ticket without id, created_at or updated_at")
	}
	kind := s.match(r)
	t := &schema.Ticket{
		TicketID: Name + ":" + string(r.ID), Project: string(r.GroupID), Type: kind.Type, Title: r.Subject, Status: r.Status,
		Category:     cmp.Or(r.text(s.cfg.Fields.Category), kind.Category),
		Theme:        cmp.Or(r.text(s.cfg.Fields.Theme), kind.Theme),
		CapabilityID: cmp.Or(r.text(s.cfg.Fields.Capability), kind.Capability),
		TeamRef:      r.text(s.cfg.Fields.Team), ServiceRef: r.text(s.cfg.Fields.Service),
		CreatedAt: r.CreatedAt, FirstResponseAt: r.firstResponse(), ResolvedAt: r.resolved(), Labels: r.Tags,
	}
	t.Source, t.URL, t.Version = Name, s.cfg.URL+"/agent/tickets/"+string(r.ID), schema.NewVersion(r.UpdatedAt, rank)
	if r.Metrics != nil {
		t.Reopened = r.Metrics.Reopens
	}
	cancelled := len(s.cfg.Cancelled) > 0 && ticket.Has(s.cfg.Cancelled, r.Tags...)
	return ticket.Story{Ticket: t, Severity: strings.ToLower(r.Priority), Cancelled: cancelled, ReopenedAt: r.reopened()}, nil
}

// match is the first rule that fits. Without one every ticket is support: an
// incident of Zendesk is a report of a customer.
func (s *Source) match(r record) ticket.Kind {
	i := slices.IndexFunc(s.cfg.Rules, func(rule Rule) bool {
		return ticket.Has(rule.Types, r.Type) && ticket.Has(rule.Tags, r.Tags...) && ticket.Has(rule.Groups, string(r.GroupID)) &&
			ticket.Has(rule.Forms, string(cmp.Or(r.FormID, r.HookForm))) && ticket.Has(rule.Brands, string(r.BrandID))
	})
	switch {
	case i >= 0:
		return s.cfg.Rules[i].Kind
	case r.Type == "task":
		return ticket.Kind{Type: schema.TicketTask}
	}
	return ticket.Kind{Type: schema.TicketSupport}
}

package api

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Ticket is one item of a ticket system. Sending the same id again updates it.
type Ticket struct {
	ID string `json:"id"`
	// Type is bug, incident, support, feature, request or task; left out it is task.
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  string `json:"status"`
	Project string `json:"project"`
	// Category groups support tickets, Theme feature requests.
	Category string `json:"category"`
	Theme    string `json:"theme"`
	// Capability is the id of the platform capability concerned, Team the team that
	// asks, Service the service concerned.
	Capability      string     `json:"capability"`
	Team            string     `json:"team"`
	Service         string     `json:"service"`
	CreatedAt       *time.Time `json:"created_at"`
	FirstResponseAt *time.Time `json:"first_response_at"`
	ResolvedAt      *time.Time `json:"resolved_at"`
	// Reopened is how often it was opened again.
	Reopened  uint32     `json:"reopened"`
	Labels    []string   `json:"labels"`
	Deleted   bool       `json:"deleted"`
	UpdatedAt *time.Time `json:"updated_at"`
	URL       string     `json:"url"`
}

func (t *Ticket) key() string { return t.ID }

func (t *Ticket) validate() error {
	types := []string{"", schema.TicketBug, schema.TicketIncident, schema.TicketSupport, schema.TicketFeature, schema.TicketRequest, schema.TicketTask}
	err := errors.Join(need("id", t.ID), oneOf("type", t.Type, types...))
	switch {
	case t.CreatedAt == nil:
		err = errors.Join(err, errors.New("created_at: is required"))
	case t.ResolvedAt != nil && t.ResolvedAt.Before(*t.CreatedAt):
		err = errors.Join(err, errors.New("resolved_at: is before created_at"))
	case t.FirstResponseAt != nil && t.FirstResponseAt.Before(*t.CreatedAt):
		err = errors.Join(err, errors.New("first_response_at: is before created_at"))
	}
	if slices.Contains(t.Labels, "") {
		err = errors.Join(err, errors.New("labels: holds an empty label"))
	}
	return err
}

func (t *Ticket) facts(from Origin) []schema.Fact {
	status := "open"
	if t.ResolvedAt != nil {
		status = "closed"
	}
	return []schema.Fact{&schema.Ticket{
		Meta:     from.meta(t.URL, t.Deleted, t.UpdatedAt, t.CreatedAt, t.FirstResponseAt, t.ResolvedAt),
		TicketID: from.Source + ":" + t.ID, Project: t.Project, Type: cmp.Or(t.Type, schema.TicketTask), Category: t.Category, Theme: t.Theme,
		Title: t.Title, Status: cmp.Or(t.Status, status), CapabilityID: t.Capability, TeamRef: t.Team, ServiceRef: t.Service,
		CreatedAt: *t.CreatedAt, FirstResponseAt: t.FirstResponseAt, ResolvedAt: t.ResolvedAt, Reopened: t.Reopened, Labels: t.Labels,
	}}
}

// Package ticket holds what sources of tickets share: the part of a rule that says
// what a ticket is, and the facts that follow from it. How a system looks, and what
// its rules match, may not enter.
package ticket

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Kind is what a rule makes of the tickets that it matches.
type Kind struct {
	// Type is bug, incident, support, feature, request or task.
	Type string `yaml:"type" json:"type" jsonschema:"description=What the ticket is,enum=bug,enum=incident,enum=support,enum=feature,enum=request,enum=task"`
	// Category, Theme and Capability are set where the fields give none.
	Category   string `yaml:"category" json:"category,omitempty" jsonschema:"description=Category where the field gives none"`
	Theme      string `yaml:"theme" json:"theme,omitempty" jsonschema:"description=Theme where the field gives none"`
	Capability string `yaml:"capability" json:"capability,omitempty" jsonschema:"description=Capability where the field gives none"`
}

// Check says whether the i-th rule has a type, and which it may have.
func (k Kind) Check(i int) error {
	types := []string{schema.TicketBug, schema.TicketIncident, schema.TicketSupport, schema.TicketFeature, schema.TicketRequest, schema.TicketTask}
	if !slices.Contains(types, k.Type) {
		return fmt.Errorf("rules[%d].type is %q: write one of %s", i, k.Type, strings.Join(types, ", "))
	}
	return nil
}

// Fields name the custom fields that hold what the system has no field for.
type Fields struct {
	Team       string `yaml:"team" json:"team,omitempty" jsonschema:"description=Field with the team"`
	Service    string `yaml:"service" json:"service,omitempty" jsonschema:"description=Field with the service"`
	Category   string `yaml:"category" json:"category,omitempty" jsonschema:"description=Field with the category"`
	Theme      string `yaml:"theme" json:"theme,omitempty" jsonschema:"description=Field with the theme of a feature request"`
	Capability string `yaml:"capability" json:"capability,omitempty" jsonschema:"description=Field with the capability of the platform"`
}

// All are the fields that are named.
func (f Fields) All() []string {
	return slices.DeleteFunc([]string{f.Team, f.Service, f.Category, f.Theme, f.Capability}, func(s string) bool { return s == "" })
}

// Has reports whether one of have is wanted, without case; an empty list wants all.
func Has(want []string, have ...string) bool {
	return len(want) == 0 || slices.ContainsFunc(want, func(w string) bool {
		return slices.ContainsFunc(have, func(h string) bool { return strings.EqualFold(w, h) })
	})
}

// Story is a ticket and what else its source knows of it.
type Story struct {
	*schema.Ticket
	// Severity of the ticket as the system names it, for an incident.
	Severity string
	// Cancelled says that a request was not served, or an incident was none.
	Cancelled bool
	// ReopenedAt is the last time the ticket was reopened, when that is known.
	ReopenedAt *time.Time
}

// Facts are the ticket and what its type makes of it: a request with a capability is
// a manual schema.Request, and an incident an incident's updates.
func (s Story) Facts() []schema.Fact {
	t := s.Ticket
	out := []schema.Fact{t}
	switch {
	case t.Type == schema.TicketIncident:
		out = append(out, s.updates()...)
	case t.Type == schema.TicketRequest && t.CapabilityID != "":
		out = append(out, s.Request())
	}
	return out
}

// Request is the ticket as one that people serve.
func (s Story) Request() *schema.Request {
	t := s.Ticket
	r := &schema.Request{
		Meta: t.Meta, RequestID: t.TicketID, CapabilityID: t.CapabilityID, Channel: schema.ChannelManual, Status: schema.RequestOpen,
		TeamRef: t.TeamRef, ServiceRef: t.ServiceRef, HumanSteps: 1, CreatedAt: t.CreatedAt, CompletedAt: t.ResolvedAt,
	}
	if t.ResolvedAt != nil {
		r.Status = schema.RequestCompleted
		if s.Cancelled {
			r.Status = schema.RequestCancelled
		}
	}
	return r
}

func (s Story) updates() []schema.Fact {
	out := []schema.Fact{s.update(schema.IncidentTriggered, s.CreatedAt)}
	if s.ReopenedAt != nil {
		u := s.update(schema.IncidentReopened, *s.ReopenedAt)
		if s.Reopened > 0 {
			// One update for each reopening, whatever the time it is told for.
			u.UpdateID = fmt.Sprintf("%s#%d", schema.IncidentReopened, s.Reopened)
		}
		out = append(out, u)
	}
	if s.ResolvedAt != nil {
		kind := schema.IncidentResolved
		if s.Cancelled {
			kind = schema.IncidentDeleted
		}
		out = append(out, s.update(kind, *s.ResolvedAt))
	}
	return out
}

func (s Story) update(kind string, at time.Time) *schema.IncidentUpdate {
	u := &schema.IncidentUpdate{
		Meta: s.Meta, IncidentID: s.TicketID, At: at, Kind: kind, Title: s.Title, Severity: s.Severity, StartedAt: &s.CreatedAt,
		UpdateID: kind + "@" + at.UTC().Truncate(time.Second).Format(time.RFC3339),
	}
	if s.ServiceRef != "" {
		u.ServiceRefs = []string{s.ServiceRef}
	}
	return u
}

// Withdrawn withdraws everything that the ticket can have become at a time, since
// its type may have changed.
func (s Story) Withdrawn(at time.Time) []schema.Fact {
	meta := s.Meta
	meta.Deleted = 1
	out := []schema.Fact{
		&schema.Ticket{Meta: meta, TicketID: s.TicketID, Project: s.Project, CreatedAt: s.CreatedAt},
		&schema.Request{Meta: meta, RequestID: s.TicketID, Channel: schema.ChannelManual, CreatedAt: s.CreatedAt},
	}
	if s.Type == schema.TicketIncident {
		out = append(out, s.update(schema.IncidentDeleted, at))
	}
	return out
}

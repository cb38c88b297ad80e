package ticket_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors/ticket"
	"github.com/headway-metrics/headway/schema"
)

func at(minute int) *time.Time {
	t := time.Date(2026, 5, 1, 10, minute, 0, 0, time.UTC)
	return &t
}

func describe(facts []schema.Fact) []string {
	var out []string
	for _, f := range facts {
		switch f := f.(type) {
		case *schema.Ticket:
			out = append(out, fmt.Sprintf("ticket %d", f.Deleted))
		case *schema.Request:
			out = append(out, fmt.Sprintf("request %s %d", f.Status, f.Deleted))
		case *schema.IncidentUpdate:
			out = append(out, f.Kind+f.At.Format(" 15:04"))
		}
	}
	return out
}

func TestFacts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		story ticket.Story
		want  []string
	}{
		"support":                    {ticket.Story{Ticket: &schema.Ticket{Type: schema.TicketSupport}}, []string{"ticket 0"}},
		"request without capability": {ticket.Story{Ticket: &schema.Ticket{Type: schema.TicketRequest}}, []string{"ticket 0"}},
		"open request":               {ticket.Story{Ticket: &schema.Ticket{Type: schema.TicketRequest, CapabilityID: "db"}}, []string{"ticket 0", "request open 0"}},
		"served":                     {ticket.Story{Ticket: &schema.Ticket{Type: schema.TicketRequest, CapabilityID: "db", ResolvedAt: at(9)}}, []string{"ticket 0", "request completed 0"}},
		"not served": {
			ticket.Story{Ticket: &schema.Ticket{Type: schema.TicketRequest, CapabilityID: "db", ResolvedAt: at(9)}, Cancelled: true},
			[]string{"ticket 0", "request cancelled 0"},
		},
		"incident": {
			ticket.Story{Ticket: &schema.Ticket{Type: schema.TicketIncident, CreatedAt: *at(0), ResolvedAt: at(9)}, ReopenedAt: at(5)},
			[]string{"ticket 0", "triggered 10:00", "reopened 10:05", "resolved 10:09"},
		},
		"incident that was none": {
			ticket.Story{Ticket: &schema.Ticket{Type: schema.TicketIncident, CreatedAt: *at(0), ResolvedAt: at(9)}, Cancelled: true},
			[]string{"ticket 0", "triggered 10:00", "deleted 10:09"},
		},
	} {
		if got := describe(c.story.Facts()); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	counted := ticket.Story{Ticket: &schema.Ticket{Type: schema.TicketIncident, Reopened: 2}, ReopenedAt: at(5)}.Facts()[2].(*schema.IncidentUpdate)
	if counted.UpdateID != "reopened#2" {
		t.Errorf("the second reopening is %s", counted.UpdateID)
	}
	if got := describe(ticket.Story{Ticket: &schema.Ticket{Type: schema.TicketIncident}}.Withdrawn(*at(1))); !slices.Equal(got, []string{"ticket 1", "request  1", "deleted 10:01"}) {
		t.Errorf("withdrawn: %q", got)
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	if !ticket.Has(nil) || !ticket.Has([]string{"a", "B"}, "b") || ticket.Has([]string{"a"}, "b") || ticket.Has([]string{"a"}) {
		t.Error("an empty list wants all, another one of its own, without case")
	}
	if got := (ticket.Fields{Team: "1", Theme: "2"}).All(); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("fields %q", got)
	}
	if (ticket.Kind{Type: schema.TicketBug}).Check(0) != nil || (ticket.Kind{Type: "wish"}).Check(3) == nil {
		t.Error("types")
	}
}

package servicenow

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/ticket"
	"github.com/headway-metrics/headway/schema"
)

// typeRow is a row of the Table API; its event's subject is "table/sys_id".
const typeRow = Name + ".rest.row"

// Ranks inside one moment: a business rule may leave columns out, and a deletion is
// the last that happens.
const (
	rankSent    = 0
	rankListed  = 1
	rankDeleted = 2
)

// delivery is what the business rule of README.md sends.
type delivery struct {
	Table string `json:"table"`
	// Action is insert, update or delete.
	Action string `json:"action"`
	// At is when, in UTC.
	At     cell   `json:"at"`
	Record record `json:"record"`
}

// Verify checks the shared secret.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes the one event of a delivery.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var d struct {
		Table  string `json:"table"`
		Action string `json:"action"`
		Record struct {
			ID cell `json:"sys_id"`
		} `json:"record"`
	}
	if json.Unmarshal(body, &d) != nil || d.Action == "" {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	id := d.Record.ID.Value
	return []schema.Event{{
		// There is no delivery id; what is sent again is the same body.
		ID: schema.EventID("action", string(body)), Source: Name, Type: Name + "." + d.Action, Subject: d.Table + "/" + id,
		Time: received.UTC(), Key: id, ContentType: header.Get("Content-Type"), Data: body,
	}}, nil
}

// Normalize turns a row or what a business rule sent into a ticket and what else its
// type makes of it.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type == typeRow {
		var r record
		if err := json.Unmarshal(ev.Data, &r); err != nil {
			return nil, fmt.Errorf("reading a row: %w", err)
		}
		table, _, _ := strings.Cut(ev.Subject, "/")
		story, err := s.story(cmp.Or(table, r["sys_class_name"].Value), r, rankListed)
		if err != nil {
			return nil, err
		}
		return story.Facts(), nil
	}
	var d delivery
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		return nil, fmt.Errorf("reading what a business rule sent: %w", err)
	}
	if Name+"."+d.Action != ev.Type {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	switch d.Action {
	case "insert", "update":
		story, err := s.story(d.Table, d.Record, rankSent)
		if err != nil {
			return nil, err
		}
		return story.Facts(), nil
	case "delete":
		story, err := s.story(d.Table, d.Record, rankDeleted)
		if err != nil {
			return nil, err
		}
		at, err := record{"at": d.At}.time("at")
		if err != nil || at.IsZero() {
			return nil, errors.Join(errors.New("deletion without a time"), err)
		}
		return story.Withdrawn(at), nil
	}
	return nil, fmt.Errorf("action %.40q is unknown", d.Action)
}

func (s *Source) story(table string, r record, rank uint8) (ticket.Story, error) {
	at, err := r.times("sys_created_on", "sys_updated_on", "opened_at", "resolved_at", "closed_at", "reopened_time", s.cfg.FirstResponse)
	if err != nil {
		return ticket.Story{}, err
	}
	id, updated, created := r["sys_id"].Value, at["sys_updated_on"], at["sys_created_on"]
	if o := at["opened_at"]; o != nil {
		created = o
	}
	if id == "" || table == "" || updated == nil || created == nil {
		return ticket.Story{}, errors.New("row without table, sys_id, sys_created_on or sys_updated_on")
	}
	kind := s.match(table, r)
	t := &schema.Ticket{
		TicketID: Name + ":" + id, Project: table, Type: kind.Type, Title: r["short_description"].Value, Status: r.text("state"),
		Category:     cmp.Or(r.text(s.cfg.Fields.Category), kind.Category),
		Theme:        cmp.Or(r.text(s.cfg.Fields.Theme), kind.Theme),
		CapabilityID: cmp.Or(r.text(s.cfg.Fields.Capability), kind.Capability),
		TeamRef:      r.text(s.cfg.Fields.Team), ServiceRef: r.text(s.cfg.Fields.Service),
		CreatedAt: *created, FirstResponseAt: at[s.cfg.FirstResponse],
	}
	story := ticket.Story{
		Ticket: t, Severity: r.text("priority"),
		Cancelled: len(s.cfg.Cancelled) > 0 && ticket.Has(s.cfg.Cancelled, r["state"].Shown, r["close_code"].Value, r["close_code"].Shown),
	}
	if r.over(table) {
		t.ResolvedAt = cmp.Or(at["resolved_at"], at["closed_at"], updated)
	} else {
		story.ReopenedAt = at["reopened_time"]
	}
	if n, err := strconv.ParseUint(r["reopen_count"].Value, 10, 32); err == nil {
		t.Reopened = uint32(n)
	}
	// The count of changes orders those of one second.
	changed := updated.Add(time.Duration(min(r.changes(), 999)) * time.Millisecond)
	t.Source, t.URL, t.Version = Name, s.cfg.URL+"/"+table+".do?sys_id="+id, schema.NewVersion(changed, rank)
	return story, nil
}

// match is the first rule that fits, or what the table holds.
func (s *Source) match(table string, r record) ticket.Kind {
	i := slices.IndexFunc(s.cfg.Rules, func(rule Rule) bool {
		return ticket.Has(rule.Tables, table, r["sys_class_name"].Value) && ticket.Has(rule.Groups, r.both("assignment_group")...) &&
			ticket.Has(rule.Categories, r.both("category")...) && ticket.Has(rule.Priorities, r.both("priority")...) &&
			ticket.Has(rule.Items, r.both("cat_item")...)
	})
	if i >= 0 {
		return s.cfg.Rules[i].Kind
	}
	switch table {
	case "incident":
		if p := r["priority"].Value; p == "1" || p == "2" {
			return ticket.Kind{Type: schema.TicketIncident}
		}
		return ticket.Kind{Type: schema.TicketSupport}
	case "sc_request", "sc_req_item", "sc_task":
		return ticket.Kind{Type: schema.TicketRequest}
	case "problem":
		return ticket.Kind{Type: schema.TicketBug}
	}
	return ticket.Kind{Type: schema.TicketTask}
}

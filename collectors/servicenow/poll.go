package servicenow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

const (
	pageSize = 500
	// pagesPerPoll are read of a table before the cursor is saved.
	pagesPerPoll = 10
	// overlap is read again: a change shows when it is committed, which is after its
	// time.
	overlap = time.Minute
)

// columns are asked for beside those that the configuration names.
var columns = []string{
	"sys_id", "sys_class_name", "number", "short_description", "state", "active", "priority", "category", "assignment_group", "business_service",
	"cat_item", "close_code", "opened_at", "resolved_at", "closed_at", "reopened_time", "reopen_count", "sys_created_on", "sys_updated_on", "sys_mod_count",
}

// cursor is how far each table was read.
type cursor struct {
	Tables map[string]state `json:"tables"`
}

// state is the last row that was read: its change, and inside a list its id.
type state struct {
	At time.Time `json:"at"`
	ID string    `json:"id,omitempty"`
}

// Interval between two polls; 0 without a token.
func (s *Source) Interval() time.Duration {
	if s.cfg.Token == "" {
		return 0
	}
	return s.cfg.Interval
}

// Poll reads the rows that changed, oldest change first.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	var c cursor
	if len(from) > 0 {
		if err := json.Unmarshal(from, &c); err != nil {
			return nil, fmt.Errorf("reading the cursor of servicenow: %w", err)
		}
	}
	next := cursor{Tables: map[string]state{}}
	var errs []error
	inside, more := c.inside(), false
	for _, table := range s.cfg.Tables {
		st, known := c.Tables[table]
		switch {
		case !known:
			st.At = s.now().UTC().Add(-s.cfg.History)
		case inside && st.ID == "":
			// While one list goes on, those at their end wait.
			next.Tables[table] = st
			continue
		case st.ID == "":
			st.At = st.At.Add(-overlap)
		}
		begun, was := st, c.Tables[table]
		err := s.table(ctx, table, &st, emit)
		if err != nil {
			errs = append(errs, fmt.Errorf("asking ServiceNow for %s: %w", table, err))
		}
		if err != nil && st == begun {
			// Nothing was read: do not go back further each time.
			st = was
		}
		if st.ID == "" && st.At.Before(was.At) {
			st.At = was.At
		}
		if !st.At.IsZero() {
			next.Tables[table] = st
		}
		more = more || st.ID != ""
	}
	to, err := json.Marshal(next)
	switch {
	case err != nil:
		return from, errors.Join(append(errs, fmt.Errorf("writing the cursor of servicenow: %w", err))...)
	case len(errs) > 0:
		return to, errors.Join(errs...)
	case more:
		return to, collectors.ErrMore
	}
	return to, nil
}

func (c cursor) inside() bool {
	for _, st := range c.Tables {
		if st.ID != "" {
			return true
		}
	}
	return false
}

// table reads pages until one is empty: a short page only means that there are rows
// which the user may not see.
func (s *Source) table(ctx context.Context, table string, st *state, emit collectors.Emit) error {
	for range pagesPerPoll {
		rows, err := s.page(ctx, table, *st, pageSize)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			st.ID = ""
			return nil
		}
		events := make([]schema.Event, 0, len(rows))
		last := *st
		for _, row := range rows {
			var r record
			// What cannot be read is published all the same, for the dead letters.
			if json.Unmarshal(row, &r) != nil {
				r = nil
			}
			id := r["sys_id"].Value
			if at, err := r.time("sys_updated_on"); err == nil && !at.IsZero() && id != "" {
				last = state{At: at, ID: id}
			}
			events = append(events, schema.Event{
				ID: schema.EventID("row", table, id, string(row)), Source: Name, Type: typeRow, Subject: table + "/" + id, Time: s.now().UTC(), Key: id, Data: row,
			})
		}
		if err := emit(ctx, events...); err != nil {
			return err
		}
		if last == *st {
			return errors.New("no row of a page has a sys_id and a sys_updated_on; the user may not read these columns")
		}
		*st = last
	}
	return nil
}

// page reads the rows after a place in the order of their changes.
func (s *Source) page(ctx context.Context, table string, after state, limit int) ([]json.RawMessage, error) {
	at := after.At.UTC().Format(layout)
	query := s.and("sys_updated_on>=" + at)
	if after.ID != "" {
		query = s.and("sys_updated_on="+at+"^sys_id>"+after.ID) + "^NQ" + s.and("sys_updated_on>"+at)
	}
	asked := slices.Concat(columns, s.cfg.Fields.All(), []string{s.cfg.FirstResponse})
	slices.Sort(asked)
	asked = slices.DeleteFunc(slices.Compact(asked), func(c string) bool { return c == "" })
	raw, err := s.client.Get(ctx, "/api/now/table/"+table, url.Values{
		"sysparm_query":                  {query + "^ORDERBYsys_updated_on^ORDERBYsys_id"},
		"sysparm_fields":                 {strings.Join(asked, ",")},
		"sysparm_display_value":          {"all"},
		"sysparm_exclude_reference_link": {"true"},
		"sysparm_no_count":               {"true"},
		"sysparm_limit":                  {strconv.Itoa(limit)},
	})
	if err != nil {
		return nil, err
	}
	var list struct {
		Result []json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("reading the rows: %w", err)
	}
	return list.Result, nil
}

// and adds a condition to the configured query.
func (s *Source) and(condition string) string {
	if s.cfg.Query == "" {
		return condition
	}
	return s.cfg.Query + "^" + condition
}

// Backfill implements collectors.Backfiller.
func (s *Source) Backfill(from time.Time) (collectors.Poller, error) {
	if s.cfg.Token == "" {
		return nil, errors.New("sources.servicenow.token is not set, so nothing can be asked")
	}
	own := *s
	own.cfg.History = s.now().Sub(from)
	return &own, nil
}

// Test implements collectors.Tester: one row of each table.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.cfg.Token == "" {
		return []collectors.Check{{What: "Table API", Detail: "nothing is asked: no token is set"}}
	}
	var out []collectors.Check
	for _, table := range s.cfg.Tables {
		c := collectors.Check{What: "reading " + table, Detail: "granted"}
		rows, err := s.page(ctx, table, state{At: s.now().Add(-s.cfg.History)}, 1)
		switch {
		case err != nil:
			c = collectors.Check{What: c.What, Problem: fmt.Sprintf("%v; check url, user and token_file under sources.servicenow, and the user's roles", err)}
		case len(rows) == 0:
			c = collectors.Check{What: c.What, Problem: "no row can be seen: nothing changed within history, query is too narrow, or the user's roles may not read the table"}
		default:
			var id struct {
				ID cell `json:"sys_id"`
			}
			if err := json.Unmarshal(rows[0], &id); err != nil {
				c = collectors.Check{What: c.What, Problem: fmt.Sprintf("the row cannot be read: %v", err)}
				break
			}
			// The sample only ends what would go on.
			_ = sample(ctx, schema.Event{
				ID: schema.EventID("row", table, id.ID.Value, string(rows[0])), Source: Name, Type: typeRow,
				Subject: table + "/" + id.ID.Value, Time: s.now().UTC(), Key: id.ID.Value, Data: rows[0],
			})
		}
		out = append(out, c)
	}
	return out
}

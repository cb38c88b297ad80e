package servicenow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/ticket"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config() Config {
	c := *Entry().Config().(*Config)
	c.URL, c.WebhookSecrets = "https://acme.service-now.com/", []secret.String{"a-secret"}
	c.Fields.Team, c.Fields.Capability = "u_team", "cat_item"
	c.Rules = []Rule{
		{Tables: []string{"incident"}, Categories: []string{"IDEA"}, Groups: []string{"platform"}, Kind: ticket.Kind{Type: schema.TicketFeature, Theme: "speed"}},
		{Items: []string{"nothing"}, Priorities: []string{"1"}, Kind: ticket.Kind{Type: schema.TicketTask}},
	}
	return c
}

func newSource(tb testing.TB, change ...func(*Config)) *Source {
	tb.Helper()
	cfg := config()
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(cfg, collectors.Deps{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestTestdata(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	collectortest.CheckTestdata(t, s, s.scheme.Sign, "testdata")
}

func FuzzNormalize(f *testing.F) { collectortest.Fuzz(f, newSource(f), "testdata") }

// facts reads an event of testdata.
func facts(t *testing.T, name string) []schema.Fact {
	t.Helper()
	fs, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[name])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return fs
}

func ticketOf(t *testing.T, name string) *schema.Ticket {
	t.Helper()
	return facts(t, name)[0].(*schema.Ticket)
}

// kinds says of an incident "kind time" by update.
func kinds(t *testing.T, name string) []string {
	t.Helper()
	var out []string
	for _, f := range facts(t, name)[1:] {
		u := f.(*schema.IncidentUpdate)
		out = append(out, u.Kind+u.At.Format(" 15:04"))
	}
	return out
}

func TestTimesAreUTCWithoutSayingSo(t *testing.T) {
	t.Parallel()
	tk := ticketOf(t, "support")
	if want := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC); !tk.CreatedAt.Equal(want) || !tk.FirstResponseAt.Equal(want.Add(30*time.Minute)) {
		t.Errorf("created %v, answered %v", tk.CreatedAt, tk.FirstResponseAt)
	}
	_, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")["bad_time"])
	if err == nil || !strings.Contains(err.Error(), "no time of ServiceNow") {
		t.Errorf("a time as it is shown: %v", err)
	}
}

func TestResolvedIncidentIsStillActive(t *testing.T) {
	t.Parallel()
	if got := kinds(t, "outage_resolved"); !slices.Equal(got, []string{"triggered 08:00", "resolved 09:00"}) {
		t.Errorf("updates %q", got)
	}
	if got := kinds(t, "outage_closed"); !slices.Equal(got, []string{"triggered 08:00", "resolved 10:00"}) {
		t.Errorf("closed a week later: %q", got)
	}
}

func TestStateNumberDependsOnTheTable(t *testing.T) {
	t.Parallel()
	// 3 is On Hold of an incident and Closed Complete of a request.
	if at := ticketOf(t, "incident_on_hold").ResolvedAt; at != nil {
		t.Errorf("on hold: resolved at %v", at)
	}
	for name, want := range map[string]string{
		"request_open": schema.RequestOpen, "request_served": schema.RequestCompleted, "request_over_without_date": schema.RequestCompleted,
		"request_refused": schema.RequestCancelled, "sent_update": schema.RequestCompleted,
	} {
		r := facts(t, name)[1].(*schema.Request)
		if r.Status != want || r.CapabilityID != "postgres" || r.TeamRef != "checkout-team" || r.Channel != schema.ChannelManual {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestReopenedIncidentKeepsWhenItWasResolved(t *testing.T) {
	t.Parallel()
	if got := kinds(t, "outage_reopened"); !slices.Equal(got, []string{"triggered 08:00", "reopened 09:30"}) {
		t.Errorf("updates %q", got)
	}
	if tk := ticketOf(t, "outage_reopened"); tk.ResolvedAt != nil || tk.Reopened != 1 {
		t.Errorf("ticket %+v", tk)
	}
}

func TestChangesOfOneSecondAreCounted(t *testing.T) {
	t.Parallel()
	if ticketOf(t, "support").Version >= ticketOf(t, "same_second").Version {
		t.Error("the later change of one second loses")
	}
}

func TestIncidentWithoutARule(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"support": schema.TicketSupport, "outage": schema.TicketIncident, "feature": schema.TicketFeature, "problem": schema.TicketBug, "change": schema.TicketTask,
	} {
		if got := ticketOf(t, name).Type; got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if got := kinds(t, "outage_cancelled"); !slices.Equal(got, []string{"triggered 08:00", "deleted 09:00"}) {
		t.Errorf("cancelled: %q", got)
	}
}

func TestDeletedRowIsWithdrawn(t *testing.T) {
	t.Parallel()
	fs := facts(t, "sent_delete")
	if len(fs) != 3 || fs[0].(*schema.Ticket).Deleted != 1 || fs[2].(*schema.IncidentUpdate).Kind != schema.IncidentDeleted {
		t.Errorf("facts %+v", fs)
	}
	if fs[0].(*schema.Ticket).Version <= ticketOf(t, "outage").Version {
		t.Error("the deletion loses to the last change")
	}
}

var now = time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)

type row struct {
	at     time.Time
	id     string
	hidden bool
}

// server is an instance with a table incident; it understands the queries that the
// source asks and nothing else.
type server struct {
	*collectortest.API
	rows []row
}

var (
	first = regexp.MustCompile(`^sys_updated_on>=([0-9: -]{19})\^ORDERBYsys_updated_on\^ORDERBYsys_id$`)
	after = regexp.MustCompile(`^sys_updated_on=([0-9: -]{19})\^sys_id>(\w+)\^NQsys_updated_on>([0-9: -]{19})\^ORDERBYsys_updated_on\^ORDERBYsys_id$`)
)

func newServer(t *testing.T, rows ...row) *server {
	t.Helper()
	s := &server{rows: rows}
	s.API = collectortest.NewAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "headway" || password != "hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var from, id string
		if m := first.FindStringSubmatch(r.URL.Query().Get("sysparm_query")); m != nil {
			from = m[1]
		} else if m := after.FindStringSubmatch(r.URL.Query().Get("sysparm_query")); m != nil && m[1] == m[3] {
			from, id = m[1], m[2]
		} else {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		limit, _ := strconv.Atoi(r.URL.Query().Get("sysparm_limit"))
		slices.SortFunc(s.rows, func(a, b row) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.id, b.id)) })
		list := []any{}
		for _, o := range s.rows {
			at := o.at.Format(layout)
			if at < from || id != "" && at == from && o.id <= id {
				continue
			}
			// What may not be seen counts all the same.
			if limit--; limit < 0 {
				break
			}
			if !o.hidden {
				list = append(list, map[string]any{"sys_id": plain(o.id), "sys_updated_on": plain(at), "sys_created_on": plain(at), "surprise": plain("1")})
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"result": list})
	})
	return s
}

func plain(v string) map[string]string { return map[string]string{"value": v, "display_value": v} }

// many rows of a few seconds each with n rows.
func many(n int) []row {
	var out []row
	for i := range n {
		out = append(out, row{at: now.Add(-time.Duration(n-i) / 700 * time.Second), id: fmt.Sprintf("%06d", (i*7919)%n), hidden: i%5 == 0})
	}
	return out
}

func (s *server) source(t *testing.T) *Source {
	t.Helper()
	src := newSource(t, func(c *Config) {
		c.Token, c.User, c.URL, c.Tables = "hunter2", "headway", s.URL, []string{"incident"}
	})
	src.client.HTTP = s.Client()
	src.now = func() time.Time { return now }
	return src
}

func visible(rows []row) int {
	n := 0
	for _, r := range rows {
		if !r.hidden {
			n++
		}
	}
	return n
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	s := newServer(t, many(pagesPerPoll*pageSize+7)...)
	events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t) })
	if len(events) != visible(s.rows) || !strings.Contains(string(events[0].Data), "surprise") {
		t.Errorf("%d events", len(events))
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t, many(2*pageSize+1)...)
	collectortest.CheckFailures(t, s.API, "hunter2", func() collectors.Poller { return s.source(t) })
	collectortest.CheckResumes(t, s.API, 2, func() collectors.Poller { return s.source(t) })
}

func TestShortPageIsNotTheLast(t *testing.T) {
	t.Parallel()
	rows := many(3 * pageSize)
	s := newServer(t, rows...)
	var p collectortest.Publisher
	if _, err := collectortest.CatchUp(t, s.source(t), nil, &p); err != nil || len(p.Events()) != visible(rows) {
		t.Errorf("%d events of %d rows (%v)", len(p.Events()), visible(rows), err)
	}
}

func TestRowsThatChangeWhileAListIsRead(t *testing.T) {
	t.Parallel()
	s := newServer(t, many(pagesPerPoll*pageSize+pageSize)...)
	want := map[string]bool{}
	for _, r := range s.rows {
		if !r.hidden {
			want[r.id] = true
		}
	}
	var p collectortest.Publisher
	cursor, err := s.source(t).Poll(t.Context(), nil, p.Publish)
	if err == nil {
		t.Fatal("the list is at its end too early")
	}
	s.Change(func() {
		// Rows that were read move to the end: what is at an offset is another now.
		for i := range 2 * pageSize {
			s.rows[i].at = now
		}
	})
	if _, err := collectortest.CatchUp(t, s.source(t), cursor, &p); err != nil {
		t.Fatal(err)
	}
	for _, ev := range p.Events() {
		delete(want, ev.Key)
	}
	if len(want) > 0 {
		t.Errorf("%d rows are lost", len(want))
	}
}

func TestCommittedLate(t *testing.T) {
	t.Parallel()
	s := newServer(t, row{at: now, id: "1"})
	var p collectortest.Publisher
	cursor, err := collectortest.CatchUp(t, s.source(t), nil, &p)
	if err != nil {
		t.Fatal(err)
	}
	s.Change(func() { s.rows = append(s.rows, row{at: now.Add(-overlap / 2), id: "2"}) })
	again, err := collectortest.CatchUp(t, s.source(t), cursor, &p)
	if err != nil || p.Events()[len(p.Events())-1].Key != "1" || p.Events()[len(p.Events())-2].Key != "2" {
		t.Errorf("events %+v (%v)", p.Events(), err)
	}
	if string(again) != string(cursor) {
		t.Errorf("the cursor moves from %s to %s although nothing is later", cursor, again)
	}
}

func TestTablesFailAlone(t *testing.T) {
	t.Parallel()
	api := collectortest.NewAPI(t, collectortest.Answers(map[string]string{"/api/now/table/sc_req_item": `{"result": []}`, "/api/now/table/incident": "403 {}"}))
	src := newSource(t, func(c *Config) { c.URL, c.Token = api.URL, "t0k3n" })
	cursor, err := src.Poll(t.Context(), nil, (&collectortest.Publisher{}).Publish)
	if err == nil || !strings.Contains(err.Error(), "incident") || strings.Contains(string(cursor), "incident") || !strings.Contains(string(cursor), "sc_req_item") {
		t.Errorf("cursor %s (%v)", cursor, err)
	}
}

func TestQueryIsRepeated(t *testing.T) {
	t.Parallel()
	src := newSource(t, func(c *Config) { c.Query = "assignment_group.name=Platform" })
	got := src.and("a=1") + "^NQ" + src.and("b=2")
	if got != "assignment_group.name=Platform^a=1^NQassignment_group.name=Platform^b=2" {
		t.Error(got)
	}
}

func TestBackfill(t *testing.T) {
	t.Parallel()
	s := newServer(t, row{at: now.Add(-48 * time.Hour), id: "old"}, row{at: now, id: "new"})
	p, err := s.source(t).Backfill(now.Add(-24 * time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var got collectortest.Publisher
	if _, err := collectortest.CatchUp(t, p, nil, &got); err != nil || len(got.Events()) != 1 || got.Events()[0].Key != "new" {
		t.Errorf("events %+v (%v)", got.Events(), err)
	}
	if _, err := newSource(t).Backfill(now); err == nil {
		t.Error("a backfill without a token")
	}
}

// TestTrial: the answers are written by hand after the Table API's documents.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		return newSource(t, func(c *Config) { c.URL, c.Token = url, "t0k3n" })
	}
	one := `{"result": [{"sys_id": {"value": "1"}, "sys_created_on": {"value": "2026-05-01 08:00:00"}, "sys_updated_on": {"value": "2026-05-01 08:00:00"}}]}`
	for name, c := range map[string]struct {
		incident string
		failed   []string
	}{
		"good": {one, nil}, "refused": {"401 {}", []string{"reading incident"}}, "nothing to see": {`{"result": []}`, []string{"reading incident"}},
	} {
		trial := collectortest.Try(t, collectortest.Answers(map[string]string{"/api/now/table/incident": c.incident, "/api/now/table/sc_req_item": one}), connect, c.failed...)
		if trial.Sample == nil {
			t.Errorf("%s: no sample", name)
		}
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"nothing":        {func(c *Config) { c.WebhookSecrets = nil }, "webhook_secrets and token are both missing"},
		"secret":         {func(c *Config) { c.WebhookSecrets = []secret.String{""} }, "webhook_secrets holds an empty one"},
		"url":            {func(c *Config) { c.URL = "acme" }, "url is no address"},
		"interval":       {func(c *Config) { c.Interval = time.Second }, "interval is 1s"},
		"history":        {func(c *Config) { c.History = -1 }, "history is -1ns"},
		"no table":       {func(c *Config) { c.Tables = nil }, "tables is empty"},
		"table":          {func(c *Config) { c.Tables = []string{"Incident"} }, `tables[0] is "Incident"`},
		"field":          {func(c *Config) { c.Fields.Theme = "The theme" }, `"The theme" is no column`},
		"first response": {func(c *Config) { c.FirstResponse = "^" }, `"^" is no column`},
		"query":          {func(c *Config) { c.Query = "a=1^NQb=2" }, "query holds ^NQ"},
		"order":          {func(c *Config) { c.Query = "a=1^ORDERBYnumber" }, "query holds ORDERBY"},
		"type":           {func(c *Config) { c.Rules[0].Type = "wish" }, `rules[0].type is "wish"`},
	})
	if newSource(t).Interval() != 0 {
		t.Error("it asks without a token")
	}
}

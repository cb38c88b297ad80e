package jira

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

func newSource(tb testing.TB, change ...func(*Config)) *Source {
	tb.Helper()
	cfg := *Entry().Config().(*Config)
	cfg.URL, cfg.WebhookSecrets = "https://acme.atlassian.net/", []secret.String{"a-secret"}
	cfg.Fields = ticket.Fields{Team: "customfield_1", Capability: "customfield_2", Service: "customfield_3"}
	cfg.Rules = []Rule{
		{Projects: []string{"PLAT"}, Labels: []string{"Database"}, IssueTypes: []string{"service request"}, Kind: ticket.Kind{Type: schema.TicketRequest, Capability: "database", Theme: "data"}},
		{Components: []string{"nothing"}, Kind: ticket.Kind{Type: schema.TicketTask}},
	}
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(cfg, collectors.Deps{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestGolden(t *testing.T) {
	t.Parallel()
	collectortest.Golden(t, newSource(t), "testdata")
}

func TestContract(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	c := collectortest.Case{Source: s, Sign: func(h http.Header, b []byte, now time.Time) { s.scheme.Sign(h, b, now) }}
	for name, ev := range collectortest.Events(t, Name, "testdata") {
		if ev.Type == typeSearched {
			c.Events = append(c.Events, ev)
			continue
		}
		c.Deliveries = append(c.Deliveries, collectortest.Delivery{Name: name, Header: http.Header{"X-Atlassian-Webhook-Identifier": {name}}, Body: ev.Data})
	}
	c.Deliveries = append(c.Deliveries, collectortest.Delivery{Name: "nonsense", Header: http.Header{}, Body: []byte("[]")})
	collectortest.Check(t, c)
}

// facts reads the events of testdata by name.
func facts(t *testing.T, name string) []schema.Fact {
	t.Helper()
	fs, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[name])
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func TestSearchBeatsWebhookOfTheSameMoment(t *testing.T) {
	t.Parallel()
	hook, searched := facts(t, "hook_created")[0].(*schema.Ticket), facts(t, "request_open")[0].(*schema.Ticket)
	if hook.TicketID != searched.TicketID || hook.Version >= searched.Version {
		t.Errorf("webhook %d, search %d", hook.Version, searched.Version)
	}
}

func TestMovedIssueKeepsItsID(t *testing.T) {
	t.Parallel()
	moved, was := facts(t, "hook_moved")[0].(*schema.Ticket), facts(t, "hook_created")[0].(*schema.Ticket)
	if moved.TicketID != was.TicketID || moved.Project != "SUP" || !strings.HasSuffix(moved.URL, "/SUP-9") {
		t.Errorf("ticket is %+v", moved)
	}
}

func TestDoneWithoutResolutionDate(t *testing.T) {
	t.Parallel()
	tk := facts(t, "done_without_resolution_date")[0].(*schema.Ticket)
	if tk.ResolvedAt == nil || !tk.ResolvedAt.Equal(time.Date(2026, 5, 2, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("resolved at %v", tk.ResolvedAt)
	}
}

func TestFirstResponseIsByAnother(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 5, 1, 8, 30, 0, 0, time.UTC)
	if tk := facts(t, "request_open")[0].(*schema.Ticket); tk.FirstResponseAt == nil || !tk.FirstResponseAt.Equal(want) {
		t.Errorf("cloud: first response at %v", tk.FirstResponseAt)
	}
	if tk := facts(t, "datacenter_support")[0].(*schema.Ticket); tk.FirstResponseAt != nil || tk.Type != schema.TicketSupport {
		t.Errorf("data center: ticket is %+v", tk)
	}
}

func TestManualRequest(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"request_open": schema.RequestOpen, "request_served": schema.RequestCompleted, "request_declined": schema.RequestCancelled} {
		r := facts(t, name)[1].(*schema.Request)
		if r.Status != want || r.Channel != schema.ChannelManual || r.CapabilityID == "" || r.HumanSteps != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := facts(t, "request_open")[1].(*schema.Request); r.CapabilityID != "postgres" || r.TeamRef != "checkout-team" || r.ServiceRef != "shop" {
		t.Errorf("fields: %+v", r)
	}
}

func TestIncidentUpdates(t *testing.T) {
	t.Parallel()
	var kinds []string
	for _, f := range facts(t, "incident_reopened")[1:] {
		kinds = append(kinds, f.(*schema.IncidentUpdate).Kind)
	}
	if !slices.Equal(kinds, []string{"triggered", "resolved", "reopened", "resolved"}) {
		t.Errorf("updates are %v", kinds)
	}
	if tk := facts(t, "incident_reopened")[0].(*schema.Ticket); tk.Reopened != 1 {
		t.Errorf("reopened %d times", tk.Reopened)
	}
}

// TestOffsetWithoutColon: 2026-05-01T10:00:00.000+0200 is no RFC 3339.
func TestOffsetWithoutColon(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	if tk := facts(t, "incident_reopened")[0].(*schema.Ticket); !tk.CreatedAt.Equal(want) {
		t.Errorf("created at %s, want %s", tk.CreatedAt, want)
	}
}

// server is Jira with both searches.
type server struct {
	*collectortest.API
	issues int
	// searches are the JQL asked for.
	searches []string
	fail     func(w http.ResponseWriter, r *http.Request) bool
}

func newServer(t *testing.T, issues int) *server {
	t.Helper()
	s := &server{issues: issues}
	s.API = collectortest.NewAPI(t, s.serve)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	cloud := strings.HasPrefix(r.URL.Path, "/rest/api/3")
	if _, p, _ := r.BasicAuth(); cloud && p != "hunter2" || !cloud && r.Header.Get("Authorization") != "Bearer hunter2" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.fail != nil && s.fail(w, r) {
		return
	}
	q := r.URL.Query()
	switch r.URL.Path {
	case "/rest/api/3/myself", "/rest/api/2/myself":
		_, _ = w.Write([]byte(`{"timeZone":"America/New_York"}`))
		return
	case "/rest/api/3/search":
		w.WriteHeader(http.StatusGone)
		return
	case "/rest/api/3/search/approximate-count":
		var asked struct{ JQL string }
		if json.NewDecoder(r.Body).Decode(&asked) != nil || r.Method != http.MethodPost || !strings.HasPrefix(asked.JQL, "(project = PLAT) AND updated >= ") || strings.Contains(asked.JQL, "ORDER") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]int{"count": s.issues - 1})
		return
	}
	s.searches = append(s.searches, q.Get("jql"))
	start := 0
	if cloud {
		_, _ = fmt.Sscanf(q.Get("nextPageToken"), "page-%d", &start)
	} else {
		_, _ = fmt.Sscan(q.Get("startAt"), &start)
	}
	var issues []any
	end := min(start+pageSize, s.issues)
	for i := start; i < end; i++ {
		issues = append(issues, map[string]any{"id": strconv.Itoa(i), "key": fmt.Sprintf("PLAT-%d", i), "fields": map[string]any{
			"created": "2026-05-01T10:00:00.000+0000", "updated": "2026-05-01T11:00:00.000+0000", "issuetype": map[string]string{"name": "Bug"},
		}})
	}
	out := map[string]any{"issues": issues}
	if cloud {
		if out["isLast"] = true; end < s.issues {
			out["isLast"], out["nextPageToken"] = false, fmt.Sprintf("page-%d", end)
		}
	} else {
		out["total"], out["startAt"] = s.issues, start
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (s *server) source(t *testing.T, kind string) *Source {
	t.Helper()
	src := newSource(t, func(c *Config) {
		c.Kind, c.URL, c.Email, c.Token, c.JQL = kind, s.URL, "a@example.com", "hunter2", "project = PLAT"
	})
	src.client.HTTP = s.Client()
	src.now = func() time.Time { return now }
	return src
}

var now = time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)

func TestPollContract(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{Cloud, DataCenter} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, 2*pagesPerPoll*pageSize+7)
			events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t, kind) })
			if len(events) != s.issues {
				t.Errorf("%d events", len(events))
			}
		})
	}
}

func TestTimesInJQLAreInTheUsersZone(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	src := s.source(t, Cloud)
	var p collectortest.Publisher
	if _, err := src.Poll(t.Context(), collectors.Cursor(`{"since":"2026-05-10T11:00:00Z"}`), p.Publish); err != nil {
		t.Fatal(err)
	}
	want := `(project = PLAT) AND updated >= "2026-05-10 06:55" ORDER BY created ASC, key ASC`
	if !slices.Equal(s.searches, []string{want}) {
		t.Errorf("searches are %q", s.searches)
	}
	// On the night when 01:30 is there twice, both are asked for.
	if _, err := src.Poll(t.Context(), collectors.Cursor(`{"since":"2026-11-01T06:35:00Z"}`), p.Publish); err != nil {
		t.Fatal(err)
	}
	if got := s.searches[1]; !strings.Contains(got, `"2026-11-01 00:30"`) {
		t.Errorf("search is %q", got)
	}
}

func TestNextSearchBeginsWhereThisOneBegan(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	var p collectortest.Publisher
	cur, err := s.source(t, Cloud).Poll(t.Context(), nil, p.Publish)
	if err != nil || !strings.Contains(string(cur), `"since":"2026-05-10T12:00:00Z"`) || strings.Contains(string(cur), "jql") {
		t.Errorf("cursor is %s (%v)", cur, err)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{Cloud, DataCenter} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, 2*pageSize+1)
			poller := func() collectors.Poller { return s.source(t, kind) }
			collectortest.CheckFailures(t, s.API, "hunter2", poller)
			collectortest.CheckBackfill(t, s.API, poller, now.AddDate(-1, 0, 0), now.AddDate(0, 0, -1))
		})
	}
}

// TestBackfillKnowsHowFarItIs: the Cloud says about how many issues there are, a Data
// Center how many; where nobody says, nothing is missing.
func TestBackfillKnowsHowFarItIs(t *testing.T) {
	t.Parallel()
	uncounted := func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/approximate-count") {
			return false
		}
		w.WriteHeader(http.StatusNotFound)
		return true
	}
	for name, tt := range map[string]struct {
		kind string
		fail func(http.ResponseWriter, *http.Request) bool
		want []string
	}{
		"cloud":         {Cloud, nil, []string{"0 of 0 issues", "1000 of 2049 issues", "2000 of 2049 issues"}},
		"data center":   {DataCenter, nil, []string{"0 of 0 issues", "1000 of 2050 issues", "2000 of 2050 issues"}},
		"without count": {Cloud, uncounted, []string{"0 of 0 issues", "0 of 0 issues", "0 of 0 issues"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, 2*pagesPerPoll*pageSize+50)
			s.fail = tt.fail
			p, err := s.source(t, tt.kind).Backfill(now.AddDate(-1, 0, 0))
			if err != nil {
				t.Fatal(err)
			}
			var pub collectortest.Publisher
			var cur collectors.Cursor
			var got []string
			for more := true; more; {
				done, total, unit := p.(collectors.Estimator).Progress(cur)
				got = append(got, fmt.Sprintf("%d of %d %s", done, total, unit))
				cur, err = p.Poll(t.Context(), cur, pub.Publish)
				if more = errors.Is(err, collectors.ErrMore); err != nil && !more {
					t.Fatal(err)
				}
			}
			if !slices.Equal(got, tt.want) || len(pub.Events()) != s.issues {
				t.Errorf("progress %q with %d events, want %q", got, len(pub.Events()), tt.want)
			}
		})
	}
}

// TestOldSearchIsGone: the Cloud has closed the search that a Data Center has.
func TestOldSearchIsGone(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	s.fail = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusGone); return true }
	before := collectors.Cursor(`{"since":"2026-05-10T11:00:00Z"}`)
	after, err := s.source(t, DataCenter).Poll(t.Context(), before, (&collectortest.Publisher{}).Publish)
	if err == nil || !strings.Contains(err.Error(), "set sources.jira.kind to cloud") || string(after) != string(before) {
		t.Errorf("cursor %s, error %v", after, err)
	}
}

func TestResumesInsideASearch(t *testing.T) {
	t.Parallel()
	s := newServer(t, 350)
	s.fail = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("nextPageToken") == "page-200" {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	}
	var p collectortest.Publisher
	cur, err := s.source(t, Cloud).Poll(t.Context(), nil, p.Publish)
	if err == nil || !strings.Contains(string(cur), "page-200") || len(p.Events()) != 200 {
		t.Fatalf("cursor %s after %d events (%v)", cur, len(p.Events()), err)
	}
	s.Change(func() { s.fail = nil })
	if _, err = s.source(t, Cloud).Poll(t.Context(), cur, p.Publish); err != nil || len(p.Events()) != 350 {
		t.Errorf("%d events (%v)", len(p.Events()), err)
	}
	// An expired page token begins the search anew.
	s.Change(func() {
		s.fail = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("nextPageToken") != "" {
				w.WriteHeader(http.StatusBadRequest)
				return true
			}
			return false
		}
	})
	after, err := s.source(t, Cloud).Poll(t.Context(), cur, p.Publish)
	if err == nil || strings.Contains(string(after), "page-") {
		t.Errorf("cursor %s (%v)", after, err)
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"nothing":  {func(c *Config) { c.WebhookSecrets = nil }, "webhook_secrets and token are both missing"},
		"kind":     {func(c *Config) { c.Kind = "server" }, `kind is "server": write cloud or datacenter`},
		"url":      {func(c *Config) { c.URL = "" }, "url is no address"},
		"email":    {func(c *Config) { c.Token = "x" }, "email is missing"},
		"order":    {func(c *Config) { c.JQL = "a = b ORDER BY x" }, "jql holds an order"},
		"interval": {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
		"field":    {func(c *Config) { c.Fields.Team = "a,b" }, `fields holds "a,b"`},
		"type":     {func(c *Config) { c.Rules = []Rule{{Kind: ticket.Kind{Type: "x"}}} }, `rules[0].type is "x": write one of bug`},
	} {
		cfg := *Entry().Config().(*Config)
		cfg.URL, cfg.WebhookSecrets = "https://acme.atlassian.net", []secret.String{"s"}
		c.change(&cfg)
		if _, err := New(cfg, collectors.Deps{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	s := newSource(f)
	for _, ev := range collectortest.Events(f, Name, "testdata") {
		f.Add(ev.Type == typeSearched, ev.Data)
	}
	f.Fuzz(func(t *testing.T, searched bool, data []byte) {
		ev := schema.Event{ID: "1", Source: Name, Type: typeSearched, Time: collectortest.Time, Data: data}
		if !searched {
			events, err := s.Events(http.Header{}, data, collectortest.Time)
			if err != nil || len(events) != 1 || events[0].Validate() != nil {
				t.Fatalf("%v (%v)", events, err)
			}
			ev = events[0]
		}
		facts, err := s.Normalize(ev)
		if err != nil {
			return
		}
		for _, fact := range facts {
			if err := schema.Seal(fact, 0); err != nil {
				t.Fatal(err)
			}
		}
	})
}

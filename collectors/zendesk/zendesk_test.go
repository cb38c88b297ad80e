package zendesk

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
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
	c.URL, c.WebhookSecrets = "https://acme.zendesk.com/", []secret.String{"dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3RpbmdfcHVycG9zZXM="}
	c.Fields = ticket.Fields{Team: "27642", Capability: "27648", Service: "27650"}
	c.Rules = []Rule{
		{Tags: []string{"Outage"}, Kind: ticket.Kind{Type: schema.TicketIncident}},
		{Forms: []string{"48"}, Types: []string{"Task"}, Kind: ticket.Kind{Type: schema.TicketRequest, Capability: "database"}},
		{Tags: []string{"feature-request"}, Groups: []string{"98738"}, Brands: []string{"123"}, Kind: ticket.Kind{Type: schema.TicketFeature, Theme: "speed"}},
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

func TestIncidentOfACustomerIsSupport(t *testing.T) {
	t.Parallel()
	if fs := facts(t, "customers_incident"); len(fs) != 1 || fs[0].(*schema.Ticket).Type != schema.TicketSupport {
		t.Errorf("facts %+v", fs)
	}
	var kinds []string
	for _, f := range facts(t, "outage")[1:] {
		u := f.(*schema.IncidentUpdate)
		kinds = append(kinds, u.Kind+u.At.Format(" 15:04 ")+u.Severity+" "+strings.Join(u.ServiceRefs, ","))
	}
	if want := []string{"triggered 10:00 urgent login", "resolved 11:00 urgent login"}; !slices.Equal(kinds, want) {
		t.Errorf("updates %q, want %q", kinds, want)
	}
}

func TestClosedDaysAfterItWasSolved(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, name := range []string{"solved", "closed_days_later"} {
		if at := ticketOf(t, name).ResolvedAt; at == nil || !at.Equal(want) {
			t.Errorf("%s: resolved at %v", name, at)
		}
	}
	if _, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")["hook_closed"]); err == nil || !strings.Contains(err.Error(), "solved before") {
		t.Errorf("webhook: %v", err)
	}
}

func TestWithATokenWebhooksOnlyTellOfNewAndDeleted(t *testing.T) {
	t.Parallel()
	s := newSource(t, func(c *Config) { c.Token = "t0k3n" })
	for name, later := range map[string]bool{"hook_created": false, "hook_deleted": false, "hook_solved": true, "hook_closed": true, "hook_tags": true, "hook_outage_reopened": true} {
		_, err := s.Normalize(collectortest.Events(t, Name, "testdata")[name])
		if got := err != nil && err.Error() == "ignored: Zendesk change that the export tells"; got != later {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWebhookWritesStringsAndCapitals(t *testing.T) {
	t.Parallel()
	hook, exported := ticketOf(t, "hook_created"), ticketOf(t, "open")
	if hook.TicketID != exported.TicketID || hook.Project != exported.Project || hook.Status != "new" || hook.Version >= exported.Version {
		t.Errorf("webhook %+v, export %+v", hook, exported)
	}
}

func TestToldAgainUnderTheSameTime(t *testing.T) {
	t.Parallel()
	before, after := ticketOf(t, "closed_days_later"), ticketOf(t, "touched_by_the_system")
	if before.Version >= after.Version || after.Reopened != 2 {
		t.Errorf("before %d, after %d with %d reopenings", before.Version, after.Version, after.Reopened)
	}
}

func TestDeletedTicketIsWithdrawn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"deleted", "hook_deleted"} {
		fs := facts(t, name)
		if len(fs) != 3 || fs[0].(*schema.Ticket).Deleted != 1 || fs[1].(*schema.Request).Deleted != 1 || fs[2].(*schema.IncidentUpdate).Kind != schema.IncidentDeleted {
			t.Errorf("%s: %+v", name, fs)
		}
		if fs[0].(*schema.Ticket).Version <= ticketOf(t, "open").Version {
			t.Errorf("%s: the deletion is older than the ticket", name)
		}
	}
}

func TestMergedTicketWasNotServed(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"request_open": schema.RequestOpen, "request_served": schema.RequestCompleted, "request_merged": schema.RequestCancelled} {
		r := facts(t, name)[1].(*schema.Request)
		if r.Status != want || r.Channel != schema.ChannelManual || r.HumanSteps != 1 || r.TeamRef != "checkout-team" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := facts(t, "request_open")[1].(*schema.Request); r.CapabilityID != "postgres" {
		t.Errorf("the field does not win over the rule: %q", r.CapabilityID)
	}
}

func TestFirstResponseAndTheme(t *testing.T) {
	t.Parallel()
	if at := ticketOf(t, "answered").FirstResponseAt; at == nil || !at.Equal(time.Date(2026, 5, 1, 10, 30, 0, 0, time.UTC)) {
		t.Errorf("first response at %v", at)
	}
	if tk := ticketOf(t, "feature"); tk.Type != schema.TicketFeature || tk.Theme != "speed" {
		t.Errorf("feature is %+v", tk)
	}
}

func TestReopenedIncident(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"hook_outage_reopened", "outage_reopened"} {
		if u := facts(t, name)[2].(*schema.IncidentUpdate); u.Kind != schema.IncidentReopened || u.At.Hour() != 13 {
			t.Errorf("%s: update %+v", name, u)
		}
	}
}

var now = time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)

// server exports n tickets.
type server struct {
	*collectortest.API
	n int
}

func newServer(t *testing.T, n int) *server {
	t.Helper()
	s := &server{n: n}
	s.API = collectortest.NewAPI(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "a@acme.example/token" || password != "hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		q := r.URL.Query()
		from := 0
		if after := q.Get("cursor"); after != "" {
			from, _ = strconv.Atoi(after)
		} else if start, err := strconv.ParseInt(q.Get("start_time"), 10, 64); err != nil || start > now.Add(-time.Minute).Unix() {
			// StartTimeTooRecent.
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		to := min(from+pageSize, s.n)
		list := make([]any, 0, pageSize)
		for i := from; i < to; i++ {
			list = append(list, map[string]any{"id": i + 1, "created_at": now, "updated_at": now, "status": "open", "surprise": 1})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"tickets": list, "after_cursor": strconv.Itoa(to), "end_of_stream": to == s.n})
	})
	return s
}

func (s *server) source(t *testing.T, change ...func(*Config)) *Source {
	t.Helper()
	src := newSource(t, append(change, func(c *Config) { c.Token, c.Email, c.URL = "hunter2", "a@acme.example", s.URL })...)
	src.client.HTTP = s.Client()
	src.now = func() time.Time { return now }
	return src
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	s := newServer(t, pagesPerPoll*pageSize+7)
	events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t) })
	if len(events) != s.n || !strings.Contains(string(events[0].Data), "surprise") {
		t.Errorf("%d events", len(events))
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t, 2*pageSize+1)
	collectortest.CheckFailures(t, s.API, "hunter2", func() collectors.Poller { return s.source(t) })
	collectortest.CheckResumes(t, s.API, 2, func() collectors.Poller { return s.source(t) })
}

func TestStartIsNotWithinTheLastMinute(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	if _, err := s.source(t, func(c *Config) { c.History = 0 }).Poll(t.Context(), nil, (&collectortest.Publisher{}).Publish); err != nil {
		t.Error(err)
	}
	from := now.Add(-24 * time.Hour)
	p, err := s.source(t).Backfill(from)
	if err != nil {
		t.Fatal(err)
	}
	s.Requests()
	if _, err := p.Poll(t.Context(), nil, (&collectortest.Publisher{}).Publish); err != nil {
		t.Error(err)
	}
	u, err := url.Parse(s.Requests()[0])
	if err != nil || u.Query().Get("start_time") != strconv.FormatInt(from.Unix(), 10) {
		t.Errorf("asked %v (%v)", u, err)
	}
	if _, err := newSource(t).Backfill(from); err == nil {
		t.Error("a backfill without a token")
	}
}

func TestExportThatDoesNotMove(t *testing.T) {
	t.Parallel()
	api := collectortest.NewAPI(t, collectortest.Answers(map[string]string{
		"/api/v2/incremental/tickets/cursor.json": `{"tickets": [], "after_cursor": "x", "end_of_stream": false}`,
	}))
	src := newSource(t, func(c *Config) { c.Token, c.URL = "t0k3n", api.URL })
	if _, err := src.Poll(t.Context(), nil, (&collectortest.Publisher{}).Publish); err == nil || !strings.Contains(err.Error(), "no new cursor") {
		t.Errorf("error %v", err)
	}
}

// TestTrial: the answers are written by hand after
// https://developer.zendesk.com/api-reference/ticketing/users/users/.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		return newSource(t, func(c *Config) { c.URL, c.Token = url, "t0k3n" })
	}
	good := func(change map[string]string) map[string]string {
		out := map[string]string{
			"/api/v2/users/me.json": `{"user": {"id": 7, "role": "admin"}}`,
			"/api/v2/incremental/tickets/cursor.json": fmt.Sprintf(
				`{"tickets": [{"id": 1, "created_at": %[1]q, "updated_at": %[1]q}], "after_cursor": "x", "end_of_stream": true}`, now.Format(time.RFC3339)),
		}
		maps.Copy(out, change)
		return out
	}
	if trial := collectortest.Try(t, collectortest.Answers(good(nil)), connect); trial.Sample == nil {
		t.Error("no sample")
	}
	collectortest.Try(t, collectortest.Answers(good(map[string]string{"/api/v2/incremental/tickets/cursor.json": "403 {}"})), connect, "incremental export")
	collectortest.Try(t, collectortest.Answers(good(map[string]string{"/api/v2/users/me.json": "401 {}"})), connect, "credentials")
}

func TestUnknownTokenIsNobodys(t *testing.T) {
	t.Parallel()
	collectortest.Try(t, collectortest.Answers(map[string]string{"/api/v2/users/me.json": `{"user": {"id": null, "role": "end-user"}}`}),
		func(url string) collectors.Source {
			return newSource(t, func(c *Config) { c.URL, c.Token = url, "t0k3n" })
		}, "credentials")
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"nothing":  {func(c *Config) { c.WebhookSecrets = nil }, "webhook_secrets and token are both missing"},
		"secret":   {func(c *Config) { c.WebhookSecrets = []secret.String{""} }, "webhook_secrets holds an empty one"},
		"url":      {func(c *Config) { c.URL = "acme" }, "url is no address"},
		"interval": {func(c *Config) { c.Interval = time.Second }, "interval is 1s"},
		"history":  {func(c *Config) { c.History = -1 }, "history is -1ns"},
		"field":    {func(c *Config) { c.Fields.Theme = "Theme" }, `fields holds "Theme"`},
		"type":     {func(c *Config) { c.Rules[0].Type = "wish" }, `rules[0].type is "wish"`},
		"group":    {func(c *Config) { c.Rules[2].Groups = []string{"IT"} }, `rules[2] holds "IT"`},
	})
	if newSource(t).Interval() != 0 {
		t.Error("it asks without a token")
	}
}

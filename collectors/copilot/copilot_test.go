package copilot

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config() Config {
	c := *Entry().Config().(*Config)
	c.Token, c.Organizations = "hunter2", []string{"acme"}
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
	collectortest.CheckTestdata(t, newSource(t), nil, "testdata")
}

func FuzzNormalize(f *testing.F) { collectortest.Fuzz(f, newSource(f), "testdata") }

func FuzzReport(f *testing.F) {
	f.Add([]byte(userLine(1) + memberLine(1, "payments")))
	f.Add([]byte(`{"user_id":1`))
	f.Fuzz(func(t *testing.T, file []byte) {
		lines, err := read(file)
		if err != nil && lines != nil {
			t.Error("lines beside an error")
		}
		for _, l := range lines {
			if l.UserID == 0 {
				t.Error("a line about nobody")
			}
		}
	})
}

func TestCapabilityUseHasNoPerson(t *testing.T) {
	t.Parallel()
	facts, err := newSource(t, func(c *Config) { c.Capability = "assistant" }).Normalize(collectortest.Events(t, Name, "testdata")["team_day"])
	if err != nil || len(facts) != 1 {
		t.Fatalf("%d facts (%v)", len(facts), err)
	}
	u := facts[0].(*schema.CapabilityUse)
	if u.Actor != "" || u.TeamRef != "github:acme/payments" || u.CapabilityID != "assistant" || u.Qualifying != 1 || u.At.Format(time.DateOnly) != "2026-05-01" {
		t.Errorf("use %+v", u)
	}
}

// Lines as the documents of team-level metrics show them, written by hand.
func userLine(id int) string {
	return fmt.Sprintf(`{"day":"2026-05-01","organization_id":"1","user_id":%d,"user_login":"person-%d","user_initiated_interaction_count":3,"code_acceptance_activity_count":2,"used_chat":true}`+"\n", id, id)
}

func memberLine(id int, team string) string {
	return fmt.Sprintf(`{"day":"2026-05-01","organization_id":"1","user_id":%d,"user_login":"person-%d","team_id":9,"slug":%q}`+"\n", id, id, team)
}

// server is GitHub with a team of eight people, of whom some are active.
type server struct {
	*collectortest.API
	// active are how many of payments, and of the two of checkout, used Copilot.
	active int
	// late days have no report yet.
	late map[string]bool
	// closed answers 404, as the endpoints of old do.
	closed bool
	link   string
}

var now = time.Date(2026, 5, 20, 9, 0, 0, 0, time.UTC)

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{active: 6, late: map[string]bool{}}
	s.API = collectortest.NewAPI(t, s.serve)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/files/") {
		// The store of files knows the address only.
		if r.Header.Get("Authorization") != "" || r.URL.Query().Get("sig") != "s1gned" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		s.file(w, strings.TrimPrefix(r.URL.Path, "/files/"))
		return
	}
	at, err := time.Parse(time.DateOnly, r.URL.Query().Get("day"))
	kind := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch {
	case r.Header.Get("Authorization") != "Bearer hunter2":
		w.WriteHeader(http.StatusUnauthorized)
	case s.closed || !strings.HasPrefix(r.URL.Path, "/orgs/acme/copilot/metrics/reports/"):
		w.WriteHeader(http.StatusNotFound)
	case err != nil || !at.Before(now.Truncate(day)) || r.Header.Get("X-GitHub-Api-Version") != apiVersion:
		w.WriteHeader(http.StatusUnprocessableEntity)
	case s.late[at.Format(time.DateOnly)]:
		w.WriteHeader(http.StatusNoContent)
	default:
		link := s.link
		if link == "" {
			link = s.URL + "/files/" + kind + "?sig=s1gned"
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"download_links": []string{link}, "report_day": at.Format(time.DateOnly)})
	}
}

func (s *server) file(w http.ResponseWriter, kind string) {
	var out strings.Builder
	switch kind {
	case "users-1-day":
		for id := range s.active {
			out.WriteString(userLine(id + 1))
		}
	case "user-teams-1-day":
		for id := range 8 {
			out.WriteString(memberLine(id+1, "payments"))
		}
		// Two are in another team as well; one is listed twice in the first.
		out.WriteString(memberLine(1, "checkout") + memberLine(2, "checkout") + memberLine(1, "payments"))
	}
	_, _ = w.Write([]byte(out.String()))
}

func (s *server) source(t *testing.T) *Source {
	t.Helper()
	src := newSource(t, func(c *Config) { c.URL, c.History = s.URL, 14*day })
	src.client.HTTP = s.Client()
	src.now = func() time.Time { return now }
	return src
}

func (s *server) catchUp(t *testing.T, cursor collectors.Cursor) (collectors.Cursor, []schema.Event) {
	t.Helper()
	var p collectortest.Publisher
	cursor, err := collectortest.CatchUp(t, s.source(t), cursor, &p)
	if err != nil {
		t.Fatal(err)
	}
	return cursor, p.Events()
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t) }); len(events) != 14 {
		t.Errorf("%d events of 14 days", len(events))
	}
}

func TestBackfill(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	collectortest.CheckBackfill(t, s.API, func() collectors.Poller { return s.source(t) }, now.AddDate(0, -9, 0), now.AddDate(0, 0, -3))
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	collectortest.CheckFailures(t, s.API, "hunter2", func() collectors.Poller { return s.source(t) })
	collectortest.CheckResumes(t, s.API, 4*11, func() collectors.Poller { return s.source(t) })
}

func TestReportsReplaceTheClosedMetrics(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.catchUp(t, nil)
	for _, r := range s.Requests() {
		if !strings.Contains(r, "/metrics/reports/") && !strings.HasPrefix(r, "/files/") {
			t.Errorf("asks for %s", r)
		}
	}
	s.closed = true
	_, err := s.source(t).Poll(t.Context(), nil, (&collectortest.Publisher{}).Publish)
	if err == nil || !strings.Contains(err.Error(), "Copilot usage metrics") {
		t.Errorf("error is %v", err)
	}
}

func TestNothingAboutAPersonIsKept(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	cursor, events := s.catchUp(t, nil)
	kept := []string{string(cursor)}
	for _, ev := range events {
		kept = append(kept, ev.Subject, ev.Key, string(ev.Data))
		var members map[string]any
		if err := json.Unmarshal(ev.Data, &members); err != nil || len(members) != 4 {
			t.Errorf("an event holds %v (%v)", members, err)
		}
	}
	for _, word := range []string{"person", "user_id", "login"} {
		if all := strings.Join(kept, "\n"); strings.Contains(all, word) {
			t.Errorf("%s is kept: %s", word, all)
		}
	}
	for _, file := range []string{`{"user_login":"person-1"}`, `{"user_id":"person-1"}`, userLine(1) + `{"user_login":"person-1`} {
		if _, err := read([]byte(file)); err == nil || strings.Contains(err.Error(), "person") {
			t.Errorf("%s: error is %v", file, err)
		}
	}
}

func TestFewerThanFiveAreNoGroup(t *testing.T) {
	t.Parallel()
	for active, want := range map[int]int{0: 0, 4: 0, 5: 14, 8: 14} {
		s := newServer(t)
		s.active = active
		_, events := s.catchUp(t, nil)
		if len(events) != want {
			t.Errorf("%d active people: %d events, want %d", active, len(events), want)
		}
		if slices.ContainsFunc(events, func(ev schema.Event) bool { return strings.Contains(ev.Key, "checkout") }) {
			t.Error("a team of two is told")
		}
	}
	_, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")["too_few"])
	if err == nil || err.Error() != "ignored: Copilot use by fewer than five people" {
		t.Error(err)
	}
}

func TestTokenAndAddressOfTheFilesStaySecret(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	// The server refuses a file that is asked for with a token.
	s.catchUp(t, nil)
	for _, link := range []string{"http://files.example.com/x?sig=s1gned", "file:///etc/s1gned", s.URL + "/files/x?sig=s1gned-wrong", "https://127.0.0.1:1/s1gned", ":s1gned"} {
		s.Change(func() { s.link = link })
		_, err := s.source(t).Poll(t.Context(), nil, (&collectortest.Publisher{}).Publish)
		if err == nil || strings.Contains(err.Error(), "s1gned") {
			t.Errorf("%s: error is %v", link, err)
		}
	}
}

func TestLateReportIsReadWhenItComes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.late["2026-05-18"], s.late["2026-05-19"] = true, true
	cursor, events := s.catchUp(t, nil)
	if len(events) != 12 {
		t.Fatalf("%d events", len(events))
	}
	s.Change(func() { clear(s.late) })
	s.Requests()
	_, again := s.catchUp(t, cursor)
	ids := map[string]bool{}
	for _, ev := range append(events, again...) {
		ids[ev.ID] = true
	}
	if len(ids) != 14 {
		t.Errorf("%d days are known", len(ids))
	}
	if asked := s.Requests(); len(asked) != 4*4 {
		t.Errorf("%d requests for four days", len(asked))
	}
}

func TestMemberOfTwoTeamsCountsInBothAndOnceInEach(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, events := s.catchUp(t, nil)
	if len(events) == 0 || !strings.Contains(string(events[0].Data), `"active_users":6`) {
		t.Fatalf("%d events", len(events))
	}
	s.Change(func() { s.active = 8 })
	counts, ok, err := s.source(t).teams(t.Context(), "acme", now.Add(-day))
	if err != nil || !ok || counts["payments"] != 8 {
		t.Errorf("counts %v, %t (%v)", counts, ok, err)
	}
}

func TestOrganizationThatFailsKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	src := s.source(t)
	src.cfg.Organizations = []string{"other", "acme"}
	var p collectortest.Publisher
	var cursor collectors.Cursor
	for range 2 {
		c, err := src.Poll(t.Context(), cursor, p.Publish)
		if err == nil || !strings.Contains(err.Error(), "of other") {
			t.Fatalf("error is %v", err)
		}
		cursor = c
	}
	if n := len(p.Events()); n != 14 {
		t.Errorf("%d events of the other organization", n)
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"token":         {func(c *Config) { c.Token = "" }, "token is missing"},
		"url":           {func(c *Config) { c.URL = "x" }, "url is no address"},
		"organizations": {func(c *Config) { c.Organizations = nil }, "organizations is missing"},
		"organization":  {func(c *Config) { c.Organizations = []string{"a/b"} }, `organizations[0] is "a/b"`},
		"capability":    {func(c *Config) { c.Capability = "" }, "capability is empty"},
		"interval":      {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
		"short":         {func(c *Config) { c.History = time.Hour }, "history is 1h0m0s"},
		"long":          {func(c *Config) { c.History = 2 * kept }, "history is 17520h0m0s"},
	})
}

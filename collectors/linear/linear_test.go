package linear

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/listing"
	"github.com/headway-metrics/headway/collectors/ticket"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config() Config {
	c := *Entry().Config().(*Config)
	c.WebhookSecrets = []secret.String{"lin_wh_secret"}
	c.Rules = []Rule{
		{Teams: []string{"plat"}, Labels: []string{"request"}, Kind: ticket.Kind{Type: schema.TicketRequest, Capability: "something"}},
		{Projects: []string{"Helpdesk"}, Kind: ticket.Kind{Type: schema.TicketSupport, Category: "help"}},
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

func kinds(t *testing.T, name string) []string {
	t.Helper()
	var out []string
	for _, f := range facts(t, name)[1:] {
		u := f.(*schema.IncidentUpdate)
		out = append(out, u.Kind+u.At.Format(" 15:04 ")+u.Severity+" "+strings.Join(u.ServiceRefs, ","))
	}
	return out
}

func TestTimeInsideTheBodyGuardsAgainstReplay(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	body := collectortest.Events(t, Name, "testdata")["created"].Data
	h := http.Header{}
	s.scheme.Sign(h, body, collectortest.Time)
	for age, ok := range map[time.Duration]bool{0: true, 4 * time.Minute: true, 6 * time.Minute: false, -6 * time.Minute: false} {
		if err := s.Verify(h, body, collectortest.Time.Add(age)); (err == nil) != ok || err != nil && !errors.Is(err, collectors.ErrSignature) {
			t.Errorf("%s old: %v", age, err)
		}
	}
	// Without a time a signed body may be of any day: it makes no fact.
	body = []byte(strings.Replace(string(body), `"webhookTimestamp"`, `"timestamp"`, 1))
	events, err := s.Events(h, body, collectortest.Time)
	if err != nil || len(events) != 1 || events[0].Type != Name+".unreadable" {
		t.Errorf("without a time: %+v (%v)", events, err)
	}
}

func TestDeliveryIDIsTheEvents(t *testing.T) {
	t.Parallel()
	body := collectortest.Events(t, Name, "testdata")["created"].Data
	events, err := newSource(t).Events(http.Header{"Linear-Delivery": {"234d1a4e"}}, body, collectortest.Time)
	if err != nil || events[0].ID != "234d1a4e" {
		t.Errorf("events %+v (%v)", events, err)
	}
}

func TestTypeOfTheStateDecides(t *testing.T) {
	t.Parallel()
	if tk := ticketOf(t, "listed_reopened"); tk.ResolvedAt != nil {
		t.Errorf("reopened: resolved at %v", tk.ResolvedAt)
	}
	for name, want := range map[string]string{
		"listed_request": schema.RequestOpen, "listed_request_served": schema.RequestCompleted,
		"listed_request_refused": schema.RequestCancelled, "listed_request_duplicate": schema.RequestCancelled,
	} {
		r := facts(t, name)[1].(*schema.Request)
		if r.Status != want || r.Channel != schema.ChannelManual || r.CapabilityID != "postgres" || (r.CompletedAt != nil) != (want != schema.RequestOpen) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestLabelsOfWebhooksAndGraphQL(t *testing.T) {
	t.Parallel()
	hook, listed := ticketOf(t, "created"), ticketOf(t, "listed_bug")
	if !slices.Equal(hook.Labels, listed.Labels) || hook.Type != schema.TicketBug || listed.Type != schema.TicketBug {
		t.Errorf("webhook %+v, listed %+v", hook, listed)
	}
	if hook.URL != listed.URL || hook.Version <= listed.Version {
		t.Errorf("webhook %s %d, listed %s %d", hook.URL, hook.Version, listed.URL, listed.Version)
	}
	if r := ticketOf(t, "listed_request"); r.TeamRef != "payments" || ticketOf(t, "listed_feature").Theme != "speed" {
		t.Errorf("labels say nothing: %+v", r)
	}
}

func TestIncidentEndsIsReopenedAndIsNone(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"incident_created":     {"triggered 10:00 High checkout"},
		"incident_completed":   {"triggered 10:00 High checkout", "resolved 12:00 High checkout"},
		"listed_incident_done": {"triggered 10:00 High checkout", "resolved 12:00 High checkout"},
		"incident_reopened":    {"triggered 10:00 High checkout", "reopened 13:00 High checkout"},
		"incident_cancelled":   {"triggered 10:00 High ", "deleted 12:00 High "},
	} {
		if got := kinds(t, name); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestTrashedAndRemovedAreWithdrawn(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"listed_trashed": 2, "removed": 3} {
		fs := facts(t, name)
		if len(fs) != n || fs[0].(*schema.Ticket).Deleted != 1 || fs[1].(*schema.Request).Deleted != 1 {
			t.Errorf("%s: %+v", name, fs)
		}
		if fs[0].(*schema.Ticket).Version <= ticketOf(t, "completed").Version {
			t.Errorf("%s loses to what was before", name)
		}
	}
}

func TestMovedIssueKeepsItsID(t *testing.T) {
	t.Parallel()
	moved, was := ticketOf(t, "moved"), ticketOf(t, "created")
	if moved.TicketID != was.TicketID || moved.Project != "SUP" || !strings.Contains(moved.URL, "SUP-42") {
		t.Errorf("moved is %+v", moved)
	}
	s := newSource(t, func(c *Config) { c.Teams = []string{"eng"} })
	if _, err := s.Normalize(collectortest.Events(t, Name, "testdata")["moved"]); err == nil || !strings.HasPrefix(err.Error(), "ignored") {
		t.Errorf("a team that is not configured: %v", err)
	}
}

func TestFirstResponseIsTheFirstThatHappened(t *testing.T) {
	t.Parallel()
	tk := ticketOf(t, "listed_support")
	if tk.Type != schema.TicketSupport || tk.FirstResponseAt == nil || tk.FirstResponseAt.Minute() != 20 {
		t.Errorf("ticket %+v", tk)
	}
}

var now = time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)

// server is Linear with n issues.
type server struct {
	*collectortest.API
	n int
	// asked are the variables of the last query.
	asked map[string]any
}

func newServer(t *testing.T, n int) *server {
	t.Helper()
	s := &server{n: n}
	s.API = collectortest.NewAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "lin_api_hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var q struct {
			Variables map[string]any `json:"variables"`
		}
		if json.NewDecoder(r.Body).Decode(&q) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.asked = q.Variables
		from := 0
		if after, _ := q.Variables["after"].(string); after == "expired" {
			w.WriteHeader(http.StatusBadRequest)
			return
		} else if after != "" {
			_, _ = fmt.Sscanf(after, "c%d", &from)
		}
		to := min(from+pageSize, s.n)
		nodes := []any{}
		for i := from; i < to; i++ {
			nodes = append(nodes, map[string]any{"id": fmt.Sprintf("i%d", i), "createdAt": now, "updatedAt": now, "surprise": 1})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"issues": map[string]any{
			"nodes": nodes, "pageInfo": map[string]any{"hasNextPage": to < s.n, "endCursor": fmt.Sprintf("c%d", to)},
		}}})
	})
	return s
}

func (s *server) source(t *testing.T, change ...func(*Config)) *Source {
	t.Helper()
	src := newSource(t, append(change, func(c *Config) { c.Token, c.URL = "lin_api_hunter2", s.URL })...)
	src.client.HTTP = s.Client()
	src.now = func() time.Time { return now }
	return src
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	s := newServer(t, listing.PagesPerPoll*pageSize+7)
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

func TestNextListingBeginsWhereThisOneBegan(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	cur, err := s.source(t, func(c *Config) { c.Teams = []string{"ENG"} }).Poll(t.Context(), nil, (&collectortest.Publisher{}).Publish)
	if err != nil || string(cur) != `{"since":"2026-05-10T12:00:00Z"}` {
		t.Errorf("cursor %s (%v)", cur, err)
	}
	filter, _ := json.Marshal(s.asked["filter"])
	if string(filter) != `{"team":{"key":{"in":["ENG"]}},"updatedAt":{"gte":"2025-11-11T12:00:00Z"}}` {
		t.Errorf("filter %s", filter)
	}
	from := now.Add(-24 * time.Hour)
	p, err := s.source(t).Backfill(from)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Poll(t.Context(), nil, (&collectortest.Publisher{}).Publish); err != nil {
		t.Error(err)
	}
	if filter, _ = json.Marshal(s.asked["filter"]); !strings.Contains(string(filter), from.Format(time.RFC3339)) {
		t.Errorf("filter of the backfill %s", filter)
	}
	if _, err := newSource(t).Backfill(from); err == nil {
		t.Error("a backfill without a token")
	}
}

func TestPlaceThatIsNoLongerKnown(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	cur, err := s.source(t).Poll(t.Context(), collectors.Cursor(`{"since":"2026-05-01T00:00:00Z","started":"2026-05-09T00:00:00Z","after":"expired"}`), (&collectortest.Publisher{}).Publish)
	if err == nil || string(cur) != `{"since":"2026-05-01T00:00:00Z"}` {
		t.Errorf("cursor %s (%v)", cur, err)
	}
}

func TestRateLimitIsA400OrA200WithErrors(t *testing.T) {
	t.Parallel()
	const body = `{"errors": [{"message": "Rate limit exceeded. Only 2500 requests are allowed per 1 hour.", "extensions": {"code": "RATELIMITED", "statusCode": 429}}]}`
	for _, code := range []int{http.StatusBadRequest, http.StatusOK} {
		api := collectortest.NewAPI(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		})
		src := newSource(t, func(c *Config) { c.Token, c.URL = "lin_api_x", api.URL })
		const inside = `{"since":"2026-05-01T00:00:00Z","started":"2026-05-09T00:00:00Z","after":"c50"}`
		cur, err := src.Poll(t.Context(), collectors.Cursor(inside), (&collectortest.Publisher{}).Publish)
		if later, ok := errors.AsType[*collectors.RetryAfterError](err); !ok || later.After != rateLimitWait || string(cur) != inside {
			t.Errorf("%d: %v, cursor %s", code, err, cur)
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"errors": [{"message": "Field x is unknown", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}]}`: "Field x is unknown",
		`{"data": {}}`: "no issues",
		`{"data": {"issues": {"nodes": [], "pageInfo": {"hasNextPage": true, "endCursor": ""}}}}`: "no new cursor",
	} {
		api := collectortest.NewAPI(t, collectortest.Answers(map[string]string{"/graphql": body}))
		src := newSource(t, func(c *Config) { c.Token, c.URL = "lin_api_x", api.URL })
		if _, err := src.Poll(t.Context(), nil, (&collectortest.Publisher{}).Publish); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestKeyStandsAloneAndTokenAfterBearer(t *testing.T) {
	t.Parallel()
	for token, want := range map[secret.String]string{"lin_api_x": "lin_api_x", "lin_oauth_x": "Bearer lin_oauth_x"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, defaultURL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		newSource(t, func(c *Config) { c.Token = token }).client.Authorize(r)
		if got := r.Header.Get("Authorization"); got != want {
			t.Errorf("authorization %q, want %q", got, want)
		}
	}
}

// TestTrial: the answers are written by hand after https://linear.app/developers/graphql.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		return newSource(t, func(c *Config) { c.URL, c.Token, c.Teams = url, "lin_api_x", []string{"ENG"} })
	}
	one := map[string]any{"issues": map[string]any{"nodes": []any{map[string]any{"id": "1", "createdAt": now, "updatedAt": now, "team": map[string]string{"key": "ENG"}}}}}
	answer := func(teams, issues any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var q struct {
				Query string `json:"query"`
			}
			data := issues
			if json.NewDecoder(r.Body).Decode(&q) == nil && strings.HasPrefix(q.Query, "{ teams") {
				data = teams
			}
			if data == nil {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
		}
	}
	teams := func(key string) map[string]any {
		return map[string]any{"teams": map[string]any{"nodes": []any{map[string]string{"key": key}}}}
	}
	if trial := collectortest.Try(t, answer(teams("ENG"), one), connect); trial.Sample == nil {
		t.Error("no sample")
	}
	collectortest.Try(t, answer(nil, one), connect, "credentials")
	collectortest.Try(t, answer(teams("OPS"), maps.Clone(one)), connect, "team ENG")
	collectortest.Try(t, answer(teams("ENG"), nil), connect, "issues")
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"nothing":  {func(c *Config) { c.WebhookSecrets = nil }, "webhook_secrets and token are both missing"},
		"secret":   {func(c *Config) { c.WebhookSecrets = []secret.String{""} }, "webhook_secrets holds an empty one"},
		"url":      {func(c *Config) { c.URL = "x" }, "url is no address"},
		"interval": {func(c *Config) { c.Interval = time.Minute }, "interval is 1m0s"},
		"history":  {func(c *Config) { c.History = -1 }, "history is -1ns"},
		"type":     {func(c *Config) { c.Rules[0].Type = "wish" }, `rules[0].type is "wish"`},
	})
	if newSource(t).Interval() != 0 {
		t.Error("it asks without a token")
	}
}

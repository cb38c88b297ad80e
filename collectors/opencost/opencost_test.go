package opencost

import (
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"net/url"
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
	c.Clusters = []Cluster{{Name: "eu-1", URL: "http://opencost.example.com"}}
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

// costs reads an event of testdata.
func costs(t *testing.T, name string) []*schema.Cost {
	t.Helper()
	return read(t, newSource(t), collectortest.Events(t, Name, "testdata")[name])
}

func read(t *testing.T, s *Source, ev schema.Event) []*schema.Cost {
	t.Helper()
	facts, err := s.Normalize(ev)
	if err != nil {
		t.Fatalf("%s: %v", ev.ID, err)
	}
	var out []*schema.Cost
	for _, f := range facts {
		out = append(out, f.(*schema.Cost))
	}
	return out
}

func amounts(cs []*schema.Cost) map[string]float64 {
	out := map[string]float64{}
	for _, c := range cs {
		if c.Deleted == 0 {
			out[c.Category] = c.Amount
		}
	}
	return out
}

func TestCategoriesAddUpToTheTotal(t *testing.T) {
	t.Parallel()
	cs := costs(t, "allocation")
	if got := amounts(cs); !maps.Equal(got, map[string]float64{"compute": 1, "storage": 0.3, "network": 0.7, "other": 0.2}) {
		t.Errorf("amounts %v", got)
	}
	if c := cs[0]; c.ServiceRef != "checkout" || c.TeamRef != "payments" || c.Workload != "shop/checkout" || c.Cluster != "eu-1" || c.Currency != "USD" {
		t.Errorf("cost %+v", c)
	}
}

func TestNobodysCostHasNoService(t *testing.T) {
	t.Parallel()
	for name, workload := range map[string]string{"idle": "", "unmounted": "", "unlabelled": "shop/db"} {
		for _, c := range costs(t, name) {
			if c.ServiceRef != "" || c.TeamRef != "" || c.Workload != workload {
				t.Errorf("%s: service %q, team %q, workload %q", name, c.ServiceRef, c.TeamRef, c.Workload)
			}
		}
	}
	if got := amounts(costs(t, "idle")); !maps.Equal(got, map[string]float64{"idle": 4.5}) {
		t.Errorf("idle is %v", got)
	}
}

func TestNamespaceMayNameTheService(t *testing.T) {
	t.Parallel()
	events := collectortest.Events(t, Name, "testdata")
	ev := events["allocation"]
	ev.Data = []byte(strings.Replace(string(ev.Data), "/checkout/payments", "/payments", 1))
	ev.Subject = origin{"eu-1", "namespace", "label:team"}.String()
	c := read(t, newSource(t), ev)[0]
	if c.ServiceRef != "shop" || c.TeamRef != "payments" || c.Workload != "shop/checkout" {
		t.Errorf("cost %+v", c)
	}
}

func TestNullIsNotNothing(t *testing.T) {
	t.Parallel()
	if _, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")["null_total"]); err == nil || !strings.Contains(err.Error(), "null") {
		t.Errorf("error is %v", err)
	}
}

// server is the OpenCost of two clusters: at /eu and /us.
type server struct {
	*collectortest.API
	// costs by day and name; the same in both clusters.
	costs map[string]map[string]float64
	// down answers with status 200 and this code.
	down int
	// broken fails every request below this path.
	broken string
}

var now = time.Date(2026, 5, 20, 9, 0, 0, 0, time.UTC)

func date(daysAgo int) string { return now.AddDate(0, 0, -daysAgo).Format(time.DateOnly) }

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{costs: map[string]map[string]float64{}}
	for i := range 20 {
		s.costs[date(i)] = map[string]float64{"shop/deployment:checkout/checkout/payments": float64(i + 1), "shop/deployment:cart/cart/payments": 1, idle: 2}
	}
	s.API = collectortest.NewAPI(t, s.serve)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	from, to, _ := strings.Cut(q.Get("window"), ",")
	start, err1 := time.Parse(time.RFC3339, from)
	end, err2 := time.Parse(time.RFC3339, to)
	switch {
	case r.Header.Get("Authorization") != "Bearer hunter2":
		w.WriteHeader(http.StatusUnauthorized)
		return
	case s.broken != "" && strings.HasPrefix(r.URL.Path, s.broken):
		w.WriteHeader(http.StatusBadGateway)
		return
	case s.down != 0:
		_ = json.NewEncoder(w).Encode(map[string]any{"code": s.down, "message": "error computing allocation"})
		return
	case err1 != nil || err2 != nil || end.Sub(start) != day || !start.Equal(start.Truncate(day)) || q.Get("includeIdle") != "true" ||
		q.Get("aggregate") != "namespace,controller,label:app.kubernetes.io/name,label:team" || !strings.HasSuffix(r.URL.Path, "/allocation/compute"):
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	set := map[string]any{}
	for name, cost := range s.costs[start.Format(time.DateOnly)] {
		set[name] = map[string]any{"name": name, "window": map[string]any{"start": start, "end": end}, "cpuCost": cost, "totalCost": cost, "surprise": 1}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"code": 200, "status": "success", "data": []any{set}})
}

func (s *server) source(t *testing.T) *Source {
	t.Helper()
	src := newSource(t, func(c *Config) {
		c.Clusters = []Cluster{{"eu", s.URL + "/eu", "hunter2"}, {"us", s.URL + "/us", "hunter2"}}
	})
	for name, c := range src.clients {
		c.HTTP = s.Client()
		src.clients[name] = c
	}
	src.now = func() time.Time { return now }
	return src
}

// catchUp reads on from a cursor at a time.
func (s *server) catchUp(t *testing.T, at time.Time, cursor collectors.Cursor) (collectors.Cursor, []schema.Event) {
	t.Helper()
	src := s.source(t)
	src.now = func() time.Time { return at }
	var p collectortest.Publisher
	cursor, err := collectortest.CatchUp(t, src, cursor, &p)
	if err != nil {
		t.Fatal(err)
	}
	return cursor, p.Events()
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t) })
	if len(events) != 2*14*3 || !strings.Contains(string(events[0].Data), "surprise") {
		t.Errorf("%d events", len(events))
	}
}

func TestBackfill(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	collectortest.CheckBackfill(t, s.API, func() collectors.Poller { return s.source(t) }, now.AddDate(0, 0, -18), now.AddDate(0, 0, -3))
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	collectortest.CheckFailures(t, s.API, "hunter2", func() collectors.Poller { return s.source(t) })
	collectortest.CheckResumes(t, s.API, 13, func() collectors.Poller { return s.source(t) })
}

func TestOnlyDaysThatHaveEndedAreAskedFor(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.catchUp(t, now, nil)
	asked := s.Requests()
	for _, r := range asked {
		u, err := url.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, to, _ := strings.Cut(u.Query().Get("window"), ","); to > date(0)+"T00:00:00Z" {
			t.Errorf("asks for a window to %s at %s", to, now)
		}
	}
	if len(asked) != 2*14 {
		t.Errorf("%d requests for two weeks of two clusters", len(asked))
	}
}

// table is what the costs add up to by day when events are loaded in an order.
func table(t *testing.T, s *Source, events []schema.Event) map[string]float64 {
	t.Helper()
	rows := map[string]*schema.Cost{}
	for _, ev := range events {
		for _, c := range read(t, s, ev) {
			if err := schema.Seal(c, 0); err != nil {
				t.Fatal(err)
			}
			if have := rows[c.FactID()]; have == nil || have.Version < c.Version {
				rows[c.FactID()] = c
			}
		}
	}
	out := map[string]float64{}
	for _, c := range rows {
		if c.Deleted == 0 && c.Cluster == "eu" {
			out[c.Day.Format(time.DateOnly)] += c.Amount
		}
	}
	return out
}

func TestRecomputedDayCorrectsTheEarlierAmounts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	cursor, events := s.catchUp(t, now, nil)
	before := table(t, s.source(t), events)
	if before[date(2)] != 3+1+2 {
		t.Fatalf("before: %v", before)
	}
	s.Change(func() {
		s.costs[date(2)]["shop/deployment:checkout/checkout/payments"] = 10
		delete(s.costs[date(2)], "shop/deployment:cart/cart/payments")
		s.costs[date(9)][idle] = 99
	})
	s.Requests()
	cursor, changed := s.catchUp(t, now.Add(6*time.Hour), cursor)
	if asked := s.Requests(); len(asked) != 2*3 {
		t.Errorf("asks again %d times: %v", len(asked), asked)
	}
	if len(changed) != 2*2 {
		t.Errorf("%d events for two changes in two clusters", len(changed))
	}
	// And back again: this is an event of its own.
	s.Change(func() { s.costs[date(2)]["shop/deployment:checkout/checkout/payments"] = 3 })
	_, back := s.catchUp(t, now.Add(12*time.Hour), cursor)
	if len(back) != 2 || slices.ContainsFunc(events, func(ev schema.Event) bool { return ev.ID == back[0].ID }) {
		t.Errorf("%d events for the change back", len(back))
	}
	for _, order := range [][]schema.Event{slices.Concat(events, changed), slices.Concat(changed, events)} {
		after := table(t, s.source(t), order)
		if after[date(2)] != 10+2 || after[date(9)] != before[date(9)] || len(after) != len(before) {
			t.Errorf("after: %v", after)
		}
	}
	if after := table(t, s.source(t), slices.Concat(back, changed, events)); math.Abs(after[date(2)]-5) > rounding {
		t.Errorf("after the change back: %v", after)
	}
}

func TestAnswerWithoutAnythingWithdrawsNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	cursor, _ := s.catchUp(t, now, nil)
	s.Change(func() { s.costs[date(1)] = nil })
	cursor, events := s.catchUp(t, now, cursor)
	if len(events) != 0 {
		t.Errorf("%d events for a day that was lost", len(events))
	}
	s.Change(func() { s.costs[date(1)] = map[string]float64{idle: 2} })
	if _, events = s.catchUp(t, now, cursor); len(events) != 2*2 {
		t.Errorf("%d events once it is known again", len(events))
	}
}

func TestConfiguredNameOfTheClusterCounts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, events := s.catchUp(t, now, nil)
	ids := map[string]bool{}
	for _, ev := range events {
		for _, c := range read(t, s.source(t), ev) {
			if c.Cluster != "eu" && c.Cluster != "us" {
				t.Fatalf("cluster %q", c.Cluster)
			}
			if ids[c.FactID()] {
				t.Fatalf("%s is there twice", c.FactID())
			}
			ids[c.FactID()] = true
		}
	}
}

func TestErrorMayComeWithStatus200(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.down = http.StatusInternalServerError
	_, err := s.source(t).Poll(t.Context(), nil, (&collectortest.Publisher{}).Publish)
	if err == nil || !strings.Contains(err.Error(), "error computing allocation") {
		t.Errorf("error is %v", err)
	}
}

func TestClusterThatIsDownKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.broken = "/eu"
	var p collectortest.Publisher
	var cursor collectors.Cursor
	for range 3 {
		c, err := s.source(t).Poll(t.Context(), cursor, p.Publish)
		if err == nil || !strings.Contains(err.Error(), "cluster eu") {
			t.Fatalf("error is %v", err)
		}
		cursor = c
	}
	if n := len(p.Events()); n != 14*3 {
		t.Errorf("%d events of the other cluster", n)
	}
	s.Change(func() { s.broken = "" })
	if _, events := s.catchUp(t, now, cursor); len(events) != 14*3 {
		t.Errorf("%d events once it is back", len(events))
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"nothing":  {func(c *Config) { c.Clusters = nil }, "clusters is missing"},
		"name":     {func(c *Config) { c.Clusters[0].Name = "a/b" }, `clusters[0].name is "a/b"`},
		"twice":    {func(c *Config) { c.Clusters = append(c.Clusters, c.Clusters[0]) }, `clusters[1].name "eu-1" is there twice`},
		"url":      {func(c *Config) { c.Clusters[0].URL = "x" }, "clusters[0].url is no address"},
		"service":  {func(c *Config) { c.Service = "pod" }, `service is "pod"`},
		"team":     {func(c *Config) { c.Team = "label:" }, `team is "label:"`},
		"currency": {func(c *Config) { c.Currency = "eur" }, `currency is "eur"`},
		"interval": {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
		"history":  {func(c *Config) { c.History = time.Hour }, "history is 1h0m0s"},
	})
	if got := (origin{"eu-1", "namespace", "namespace"}).by(); !slices.Equal(got, []string{"namespace", "controller"}) {
		t.Errorf("asks by %s", got)
	}
}

package backstage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newSource(tb testing.TB, change ...func(*Config)) *Source {
	tb.Helper()
	cfg := *Entry().Config().(*Config)
	cfg.WebhookTokens = []secret.String{"a-token", "old"}
	cfg.URL, cfg.Token = "https://portal.acme.example", "hunter2"
	cfg.Plugins = []Plugin{{ID: "kubernetes", Capability: "runtime", Qualifying: []string{"click"}}}
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
		if ev.Type == typeEntity || ev.Type == typeRemoved || ev.Type == typeTask {
			c.Events = append(c.Events, ev)
			continue
		}
		c.Deliveries = append(c.Deliveries, collectortest.Delivery{Name: name, Header: http.Header{}, Body: ev.Data})
	}
	c.Deliveries = append(c.Deliveries, collectortest.Delivery{Name: "nonsense", Header: http.Header{}, Body: []byte("null")})
	collectortest.Check(t, c)
}

// facts reads an event of testdata by its name.
func facts[T schema.Fact](t *testing.T, name string) []T {
	t.Helper()
	fs, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[name])
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	for _, f := range fs {
		if f, ok := f.(T); ok {
			out = append(out, f)
		}
	}
	return out
}

func TestCompletionComesFromTheEvents(t *testing.T) {
	t.Parallel()
	r := facts[*schema.Request](t, "task_completed")[0]
	if r.CompletedAt == nil || !r.CompletedAt.Equal(time.Date(2026, 5, 1, 10, 2, 5, 0, time.UTC)) || r.MinutesSaved != 270 || r.ServiceRef != "backstage:component:default/shop" {
		t.Errorf("request is %+v", r)
	}
	if u := facts[*schema.CapabilityUse](t, "task_completed"); len(u) != 1 || u[0].Qualifying != 1 {
		t.Errorf("uses are %v", u)
	}
	if u := facts[*schema.CapabilityUse](t, "task_failed"); len(u) != 0 {
		t.Errorf("a failed task is a use: %v", u)
	}
}

func TestRetryOpensTheSameRequestAgain(t *testing.T) {
	t.Parallel()
	var versions []uint64
	for _, name := range []string{"task_open", "task_retried", "task_retried_completed"} {
		r := facts[*schema.Request](t, name)[0]
		versions = append(versions, r.Version)
		if r.RequestID != facts[*schema.Request](t, "task_failed")[0].RequestID {
			t.Errorf("%s is %s", name, r.RequestID)
		}
	}
	if !slices.IsSorted(versions) || versions[1] <= facts[*schema.Request](t, "task_failed")[0].Version {
		t.Errorf("versions are %v", versions)
	}
	if r := facts[*schema.Request](t, "task_retried")[0]; r.Status != schema.RequestOpen || r.CompletedAt != nil {
		t.Errorf("while it is retried: %+v", r)
	}
	if r := facts[*schema.Request](t, "task_retried_completed")[0]; !r.CompletedAt.Equal(time.Date(2026, 5, 1, 11, 1, 2, 0, time.UTC)) {
		t.Errorf("completed at %s", r.CompletedAt)
	}
}

func TestIdentityOnlyFromTheToken(t *testing.T) {
	t.Parallel()
	if r := facts[*schema.Request](t, "task_completed")[0]; r.Actor != "backstage:user:default/ada" {
		t.Errorf("actor is %q", r.Actor)
	}
	if r := facts[*schema.Request](t, "task_of_a_machine")[0]; r.Actor != "" {
		t.Errorf("a machine is the person %q", r.Actor)
	}
	if u := facts[*schema.CapabilityUse](t, "analytics_one")[0]; u.Actor != "" {
		t.Errorf("a display name is the person %q", u.Actor)
	}
	for _, i := range facts[*schema.Identity](t, "user") {
		if strings.Contains(i.Ref, "Ada L.") || i.How == "email" {
			t.Errorf("identity is %+v", i)
		}
	}
	trusting := newSource(t, func(c *Config) { c.TrustEmails = true })
	fs, err := trusting.Normalize(collectortest.Events(t, Name, "testdata")["user"])
	if err != nil || !slices.ContainsFunc(fs, func(f schema.Fact) bool { return f.FactID() == "email:ada@example.com" }) {
		t.Errorf("a trusted address is no identity (%v)", err)
	}
}

func TestViewsAreNoUse(t *testing.T) {
	t.Parallel()
	var got []string
	for _, u := range facts[*schema.CapabilityUse](t, "analytics") {
		got = append(got, fmt.Sprintf("%s %s %d", u.Action, u.CapabilityID, u.Qualifying))
	}
	want := []string{"navigate runtime 0", "click runtime 1", "create template:default/new-service 1", "click backstage:search 0"}
	if !slices.Equal(got, want) {
		t.Errorf("uses are %q", got)
	}
}

func TestMinutesSaved(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]float64{"PT4H": 240, "PT4H30M": 270, "P1D": 1440, "PT15M": 15, "P1DT2H": 1560, "4h": 0, "": 0, "PT999999999999999999H": 1e6} {
		if got := (metadata{Annotations: map[string]string{annotationTimeSaved: in}}).minutesSaved(); got != want {
			t.Errorf("%q is %v minutes, want %v", in, got, want)
		}
	}
	if got := (metadata{Annotations: map[string]string{annotationMinutes: "-5", annotationTimeSaved: "PT1H"}}).minutesSaved(); got != 60 {
		t.Errorf("a negative number counts: %v", got)
	}
}

// TestAnEntityThatOnlyNamesACapabilityReplacesNothing: a template seen later must
// not take away the release date that others have told.
func TestAnEntityThatOnlyNamesACapabilityReplacesNothing(t *testing.T) {
	t.Parallel()
	seen := schema.Meta{Version: schema.NewVersion(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), 0)}
	declared := schema.NewVersion(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), 0)
	for _, c := range []struct {
		name        string
		annotations map[string]string
		loses       bool
	}{
		{"names", map[string]string{annotationCapability: "database"}, true},
		{"names and dates", map[string]string{annotationCapability: "database", annotationReleased: "2026-01-31"}, false},
		{"names and mandates", map[string]string{annotationCapability: "database", annotationMandated: "true"}, false},
		{"is one itself", nil, false},
	} {
		e := entity{Kind: "Template", Metadata: metadata{Name: "postgres", Annotations: c.annotations}}
		if got := e.provides(seen); (got.Version < declared) != c.loses {
			t.Errorf("a template that %s has version %d beside the configuration's %d", c.name, got.Version, declared)
		}
	}
}

func TestRepositories(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		annotations map[string]string
		repo, path  string
	}{
		{map[string]string{annotationLocation: "url:https://github.com/Acme/Shop/"}, "github.com/acme/shop", ""},
		{map[string]string{annotationLocation: "url:https://github.com/acme/mono/tree/main/services/shop/"}, "github.com/acme/mono", "services/shop"},
		{map[string]string{annotationLocation: "url:https://gitlab.acme.io/a/b/-/tree/main/x"}, "gitlab.acme.io/a/b", "x"},
		{map[string]string{"github.com/project-slug": "acme/shop"}, "github.com/acme/shop", ""},
		{map[string]string{annotationLocation: "url:https://github.com/acme/catalog/tree/main/shop/", "github.com/project-slug": "acme/shop"}, "github.com/acme/shop", ""},
		{map[string]string{annotationLocation: "file:/tmp/x"}, "", ""},
		{nil, "", ""},
	} {
		if repo, path := (metadata{Annotations: c.annotations}).repository(); repo != c.repo || path != c.path {
			t.Errorf("%v: %q %q", c.annotations, repo, path)
		}
	}
}

func TestSecretAnnotationIsTakenOut(t *testing.T) {
	t.Parallel()
	raw := json.RawMessage(`{"kind":"Component","metadata":{"name":"x","annotations":{"pagerduty.com/integration-key":"deadbeef","a":"b"}}}`)
	if got := string(redact(raw)); strings.Contains(got, "deadbeef") || !strings.Contains(got, `"a":"b"`) {
		t.Errorf("payload is %s", got)
	}
	if got := string(withoutSecrets(json.RawMessage(`{"id":"1","secrets":{"t":"hunter2"}}`))); strings.Contains(got, "hunter2") {
		t.Errorf("task is %s", got)
	}
}

// portal is a Backstage backend.
type portal struct {
	*collectortest.API
	entities []map[string]any
	// hidden entities are not listed, but known by name.
	hidden map[string]bool
	tasks  []map[string]any
	fail   func(w http.ResponseWriter, r *http.Request) bool
	pages  int
}

func newPortal(t *testing.T) *portal {
	t.Helper()
	p := &portal{hidden: map[string]bool{}}
	p.API = collectortest.NewAPI(t, p.serve)
	return p
}

func (p *portal) entity(kind, name, owner string, groups ...string) map[string]any {
	return map[string]any{
		"kind": kind, "metadata": map[string]any{"name": name, "etag": fmt.Sprint(kind, name, owner, groups)},
		"spec": map[string]any{"owner": owner, "memberOf": groups},
	}
}

func (p *portal) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer hunter2" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if p.fail != nil && p.fail(w, r) {
		return
	}
	name := func(e map[string]any) string {
		return strings.ToLower(e["kind"].(string)) + "/default/" + e["metadata"].(map[string]any)["name"].(string)
	}
	q := r.URL.Query()
	switch path := r.URL.Path; {
	case path == "/api/catalog/entities/by-query":
		p.pages++
		start, err := strconv.Atoi(q.Get("cursor"))
		if err != nil && len(q["filter"]) != len(kinds) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		items := []any{}
		for _, e := range p.entities[min(start, len(p.entities)):min(start+entityPage, len(p.entities))] {
			if !p.hidden[name(e)] {
				items = append(items, e)
			}
		}
		info := map[string]any{}
		if start+entityPage < len(p.entities) {
			info["nextCursor"] = strconv.Itoa(start + entityPage)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "totalItems": len(p.entities), "pageInfo": info})
	case strings.HasPrefix(path, "/api/catalog/entities/by-name/"):
		if !slices.ContainsFunc(p.entities, func(e map[string]any) bool {
			return name(e) == strings.TrimPrefix(path, "/api/catalog/entities/by-name/")
		}) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte("{}"))
	case path == "/api/scaffolder/v2/tasks":
		offset, _ := strconv.Atoi(q.Get("offset"))
		limit, _ := strconv.Atoi(q.Get("limit"))
		_ = json.NewEncoder(w).Encode(map[string]any{"tasks": p.tasks[min(offset, len(p.tasks)):min(offset+limit, len(p.tasks))], "totalTasks": len(p.tasks)})
	case strings.HasSuffix(path, "/events"):
		_, _ = w.Write([]byte(`[{"type":"log","createdAt":"2026-05-01T10:00:00Z"},{"type":"completion","createdAt":"2026-05-01T10:05:00Z","body":{}}]`))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (p *portal) source(t *testing.T, now time.Time) *Source {
	t.Helper()
	s := newSource(t, func(c *Config) { c.URL = p.URL })
	s.client.HTTP = p.Client()
	s.now = func() time.Time { return now }
	return s
}

var now = time.Date(2026, 5, 10, 0, 0, 0, 0, time.UTC)

func TestPollContract(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	for i := range 2*entityPage + 3 {
		p.entities = append(p.entities, p.entity("Component", fmt.Sprintf("c%d", i), "a"))
	}
	p.entities = append(p.entities, p.entity("User", "ada", "", "a", "b"))
	for i := range 2*taskPage + 5 {
		p.tasks = append(p.tasks, map[string]any{"id": fmt.Sprint("t", i), "status": "completed", "createdAt": now.Add(-time.Duration(i) * time.Hour).Format(time.RFC3339)})
	}
	events := collectortest.CheckPoller(t, func() collectors.Poller { return p.source(t, now) })
	if len(events) != len(p.entities)+len(p.tasks) {
		t.Errorf("%d events", len(events))
	}
}

func TestEmitsOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	p.entities = []map[string]any{p.entity("Component", "shop", "a"), p.entity("Component", "web", "a"), p.entity("User", "ada", "", "a")}
	var pub collectortest.Publisher
	cur, err := p.source(t, now).Poll(t.Context(), nil, pub.Publish)
	if err != nil {
		t.Fatal(err)
	}
	later := now.Add(15 * 24 * time.Hour)
	p.Change(func() {
		p.entities[0] = p.entity("Component", "shop", "b")
		p.entities[2] = p.entity("User", "ada", "", "b")
	})
	s := p.source(t, later)
	if _, err = s.Poll(t.Context(), cur, pub.Publish); err != nil {
		t.Fatal(err)
	}
	events := pub.Events()[3:]
	if len(events) != 2 {
		t.Fatalf("%d events for two changes", len(events))
	}
	// A reorganisation begins when it was seen, and what was before stays.
	fs, err := s.Normalize(events[0])
	if err != nil || !fs[1].(*schema.Ownership).ValidFrom.Equal(later) || fs[1].(*schema.Ownership).TeamID != "b" {
		t.Errorf("ownership is %+v (%v)", fs, err)
	}
	fs, err = s.Normalize(events[1])
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range fs {
		if m, ok := f.(*schema.Membership); ok {
			got[m.TeamID] = m.ValidFrom.Format(time.DateOnly)
			if m.ValidTo != nil {
				got[m.TeamID] += " to " + m.ValidTo.Format(time.DateOnly)
			}
		}
	}
	if got["a"] != "2026-05-10 to 2026-05-25" || got["b"] != "2026-05-25" {
		t.Errorf("memberships are %v", got)
	}
}

func TestRemovedEntityIsAskedForByName(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	p.entities = []map[string]any{p.entity("Component", "shop", "a"), p.entity("Component", "web", "a"), p.entity("User", "ada", "", "a")}
	var pub collectortest.Publisher
	cur, err := p.source(t, now).Poll(t.Context(), nil, pub.Publish)
	if err != nil {
		t.Fatal(err)
	}
	p.Change(func() {
		p.hidden["component/default/shop"] = true
		p.entities = p.entities[:1]
	})
	s := p.source(t, now.Add(time.Hour))
	if cur, err = s.Poll(t.Context(), cur, pub.Publish); err != nil {
		t.Fatal(err)
	}
	var gone []string
	for _, ev := range pub.Events()[3:] {
		fs, err := s.Normalize(ev)
		if err != nil {
			t.Fatal(err)
		}
		gone = append(gone, ev.Type+" "+fs[0].FactID())
	}
	if !slices.Equal(gone, []string{"backstage.entity_removed web", "backstage.entity_removed ada"}) {
		t.Errorf("events are %v", gone)
	}
	n := len(pub.Events())
	if _, err = s.Poll(t.Context(), cur, pub.Publish); err != nil || len(pub.Events()) != n {
		t.Errorf("withdrawn twice (%v)", err)
	}
}

// TestWhatIsWithdrawnEnds: of an entity that is gone only the name can be asked for, so
// what it was is remembered, and ends.
func TestWhatIsWithdrawnEnds(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	annotated := func(e map[string]any, annotations map[string]string) map[string]any {
		e["metadata"].(map[string]any)["annotations"] = annotations
		return e
	}
	p.entities = []map[string]any{
		annotated(p.entity("Component", "shop", "a"), map[string]string{"github.com/project-slug": "acme/shop", "pagerduty.com/service-id": "P1"}),
		p.entity("Component", "web", "a"), p.entity("Group", "a", ""),
		annotated(p.entity("User", "ada", "", "a"), map[string]string{"github.com/user-login": "ada-l"}), p.entity("User", "grace", "", "a"),
	}
	var pub collectortest.Publisher
	cur, err := p.source(t, now).Poll(t.Context(), nil, pub.Publish)
	if err != nil {
		t.Fatal(err)
	}
	all := p.entities
	later := now.Add(time.Hour)
	poll := func() (out []string) {
		t.Helper()
		before := len(pub.Events())
		s := p.source(t, later)
		if cur, err = s.Poll(t.Context(), cur, pub.Publish); err != nil {
			t.Fatal(err)
		}
		for _, ev := range pub.Events()[before:] {
			facts, err := s.Normalize(ev)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range facts {
				line := f.Table() + " " + f.FactID()
				switch f := f.(type) {
				case *schema.Service:
					line += fmt.Sprint(" of ", f.Repo, " ", f.Aliases)
				case *schema.Ownership:
					line += " of " + f.TeamID
				case *schema.Membership:
					line += fmt.Sprint(" until ", f.ValidTo.Format(time.RFC3339))
				}
				if schema.MetaOf(f).Deleted == 1 {
					line += " deleted"
				}
				out = append(out, line)
			}
		}
		return out
	}
	p.Change(func() { p.entities = append(slices.Clone(all[:2]), all[3:]...) })
	stamp, until := later.Format("2006-01-02T15:04:05.000Z"), later.Format(time.RFC3339)
	want := []string{
		"teams a deleted", "ownerships shop@" + stamp + "@catalog/backstage of ", "ownerships web@" + stamp + "@catalog/backstage of ",
		"memberships ada/a@" + stamp + " until " + until, "memberships grace/a@" + stamp + " until " + until,
	}
	if d := cmp.Diff(want, poll()); d != "" {
		t.Errorf("the group is gone (-want +got):\n%s", d)
	}
	p.Change(func() { p.entities = all[1:2] })
	began := now.Format("2006-01-02T15:04:05.000Z")
	want = []string{
		"services shop of github.com/acme/shop [backstage:component:default/shop pagerduty:P1] deleted", "ownerships shop@" + stamp + "@catalog/backstage of ",
		"people ada deleted", "identities backstage:user:default/ada deleted", "identities github:ada-l deleted", "memberships ada/a@" + began + " until " + until,
		"people grace deleted", "identities backstage:user:default/grace deleted", "memberships grace/a@" + began + " until " + until,
	}
	if d := cmp.Diff(want, poll()); d != "" {
		t.Errorf("a component and two users are gone (-want +got):\n%s", d)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	p.entities = []map[string]any{p.entity("Component", "shop", "a"), p.entity("User", "ada", "", "a")}
	p.tasks = []map[string]any{{"id": "t1", "status": "completed", "createdAt": now.Add(-time.Hour), "lastHeartbeatAt": now.Add(-time.Hour)}}
	poller := func() collectors.Poller { return p.source(t, now) }
	collectortest.CheckFailures(t, p.API, "hunter2", poller)
}

// TestBackfillKnowsHowFarItIs: the whole is known before the first page is told, also
// where there is no scaffolder.
func TestBackfillKnowsHowFarItIs(t *testing.T) {
	t.Parallel()
	without := func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/api/scaffolder") {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		return false
	}
	for name, tt := range map[string]struct {
		fail func(http.ResponseWriter, *http.Request) bool
		want []string
	}{
		"both":               {nil, []string{"0 of 0", "0 of 663", "500 of 663", "513 of 663", "613 of 663", "663 of 663"}},
		"without scaffolder": {without, []string{"0 of 0", "0 of 513", "500 of 513", "513 of 513"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPortal(t)
			for i := range entityPage + 13 {
				p.entities = append(p.entities, p.entity("Component", fmt.Sprintf("c%d", i), "a"))
			}
			for i := range taskPage + 50 {
				p.tasks = append(p.tasks, map[string]any{"id": fmt.Sprintf("t%d", i), "status": "open", "createdAt": now.Add(-time.Hour)})
			}
			p.fail = tt.fail
			b, err := p.source(t, now).Backfill(now.AddDate(-1, 0, 0))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			told := func() {
				done, total, unit := b.(collectors.Estimator).Progress(nil)
				if unit != "entities and tasks" {
					t.Errorf("unit %q", unit)
				}
				got = append(got, fmt.Sprintf("%d of %d", done, total))
			}
			told()
			if _, err := b.Poll(t.Context(), nil, func(context.Context, ...schema.Event) error { told(); return nil }); err != nil {
				t.Fatal(err)
			}
			told()
			if !slices.Equal(got, tt.want) {
				t.Errorf("progress %q, want %q", got, tt.want)
			}
		})
	}
}

func TestResumesAfterTheLastGoodPage(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	for i := range entityPage + 10 {
		p.entities = append(p.entities, p.entity("Component", fmt.Sprintf("c%d", i), "a"))
	}
	p.fail = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("cursor") != "" {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	}
	var pub collectortest.Publisher
	cur, err := p.source(t, now).Poll(t.Context(), nil, pub.Publish)
	if err == nil || len(pub.Events()) != entityPage {
		t.Fatalf("%d events (%v)", len(pub.Events()), err)
	}
	p.Change(func() { p.fail = nil })
	if _, err = p.source(t, now).Poll(t.Context(), cur, pub.Publish); err != nil || len(pub.Events()) != entityPage+10 {
		t.Errorf("%d events (%v)", len(pub.Events()), err)
	}
}

func TestBackendWithoutScaffolder(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	p.fail = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/api/scaffolder") {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		return false
	}
	p.entities = []map[string]any{p.entity("Component", "shop", "a")}
	var pub collectortest.Publisher
	if _, err := p.source(t, now).Poll(t.Context(), nil, pub.Publish); err != nil || len(pub.Events()) != 1 {
		t.Errorf("%d events (%v)", len(pub.Events()), err)
	}
}

func TestTasksThatChange(t *testing.T) {
	t.Parallel()
	p := newPortal(t)
	set := func(status, heartbeat string) {
		p.Change(func() {
			p.tasks = []map[string]any{{"id": "t", "status": status, "createdAt": "2026-05-09T10:00:00Z", "lastHeartbeatAt": heartbeat}}
		})
	}
	var pub collectortest.Publisher
	var cur collectors.Cursor
	for i, step := range []struct {
		status, heartbeat string
		events            int
	}{
		{"processing", "2026-05-09T10:00:01Z", 1},
		{"processing", "2026-05-09T10:00:09Z", 1},
		{"failed", "2026-05-09T10:01:00Z", 2},
		{"failed", "2026-05-09T10:01:00Z", 2},
		{"failed", "2026-05-09T11:01:00Z", 3},
		{"processing", "2026-05-09T12:00:00Z", 4},
		{"completed", "2026-05-09T12:01:00Z", 5},
	} {
		set(step.status, step.heartbeat)
		var err error
		if cur, err = p.source(t, now).Poll(t.Context(), cur, pub.Publish); err != nil || len(pub.Events()) != step.events {
			t.Errorf("step %d: %d events, want %d (%v)", i, len(pub.Events()), step.events, err)
		}
	}
	if last := pub.Events()[4]; !strings.Contains(string(last.Data), "completion") || strings.Contains(string(last.Data), `"log"`) {
		t.Errorf("payload is %s", last.Data)
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"nothing":  {func(c *Config) { c.WebhookTokens = nil }, "url and webhook_tokens are both missing"},
		"url":      {func(c *Config) { c.URL = "portal" }, "url is no address"},
		"token":    {func(c *Config) { c.URL = "https://p" }, "token is missing"},
		"empty":    {func(c *Config) { c.WebhookTokens = []secret.String{""} }, "webhook_tokens[0] is empty"},
		"interval": {func(c *Config) { c.Interval = 0 }, "interval is 0s"},
		"history":  {func(c *Config) { c.History = -1 }, "history is -1ns"},
		"plugin":   {func(c *Config) { c.Plugins = []Plugin{{ID: "x"}} }, "plugins[0] needs both"},
		"views":    {func(c *Config) { c.Plugins = []Plugin{{ID: "x", Capability: "y", Qualifying: []string{"navigate"}}} }, "looking at a page is no use"},
	} {
		cfg := *Entry().Config().(*Config)
		cfg.WebhookTokens = []secret.String{"s"}
		c.change(&cfg)
		if _, err := New(cfg, collectors.Deps{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if newSource(t, func(c *Config) { c.URL, c.Token = "", "" }).Interval() != 0 {
		t.Error("it asks without an address")
	}
}

func FuzzNormalize(f *testing.F) {
	s := newSource(f)
	types := []string{typeEntity, typeRemoved, typeTask}
	for _, ev := range collectortest.Events(f, Name, "testdata") {
		f.Add(uint8(max(slices.Index(types, ev.Type), -1)+1), ev.Data)
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		ev := schema.Event{ID: "1", Source: Name, Time: collectortest.Time, Data: data}
		if k := kind % 4; k > 0 {
			ev.Type = types[k-1]
		} else {
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

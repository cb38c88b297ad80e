package crossplane

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/kubeapi"
	"github.com/headway-metrics/headway/collectors/kubeapi/kubeapitest"
	"github.com/headway-metrics/headway/collectors/provision"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config() Config {
	c := *Entry().Config().(*Config)
	c.Clusters = []kubeapi.Cluster{{Name: "eu-1", URL: "https://eu-1.example.com", Token: kubeapitest.Token}}
	c.Rules = []Rule{
		{"Database/{team}/*", provision.Target{Capability: "database", Channel: schema.ChannelSelfService, MinutesSaved: 120}},
		{"Bucket/**", provision.Target{Capability: "bucket", Channel: schema.ChannelSelfService}},
		{"XNetwork/{team}", provision.Target{Capability: "network", Channel: schema.ChannelManual}},
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
	collectortest.CheckTestdata(t, newSource(t), nil, "testdata")
}

func FuzzNormalize(f *testing.F) { collectortest.Fuzz(f, newSource(f), "testdata") }

var (
	databases  = kubeapi.Resource{Group: "database.example.org", Version: "v1alpha1", Plural: "databases"}
	xdatabases = kubeapi.Resource{Group: "database.example.org", Version: "v1alpha1", Plural: "xdatabases"}
	buckets    = kubeapi.Resource{Group: "platform.example.org", Version: "v1", Plural: "buckets"}
)

// Written by hand after https://docs.crossplane.io/v1.20/concepts/composite-resource-definitions/
// and https://docs.crossplane.io/latest/composition/composite-resource-definitions/.
const (
	definitionOfClaims = `{"metadata":{"name":"xdatabases.database.example.org"},"spec":{"group":"database.example.org","scope":"LegacyCluster",
		"names":{"kind":"XDatabase","plural":"xdatabases"},"claimNames":{"kind":"Database","plural":"databases"},
		"versions":[{"name":"v1","served":false,"referenceable":false},{"name":"v1beta1","served":true,"referenceable":false},{"name":"v1alpha1","served":true,"referenceable":true}]}}`
	definitionInNamespaces = `{"metadata":{"name":"buckets.platform.example.org"},"spec":{"group":"platform.example.org","scope":"Namespaced",
		"names":{"kind":"Bucket","plural":"buckets"},"versions":[{"name":"v1","served":true,"referenceable":true}]}}`
)

func stored(kind, namespace, name string, n int, more string) string {
	where := ""
	if namespace != "" {
		where = fmt.Sprintf(`"namespace":%q,`, namespace)
	}
	return fmt.Sprintf(`{"kind":%q,"metadata":{%s"name":%q,"uid":"uid-%d","creationTimestamp":"2026-06-01T08:00:00Z"},%s}`, kind, where, name, n, more)
}

func readyAt(at string) string {
	return `"spec":{"password":"s3cret"},"status":{"conditions":[{"type":"Synced","status":"True"},{"type":"Ready","status":"True","reason":"Available","lastTransitionTime":"` + at + `"}]}`
}

const notReady = `"spec":{"password":"s3cret"},"status":{"conditions":[{"type":"Ready","status":"False","reason":"Creating","lastTransitionTime":"2026-06-01T08:00:01Z"}]}`

// cluster has a claim with its composite, a composite in a namespace, and one that waits.
func cluster(t *testing.T, version string) *kubeapitest.Server {
	t.Helper()
	s := kubeapitest.New(t)
	s.Put(t, definitions(version), definitionOfClaims)
	s.Put(t, definitions(version), definitionInNamespaces)
	s.Put(t, databases, stored("Database", "red", "orders", 1, readyAt("2026-06-01T08:10:00Z")))
	s.Put(t, databases, stored("Database", "red", "carts", 2, notReady))
	s.Put(t, databases, stored("Database", "blue", "users", 3, readyAt("2026-06-01T08:20:00Z")))
	s.Put(t, xdatabases, stored("XDatabase", "", "orders-x", 4, `"spec":{"claimRef":{"name":"orders"}}`))
	s.Put(t, buckets, stored("Bucket", "blue", "invoices", 5, readyAt("2026-06-01T08:03:00Z")))
	return s
}

var now = time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)

func source(t *testing.T, servers ...*kubeapitest.Server) *Source {
	t.Helper()
	src := newSource(t, func(c *Config) {
		c.Clusters = nil
		for i, s := range servers {
			c.Clusters = append(c.Clusters, kubeapi.Cluster{Name: fmt.Sprint("c", i), URL: s.URL, Token: kubeapitest.Token})
		}
	})
	src.now = func() time.Time { return now }
	return src
}

func poll(t *testing.T, src *Source, cursor collectors.Cursor) (collectors.Cursor, []schema.Event, error) {
	t.Helper()
	var p collectortest.Publisher
	next, err := src.Poll(t.Context(), cursor, p.Publish)
	return next, p.Events(), err
}

// requests are what counts after events were loaded.
func requests(t *testing.T, src *Source, events []schema.Event) map[string]*schema.Request {
	t.Helper()
	out := map[string]*schema.Request{}
	for _, ev := range events {
		facts, err := src.Normalize(ev)
		if ignored := new(schema.IgnoredError); err != nil && !errors.As(err, &ignored) {
			t.Fatal(err)
		}
		for _, f := range facts {
			r, ok := f.(*schema.Request)
			if !ok {
				continue
			}
			if have := out[r.RequestID]; have == nil || have.Version < r.Version {
				out[r.RequestID] = r
			}
		}
	}
	return out
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	a, b := cluster(t, "v2"), cluster(t, "v1")
	events := collectortest.CheckPoller(t, func() collectors.Poller { return source(t, a, b) })
	if len(events) != 2*4 {
		t.Errorf("%d events for three claims and a composite in two clusters", len(events))
	}
	for _, ev := range events {
		if strings.Contains(string(ev.Data), "s3cret") {
			t.Errorf("the event holds a password: %s", ev.Data)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := cluster(t, "v2")
	collectortest.CheckFailures(t, s.API, kubeapitest.Token, func() collectors.Poller { return source(t, s) })
}

// TestResumesBehindAClusterThatWasRead: the cursor in the middle of two clusters holds
// what was said of the first one.
func TestResumesBehindAClusterThatWasRead(t *testing.T) {
	t.Parallel()
	a, b := cluster(t, "v2"), cluster(t, "v2")
	b.Forbidden = []string{"compositeresourcedefinitions"}
	cursor, events, err := poll(t, source(t, a, b), nil)
	if err == nil || !strings.Contains(err.Error(), "cluster c1") || len(events) != 4 {
		t.Fatalf("%d events (%v)", len(events), err)
	}
	b.Change(func() { b.Forbidden = nil })
	_, events, err = poll(t, source(t, a, b), cursor)
	if err != nil || len(events) != 4 || events[0].Subject != "c1" {
		t.Errorf("%d events (%v)", len(events), err)
	}
}

func TestOfAClaimAndItsCompositeOnlyTheClaimCounts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"composite_of_claim", "composite_of_composite"} {
		_, err := newSource(t, func(c *Config) { c.Rules[0].Resource = "**" }).Normalize(collectortest.Events(t, Name, "testdata")[name])
		if ignored := new(schema.IgnoredError); !errors.As(err, &ignored) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCompositesMayBeInNamespacesAndDefinitionsOfTwoVersions(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"v1", "v2"} {
		s := cluster(t, version)
		_, events, err := poll(t, source(t, s), nil)
		r := requests(t, source(t, s), events)["crossplane:uid-5"]
		if err != nil || r == nil || r.CapabilityID != "bucket" || r.Status != schema.RequestCompleted {
			t.Errorf("%s: %+v (%v)", version, r, err)
		}
		if asked := s.Requests(); slices.ContainsFunc(asked, func(r string) bool { return strings.Contains(r, "v1beta1") }) {
			t.Errorf("asks for the version that is not the referenceable one: %q", asked)
		}
	}
	_, _, err := poll(t, source(t, kubeapitest.New(t)), nil)
	if err == nil || !strings.Contains(err.Error(), "Crossplane is not installed") {
		t.Errorf("without Crossplane: %v", err)
	}
}

func TestTheFirstTimeThatItBecameReadyCounts(t *testing.T) {
	t.Parallel()
	s := cluster(t, "v2")
	cursor, events, err := poll(t, source(t, s), nil)
	if err != nil {
		t.Fatal(err)
	}
	// It breaks, and is mended a day later. A second Headway without a cursor reads that.
	s.Change(func() { s.Put(t, databases, stored("Database", "red", "orders", 1, readyAt("2026-06-02T08:10:00Z"))) })
	if _, more, err := poll(t, source(t, s), cursor); err != nil || len(more) != 0 {
		t.Errorf("%d more events (%v)", len(more), err)
	}
	_, later, err := poll(t, source(t, s), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range [][]schema.Event{slices.Concat(events, later), slices.Concat(later, events)} {
		r := requests(t, source(t, s), order)["crossplane:uid-1"]
		if r == nil || !r.CompletedAt.Equal(time.Date(2026, 6, 1, 8, 10, 0, 0, time.UTC)) || r.TeamRef != "red" || r.CapabilityID != "database" {
			t.Errorf("request %+v", r)
		}
	}
}

func TestWhatWaitedBecomesReady(t *testing.T) {
	t.Parallel()
	s := cluster(t, "v2")
	cursor, events, err := poll(t, source(t, s), nil)
	if r := requests(t, source(t, s), events)["crossplane:uid-2"]; err != nil || r == nil || r.Status != schema.RequestOpen || r.CompletedAt != nil {
		t.Fatalf("request %+v (%v)", r, err)
	}
	s.Change(func() { s.Put(t, databases, stored("Database", "red", "carts", 2, readyAt("2026-06-01T09:30:00Z"))) })
	_, more, err := poll(t, source(t, s), cursor)
	for _, order := range [][]schema.Event{slices.Concat(events, more), slices.Concat(more, events)} {
		if r := requests(t, source(t, s), order)["crossplane:uid-2"]; err != nil || len(more) != 1 || r.Status != schema.RequestCompleted {
			t.Errorf("request %+v (%v)", r, err)
		}
	}
}

func TestWhatIsDeletedOnceWasReady(t *testing.T) {
	t.Parallel()
	s := cluster(t, "v2")
	cursor, events, err := poll(t, source(t, s), nil)
	if err != nil {
		t.Fatal(err)
	}
	deleting := strings.Replace(stored("Database", "red", "orders", 1, notReady), `"uid"`, `"deletionTimestamp":"2026-06-03T08:00:00Z","uid"`, 1)
	s.Change(func() { s.Put(t, databases, deleting) })
	cursor, more, err := poll(t, source(t, s), cursor)
	if err != nil || len(more) != 0 {
		t.Errorf("%d events of a deletion (%v)", len(more), err)
	}
	// Nobody knows of one that is first seen on its way out.
	if _, first, err := poll(t, source(t, s), nil); err != nil || requests(t, source(t, s), first)["crossplane:uid-1"] != nil {
		t.Errorf("a deletion that is seen first: %v", err)
	}
	s.Change(func() { delete(s.Objects[databases], "red/orders") })
	if _, more, err = poll(t, source(t, s), cursor); err != nil || len(more) != 0 || len(events) == 0 {
		t.Errorf("%d events once it is gone (%v)", len(more), err)
	}
}

func TestWhatIsGoneBeforeItWasReadyWasCancelled(t *testing.T) {
	t.Parallel()
	s := cluster(t, "v2")
	cursor, events, err := poll(t, source(t, s), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Change(func() { delete(s.Objects[databases], "red/carts") })
	cursor, more, err := poll(t, source(t, s), cursor)
	r := requests(t, source(t, s), slices.Concat(more, events))["crossplane:uid-2"]
	if err != nil || len(more) != 1 || r.Status != schema.RequestCancelled || !r.CompletedAt.Equal(now) {
		t.Errorf("request %+v (%v)", r, err)
	}
	if _, more, err = poll(t, source(t, s), cursor); err != nil || len(more) != 0 {
		t.Errorf("%d events: it is told again (%v)", len(more), err)
	}
}

func TestTrial(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*kubeapitest.Server)
		failed []string
		sample bool
	}{
		"good":          {func(*kubeapitest.Server) {}, nil, true},
		"may not list":  {func(s *kubeapitest.Server) { s.Forbidden = []string{"buckets"} }, []string{"cluster c0: list buckets.platform.example.org"}, true},
		"no Crossplane": {func(s *kubeapitest.Server) { clear(s.Objects) }, []string{"cluster c0"}, false},
		"no definition": {func(s *kubeapitest.Server) { s.Objects[definitions("v2")] = map[string]string{} }, []string{"cluster c0"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cluster(t, "v2")
			c.change(s)
			trial := collectortest.Try(t, s.ServeHTTP, func(string) collectors.Source { return source(t, s) }, c.failed...)
			if (trial.Sample != nil) != c.sample {
				t.Errorf("sample %v", trial.Sample)
			}
		})
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"clusters": {func(c *Config) { c.Clusters = nil }, "clusters is missing"},
		"rules":    {func(c *Config) { c.Rules = nil }, "rules is empty"},
		"resource": {func(c *Config) { c.Rules[0].Resource = "" }, "rules[0].resource is empty"},
		"channel":  {func(c *Config) { c.Rules[0].Channel = "" }, "rules[0].channel"},
		"team":     {func(c *Config) { c.Team = []string{"x"} }, `team[0] is "x"`},
		"interval": {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
	})
}

// TestTheClusterRoleLetsDefinitionsBeListed: deploy/kubernetes/crossplane.yaml and the
// README name the group and resource that discover asks for.
func TestTheClusterRoleLetsDefinitionsBeListed(t *testing.T) {
	t.Parallel()
	manifest, err := os.ReadFile("../../deploy/kubernetes/crossplane.yaml")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(apiVersion: rbac.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("README.md holds no ClusterRole")
	}
	for name, b := range map[string][]byte{"the manifest": manifest, "README.md": block[1]} {
		var role struct {
			Kind  string `yaml:"kind"`
			Rules []struct {
				APIGroups []string `yaml:"apiGroups"`
				Resources []string `yaml:"resources"`
				Verbs     []string `yaml:"verbs"`
			} `yaml:"rules"`
		}
		first, _, _ := strings.Cut(string(b), "\n---")
		if err := yaml.Unmarshal([]byte(first), &role); err != nil || role.Kind != "ClusterRole" || len(role.Rules) != 2 {
			t.Fatalf("%s: %+v (%v)", name, role, err)
		}
		want := definitions("v2")
		if r := role.Rules[0]; !slices.Equal(r.APIGroups, []string{want.Group}) || !slices.Equal(r.Resources, []string{want.Plural}) {
			t.Errorf("%s: the first rule is %+v", name, r)
		}
		for _, r := range role.Rules {
			if !slices.Equal(r.Verbs, []string{"get", "list"}) {
				t.Errorf("%s: verbs %q", name, r.Verbs)
			}
		}
	}
}

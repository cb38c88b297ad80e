package kubernetes

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
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
	"github.com/headway-metrics/headway/collectors/inventory"
	"github.com/headway-metrics/headway/collectors/kubeapi"
	"github.com/headway-metrics/headway/collectors/kubeapi/kubeapitest"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config() Config {
	c := *Entry().Config().(*Config)
	c.Clusters = []Cluster{{kubeapi.Cluster{Name: "eu-1", URL: "https://eu-1.example.com", Token: kubeapitest.Token}, "production"}}
	c.OnPlatform = []string{"label:platform.example.com/managed=true"}
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

// resource is a kind by the name of its objects.
func resource(tb testing.TB, name string) kubeapi.Resource {
	tb.Helper()
	for _, k := range kinds() {
		if k.name == name {
			return k.Resource
		}
	}
	tb.Fatalf("no kind %s", name)
	return kubeapi.Resource{}
}

var now = time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)

// cluster is an API server with a shop in it.
func cluster(t *testing.T) *kubeapitest.Server {
	t.Helper()
	s := kubeapitest.New(t)
	for i := range 3 {
		s.Put(t, resource(t, "Deployment"), fmt.Sprintf(`{"metadata":{"namespace":"shop","name":"web-%d","labels":{"app":"web","team":"red"}},"spec":{"env":"s3cret"}}`, i))
	}
	s.Put(t, resource(t, "StatefulSet"), `{"metadata":{"namespace":"shop","name":"db","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"env\":\"s3cret\"}"}}}`)
	s.Put(t, resource(t, "DaemonSet"), `{"metadata":{"namespace":"kube-system","name":"proxy"}}`)
	s.Put(t, resource(t, "CronJob"), `{"metadata":{"namespace":"shop","name":"nightly"}}`)
	return s
}

// withReports adds some of the kinds that may be installed.
func withReports(t *testing.T, s *kubeapitest.Server) *kubeapitest.Server {
	t.Helper()
	events := collectortest.Events(t, Name, "testdata")
	s.Put(t, resource(t, "PolicyReport"), string(events["policyreport"].Data))
	s.Put(t, resource(t, "ClusterReport"), string(events["openreport"].Data))
	s.Put(t, resource(t, "VulnerabilityReport"), string(events["vulnerabilityreport"].Data))
	s.Put(t, resource(t, "ConfigAuditReport"), string(events["configauditreport"].Data))
	s.Put(t, resource(t, "ExposedSecretReport"), secretReport)
	return s
}

// Written by hand after https://aquasecurity.github.io/trivy-operator/latest/docs/crds/exposedsecret-report/.
const secretReport = `{"kind":"ExposedSecretReport","metadata":{"name":"statefulset-db-db","namespace":"shop","managedFields":[{"manager":"trivy"}],"labels":{
	"trivy-operator.resource.kind":"StatefulSet","trivy-operator.resource.name":"db","trivy-operator.resource.namespace":"shop","trivy-operator.container.name":"db"}},
	"report":{"updateTimestamp":"2026-06-01T06:00:00Z","secrets":[{"ruleID":"aws-access-key-id","title":"AWS","severity":"CRITICAL","target":"/app/x","match":"s3cret"}]}}`

func source(t *testing.T, servers ...*kubeapitest.Server) *Source {
	t.Helper()
	src := newSource(t, func(c *Config) {
		c.Clusters = nil
		for i, s := range servers {
			c.Clusters = append(c.Clusters, Cluster{kubeapi.Cluster{Name: fmt.Sprint("c", i), URL: s.URL, Token: kubeapitest.Token}, "production"})
		}
	})
	src.now = func() time.Time { return now }
	return src
}

// poll reads on from a cursor at a time.
func poll(t *testing.T, src *Source, at time.Time, cursor collectors.Cursor) (collectors.Cursor, []schema.Event, error) {
	t.Helper()
	src.now = func() time.Time { return at }
	var p collectortest.Publisher
	next, err := src.Poll(t.Context(), cursor, p.Publish)
	return next, p.Events(), err
}

// facts of events, by table.
func facts(t *testing.T, src *Source, events []schema.Event) map[string][]schema.Fact {
	t.Helper()
	out := map[string][]schema.Fact{}
	for _, ev := range events {
		list, err := src.Normalize(ev)
		if ignored := new(schema.IgnoredError); err != nil && !errors.As(err, &ignored) {
			t.Fatal(err)
		}
		for _, f := range list {
			out[f.Table()] = append(out[f.Table()], f)
		}
	}
	return out
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	a, b := withReports(t, cluster(t)), cluster(t)
	events := collectortest.CheckPoller(t, func() collectors.Poller { return source(t, a, b) })
	if len(events) != 2+5 {
		t.Errorf("%d events for two inventories and five reports", len(events))
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := withReports(t, cluster(t))
	collectortest.CheckFailures(t, s.API, kubeapitest.Token, func() collectors.Poller { return source(t, s) })
	collectortest.CheckResumes(t, s.API, 9, func() collectors.Poller { return source(t, s) })
}

func TestASnapshotIsWhole(t *testing.T) {
	t.Parallel()
	s := cluster(t)
	s.Broken = []string{"deployments"}
	cursor, events, err := poll(t, source(t, s), now, nil)
	if err == nil || len(events) > 0 {
		t.Fatalf("%d events of half a listing (%v)", len(events), err)
	}
	s.Change(func() { s.Broken, s.Forbidden = nil, []string{"cronjobs"} })
	cursor, events, err = poll(t, source(t, s), now, cursor)
	if err == nil || len(events) > 0 {
		t.Fatalf("%d events without one of the kinds (%v)", len(events), err)
	}
	s.Change(func() { s.Forbidden = nil })
	cursor, events, err = poll(t, source(t, s), now, cursor)
	if err != nil || len(events) != 1 || len(facts(t, source(t, s), events)["workloads"]) != 6 {
		t.Fatalf("%d events of the whole (%v)", len(events), err)
	}
	// Once a day.
	if cursor, events, err = poll(t, source(t, s), now.Add(14*time.Hour), cursor); err != nil || len(events) != 0 {
		t.Errorf("%d events on the same day (%v)", len(events), err)
	}
	if _, events, err = poll(t, source(t, s), now.Add(15*time.Hour), cursor); err != nil || len(events) != 1 {
		t.Errorf("%d events on the next day (%v)", len(events), err)
	}
}

func TestAListThatExpiredIsListedAgain(t *testing.T) {
	t.Parallel()
	s := cluster(t)
	s.Expire = 1
	_, events, err := poll(t, source(t, s), now, nil)
	if err != nil || len(facts(t, source(t, s), events)["workloads"]) != 6 {
		t.Errorf("%d events (%v)", len(events), err)
	}
}

func TestAKindThatIsNotInstalledIsNoErrorAndAForbiddenOneKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	s := withReports(t, cluster(t))
	delete(s.Objects, resource(t, "ClusterReport"))
	s.Forbidden = []string{"policyreports"}
	_, events, err := poll(t, source(t, s), now, nil)
	if err == nil || !strings.Contains(err.Error(), "reading policyreports.wgpolicyk8s.io") || strings.Contains(err.Error(), "clusterreports") {
		t.Errorf("error is %v", err)
	}
	if len(events) != 1+3 {
		t.Errorf("%d events of an inventory and three reports", len(events))
	}
}

func TestOfWorkloadsOnlyTheMetadataIsAskedForAndNoSecretIsKept(t *testing.T) {
	t.Parallel()
	s := withReports(t, cluster(t))
	_, events, err := poll(t, source(t, s), now, nil)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, ev := range events {
		if strings.Contains(string(ev.Data), "s3cret") || strings.Contains(string(ev.Data), "managedFields") {
			t.Errorf("%s holds a secret: %s", ev.Type, ev.Data)
		}
		kinds[ev.Type] = true
	}
	if len(kinds) != 3 || len(facts(t, source(t, s), events)["findings"]) != 3 {
		t.Errorf("types %v", kinds)
	}
}

// report is a VulnerabilityReport of a ReplicaSet of the checkout.
func report(t *testing.T, hash string) string {
	t.Helper()
	return strings.ReplaceAll(string(collectortest.Events(t, Name, "testdata")["vulnerabilityreport"].Data), "5d9c7f8b6d", hash)
}

func TestANewReplicaSetEndsNoFindings(t *testing.T) {
	t.Parallel()
	s, vulnerabilities := cluster(t), resource(t, "VulnerabilityReport")
	s.Put(t, vulnerabilities, report(t, "5d9c7f8b6d"))
	cursor, events, err := poll(t, source(t, s), now, nil)
	if err != nil || len(events) != 2 {
		t.Fatalf("%d events (%v)", len(events), err)
	}
	before := facts(t, source(t, s), events)["findings"][0]
	// A rollout: another ReplicaSet, another report; the old one goes away.
	s.Change(func() {
		s.Objects[vulnerabilities] = nil
		s.Put(t, vulnerabilities, report(t, "7c4b9d6f58"))
	})
	cursor, events, err = poll(t, source(t, s), now.Add(time.Hour), cursor)
	found := facts(t, source(t, s), events)
	if err != nil || len(found["scans"]) != 1 || len(found["findings"]) != 1 || found["findings"][0].FactID() != before.FactID() {
		t.Fatalf("after a rollout: %v (%v)", found, err)
	}
	// The workload is deleted: its findings end.
	s.Change(func() { s.Objects[vulnerabilities] = map[string]string{} })
	cursor, events, err = poll(t, source(t, s), now.Add(2*time.Hour), cursor)
	found = facts(t, source(t, s), events)
	if err != nil || len(found["scans"]) != 1 || len(found["findings"]) > 0 {
		t.Fatalf("after a deletion: %v (%v)", found, err)
	}
	end := found["scans"][0].(*schema.Scan)
	if end.Report != before.(*schema.Finding).Report || !end.At.Equal(now.Add(2*time.Hour)) {
		t.Errorf("the scan that ends %q is of %q at %s", before.(*schema.Finding).Report, end.Report, end.At)
	}
	if _, events, err = poll(t, source(t, s), now.Add(3*time.Hour), cursor); err != nil || len(events) > 0 {
		t.Errorf("it is told again: %d events (%v)", len(events), err)
	}
}

func TestTwoClustersCallTheirWorkloadsTheSame(t *testing.T) {
	t.Parallel()
	a, b := withReports(t, cluster(t)), withReports(t, cluster(t))
	src := source(t, a, b)
	_, events, err := poll(t, src, now, nil)
	if err != nil {
		t.Fatal(err)
	}
	for table, list := range facts(t, src, events) {
		ids := map[string]bool{}
		for _, f := range list {
			if ids[f.FactID()] {
				t.Errorf("%s %s is there twice", table, f.FactID())
			}
			ids[f.FactID()] = true
		}
	}
}

func TestAReportThatChangesIsReadAgainAndTheOthersAreNot(t *testing.T) {
	t.Parallel()
	s := withReports(t, cluster(t))
	cursor, _, err := poll(t, source(t, s), now, nil)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(collectortest.Events(t, Name, "testdata")["policyreport"].Data), `"20021"`, `"20099"`, 1)
	s.Change(func() { s.Put(t, resource(t, "PolicyReport"), changed) })
	s.Requests()
	_, events, err := poll(t, source(t, s), now.Add(time.Hour), cursor)
	if err != nil || len(events) != 1 || len(facts(t, source(t, s), events)["policy_results"]) != 2 {
		t.Errorf("%d events (%v)", len(events), err)
	}
	// The four kinds of workloads are not asked for again, and of five reports one.
	var objects []string
	for _, r := range s.Requests() {
		if !strings.Contains(r, "?limit=") {
			objects = append(objects, r)
		}
	}
	if len(objects) != 1 {
		t.Errorf("asked for %q", objects)
	}
}

func TestAClusterThatIsDownKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	down, up := cluster(t), cluster(t)
	down.Forbidden = []string{"deployments"}
	_, events, err := poll(t, source(t, down, up), now, nil)
	if err == nil || !strings.Contains(err.Error(), "cluster c0") || len(events) != 1 || events[0].Subject != "c1" {
		t.Errorf("%d events (%v)", len(events), err)
	}
}

// TestAClusterThatRefusesTheTokenOrAsksForPatienceIsLeftAlone: eleven kinds are not
// asked for in vain.
func TestAClusterThatRefusesTheTokenOrAsksForPatienceIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, code := range []int{http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusBadGateway} {
		api := collectortest.NewAPI(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
		src := source(t, cluster(t))
		src.cfg.Clusters[0].URL = api.URL
		if _, _, err := poll(t, src, now, nil); !kubeapi.IsStatus(err, code) || len(api.Requests()) != 1 {
			t.Errorf("%d: %v", code, err)
		}
		trial := collectors.Try(t.Context(), src)
		if asked := api.Requests(); len(asked) != 1 || len(trial.Checks) != 1 || trial.Checks[0].Problem == "" {
			t.Errorf("%d: asked %q, checks %+v", code, asked, trial.Checks)
		}
	}
}

func TestTrial(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*kubeapitest.Server)
		failed []string
		sample bool
	}{
		"good":       {func(*kubeapitest.Server) {}, nil, true},
		"no reports": {func(s *kubeapitest.Server) { s.Forbidden = []string{"reports"} }, nil, true},
		"may not list": {
			func(s *kubeapitest.Server) { s.Forbidden = []string{"cronjobs", "policyreports"} },
			[]string{"cluster c0: list cronjobs.batch", "cluster c0: list policyreports.wgpolicyk8s.io"},
			false,
		},
		"empty": {func(s *kubeapitest.Server) {
			for _, k := range []string{"Deployment", "StatefulSet", "DaemonSet", "CronJob"} {
				s.Objects[resource(t, k)] = map[string]string{}
			}
		}, []string{"cluster c0: inventory"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withReports(t, cluster(t))
			c.change(s)
			trial := collectortest.Try(t, s.Config.Handler.ServeHTTP, func(url string) collectors.Source {
				src := source(t, s)
				src.cfg.Clusters[0].URL = url
				return src
			}, c.failed...)
			if (trial.Sample != nil) != c.sample {
				t.Errorf("sample %v", trial.Sample)
			}
		})
	}
}

func TestTrialSaysWhatTheRulesMake(t *testing.T) {
	t.Parallel()
	s := cluster(t)
	var details []string
	for _, c := range collectors.Try(t.Context(), source(t, s)).Checks {
		details = append(details, c.Detail)
	}
	detail := strings.Join(details, "\n")
	want := "6 workloads: 3 name a service and 3 a team, 6 are in production, 0 on the platform and 0 unknown, 1 are the platform's own"
	if !strings.Contains(detail, want) || !strings.Contains(detail, "not installed in the cluster") {
		t.Errorf("details\n%s\nwant %q", detail, want)
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"clusters":    {func(c *Config) { c.Clusters = nil }, "clusters is missing"},
		"environment": {func(c *Config) { c.Clusters[0].Environment = "" }, "clusters[0].environment is missing"},
		"reports":     {func(c *Config) { c.Reports = []string{"falco"} }, `reports[0] is "falco"`},
		"rules":       {func(c *Config) { c.OnPlatform = []string{"all"} }, `on_platform[0] is "all"`},
		"interval":    {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
	})
	if err := (Config{Config: inventory.Config{Environment: []string{"namespace"}}, Clusters: []Cluster{{Cluster: kubeapi.Cluster{Name: "eu"}}}, Interval: time.Hour}).Validate(); err != nil {
		t.Error(err)
	}
}

// TestTheClusterRoleIsWhatIsAskedFor: deploy/kubernetes/clusterrole.yaml and the README
// give the rights that this package uses, and no other.
func TestTheClusterRoleIsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	want := map[string][]string{}
	for _, k := range kinds() {
		want[k.Group] = append(want[k.Group], k.Plural)
	}
	manifest, err := os.ReadFile("../../deploy/kubernetes/clusterrole.yaml")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(apiVersion: rbac.*?)```").FindSubmatch(readme)
	if blocks == nil {
		t.Fatal("README.md holds no ClusterRole")
	}
	for name, b := range map[string][]byte{"the manifest": manifest, "README.md": blocks[1]} {
		var role struct {
			Kind  string `yaml:"kind"`
			Rules []struct {
				APIGroups []string `yaml:"apiGroups"`
				Resources []string `yaml:"resources"`
				Verbs     []string `yaml:"verbs"`
			} `yaml:"rules"`
		}
		first, _, _ := strings.Cut(string(b), "\n---")
		if err := yaml.Unmarshal([]byte(first), &role); err != nil || role.Kind != "ClusterRole" {
			t.Errorf("%s: kind %q (%v)", name, role.Kind, err)
		}
		got := map[string][]string{}
		for _, r := range role.Rules {
			if !slices.Equal(r.Verbs, []string{"get", "list"}) || len(r.APIGroups) != 1 {
				t.Errorf("%s: %+v gives more or less than get and list of one group", name, r)
			}
			got[r.APIGroups[0]] = append(got[r.APIGroups[0]], r.Resources...)
		}
		if !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s gives %v, want %v", name, got, want)
		}
	}
}

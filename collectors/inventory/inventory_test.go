package inventory

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/schema"
)

const source = "kubernetes"

func rules(t *testing.T, c Config) Rules {
	t.Helper()
	r, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var at = time.Date(2026, 5, 20, 23, 30, 0, 0, time.FixedZone("", -3600))

// workloads takes items through an event, as a source does.
func workloads(t *testing.T, c Config, of Place, items ...Item) []*schema.Workload {
	t.Helper()
	events, err := Events(source, of, at, items)
	if err != nil {
		t.Fatal(err)
	}
	var out []*schema.Workload
	for _, ev := range events {
		facts, err := rules(t, c).Facts(source, ev)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range facts {
			out = append(out, f.(*schema.Workload))
		}
	}
	return out
}

func TestTheFirstNameThatIsSetCounts(t *testing.T) {
	t.Parallel()
	c := Config{
		Service: []string{"label:backstage.io/kubernetes-id", "annotation:service", "name"}, Team: []string{"label:team", "namespace"},
		Environment: []string{"label:env"},
	}
	for want, i := range map[string]Item{
		"checkout shop production production": {Kind: "Deployment", Namespace: "shop", Name: "web", Labels: map[string]string{"backstage.io/kubernetes-id": "checkout"}},
		"cart red staging staging": {
			Kind: "Deployment", Namespace: "shop", Name: "web", Annotations: map[string]string{"service": "cart"},
			Labels: map[string]string{"team": "red", "env": "staging"},
		},
		"web shop production production": {Kind: "Deployment", Namespace: "shop", Name: "web", Labels: map[string]string{"team": ""}},
	} {
		w := workloads(t, c, Place{"eu", "production"}, i)[0]
		if got := fmt.Sprint(w.ServiceRef, " ", w.TeamRef, " ", w.Environment, " ", w.Tier); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestThePredicateHasThreeBands(t *testing.T) {
	t.Parallel()
	on, off := []string{"label:managed", "namespace=team-*", "annotation:tracking=argo/**"}, []string{"namespace=legacy", "cluster=old", "kind=CronJob"}
	managed := Item{Kind: "Deployment", Namespace: "x", Name: "a", Labels: map[string]string{"managed": ""}}
	team := Item{Kind: "Deployment", Namespace: "team-red", Name: "a"}
	tracked := Item{Kind: "Deployment", Namespace: "x", Name: "a", Annotations: map[string]string{"tracking": "argo/a/b"}}
	legacy := Item{Kind: "Deployment", Namespace: "legacy", Name: "a"}
	job := Item{Kind: "CronJob", Namespace: "x", Name: "a"}
	other := Item{Kind: "Deployment", Namespace: "x", Name: "a", Annotations: map[string]string{"tracking": "helm"}}
	for _, c := range []struct {
		on, off []string
		item    Item
		cluster string
		want    string
	}{
		{nil, nil, managed, "eu", "unknown"},
		{on, nil, managed, "eu", "yes"},
		{on, nil, team, "eu", "yes"},
		{on, nil, tracked, "eu", "yes"},
		{on, nil, other, "eu", "no"},
		{on, off, other, "eu", "unknown"},
		{on, off, legacy, "eu", "no"},
		{on, off, job, "eu", "no"},
		{on, off, other, "old", "no"},
		{on, off, team, "old", "yes"},
	} {
		if w := workloads(t, Config{OnPlatform: c.on, NotOnPlatform: c.off}, Place{Cluster: c.cluster}, c.item)[0]; w.OnPlatform != c.want {
			t.Errorf("%+v with %v and %v is %s, want %s", c.item, c.on, c.off, w.OnPlatform, c.want)
		}
	}
	if w := workloads(t, Config{PlatformOwned: off}, Place{Cluster: "eu"}, legacy, other); w[0].PlatformOwned != 1 || w[1].PlatformOwned != 0 {
		t.Errorf("platform_owned %d and %d", w[0].PlatformOwned, w[1].PlatformOwned)
	}
}

func TestADayIsOneOfUTC(t *testing.T) {
	t.Parallel()
	w := workloads(t, Config{}, Place{Cluster: "eu"}, Item{Kind: "Deployment", Namespace: "shop", Name: "web"})[0]
	if id := w.FactID(); id != "kubernetes:eu/shop/Deployment/web@2026-05-21" {
		t.Errorf("id %q", id)
	}
}

// TestWhatIsInAnObjectIsNotKept: kubectl keeps the last applied object, with the
// environment of its containers, in an annotation.
func TestWhatIsInAnObjectIsNotKept(t *testing.T) {
	t.Parallel()
	events, err := Events(source, Place{Cluster: "eu"}, at, []Item{{Kind: "Deployment", Name: "web", Annotations: map[string]string{
		"kubectl.kubernetes.io/last-applied-configuration": `{"env":"hunter2"}`, "long": strings.Repeat("hunter2", 100), "owner": "red",
	}}})
	if err != nil || strings.Contains(string(events[0].Data), "hunter2") || !strings.Contains(string(events[0].Data), "red") {
		t.Errorf("%s %v", events[0].Data, err)
	}
}

func TestALargeListingIsSeveralEventsAndASmallOneIsOne(t *testing.T) {
	t.Parallel()
	var items []Item
	long := map[string]string{"text": strings.Repeat("x", 1000)}
	for i := range 20_000 {
		items = append(items, Item{Kind: "Deployment", Namespace: "shop", Name: fmt.Sprint("web-", i), Labels: long})
	}
	for n, parts := range map[int]int{0: 1, 1: 1, 10_000: 1, 20_000: 2} {
		events, err := Events(source, Place{Cluster: "eu"}, at, items[:n])
		if err != nil || len(events) != parts {
			t.Errorf("%d workloads: %d events, want %d (%v)", n, len(events), parts, err)
		}
		ids, found := map[string]bool{}, 0
		for _, ev := range events {
			ids[ev.ID] = true
			facts, err := rules(t, Config{}).Facts(source, ev)
			if ignored := new(schema.IgnoredError); err != nil && (n > 0 || !errors.As(err, &ignored)) {
				t.Fatal(err)
			}
			found += len(facts)
		}
		if found != n || len(ids) != parts {
			t.Errorf("%d workloads: %d facts, %d ids", n, found, len(ids))
		}
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, func() Config { return Config{Service: []string{"name"}, OnPlatform: []string{"name=*"}} },
		func(c Config) error { _, err := c.Compile(); return err }, map[string]struct {
			Change func(*Config)
			Want   string
		}{
			"service":     {func(c *Config) { c.Service = []string{"name", "pod"} }, `service[1] is "pod": write label:NAME`},
			"team":        {func(c *Config) { c.Team = []string{"label:"} }, `team[0] is "label:"`},
			"environment": {func(c *Config) { c.Environment = []string{"namespace:x"} }, `environment[0] is "namespace:x"`},
			"condition":   {func(c *Config) { c.OnPlatform = []string{"namespace"} }, `on_platform[0] is "namespace": write label:NAME`},
			"pattern":     {func(c *Config) { c.PlatformOwned = []string{"namespace={"} }, `platform_owned[0] is "namespace={": the pattern`},
			"not alone":   {func(c *Config) { c.OnPlatform, c.NotOnPlatform = nil, []string{"name=*"} }, "not_on_platform stands without on_platform"},
		})
}

func TestWhatIsNoInventoryIsRefused(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		`{`: "reading an inventory",
		`{"cluster":"eu","day":"today","part":1,"parts":1,"workloads":[]}`:                    "day is",
		`{"day":"2026-01-01","part":1,"parts":1,"workloads":[]}`:                              "no cluster",
		`{"cluster":"eu","day":"2026-01-01","part":2,"parts":1,"workloads":[]}`:               "part 2 of 1",
		`{"cluster":"eu","day":"2026-01-01","part":1,"parts":1,"workloads":[{"name":"web"}]}`: "without kind or name",
		`{"cluster":"eu","day":"2026-01-01","part":1,"parts":1,"workloads":[]}`:               "ignored: inventory without workloads",
	} {
		if _, err := rules(t, Config{}).Facts(source, schema.Event{Time: at, Data: []byte(data)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", data, err, want)
		}
	}
}

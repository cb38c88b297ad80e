package alertmanager

import (
	"strings"
	"testing"

	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

func config() Config {
	c := *Entry().Config().(*Config)
	c.WebhookSecrets = []secret.String{"a-secret", "old"}
	c.Incidents = append(c.Incidents, map[string]string{"severity": "page", "team": "shop-*"})
	c.ServiceLabels = append(c.ServiceLabels, "app")
	return c
}

func newSource(tb testing.TB) *Source {
	tb.Helper()
	s, err := New(config())
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

// updates folds events of testdata by the id of their facts.
func updates(t *testing.T, names ...string) map[string]*schema.IncidentUpdate {
	t.Helper()
	out := map[string]*schema.IncidentUpdate{}
	for _, n := range names {
		fs, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[n])
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		for _, f := range fs {
			out[f.FactID()] = f.(*schema.IncidentUpdate)
		}
	}
	return out
}

func TestRepetitionIsTheSameIncident(t *testing.T) {
	t.Parallel()
	if got := updates(t, "firing", "repeated", "resolved"); len(got) != 2 {
		t.Errorf("%d updates, want triggered and resolved: %v", len(got), got)
	}
}

func TestNextTimeIsAnotherIncident(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for _, u := range updates(t, "firing", "firing_again") {
		ids[u.IncidentID] = true
	}
	if len(ids) != 2 {
		t.Errorf("incidents %v", ids)
	}
}

func TestSeveralAlertmanagersSendOneIncident(t *testing.T) {
	t.Parallel()
	if got := updates(t, "firing", "other_replica"); len(got) != 1 {
		t.Errorf("%d updates: %v", len(got), got)
	}
}

func TestGroupOfFiringAndResolvedAlerts(t *testing.T) {
	t.Parallel()
	kinds := map[string]string{}
	for _, u := range updates(t, "mixed") {
		kinds[u.ServiceRefs[0]+" "+u.Kind] = u.Severity
	}
	want := map[string]string{"checkout triggered": "critical", "checkout resolved": "critical", "cart triggered": "page"}
	for k, v := range want {
		if kinds[k] != v {
			t.Errorf("updates %v, want %v", kinds, want)
		}
	}
	if len(kinds) != len(want) {
		t.Errorf("updates %v", kinds)
	}
}

func TestTruncatedGroupGivesWhatItHolds(t *testing.T) {
	t.Parallel()
	if got := updates(t, "truncated"); len(got) != 1 {
		t.Errorf("updates %v", got)
	}
}

func TestEndOfAnAlertThatFiresIsNone(t *testing.T) {
	t.Parallel()
	for _, u := range updates(t, "firing", "end_ahead") {
		if u.Kind != schema.IncidentTriggered || !u.At.Equal(*u.StartedAt) {
			t.Errorf("update %+v", u)
		}
	}
}

func TestAlertsThatAreNoIncidents(t *testing.T) {
	t.Parallel()
	_, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")["warning"])
	if err == nil || !strings.HasPrefix(err.Error(), "ignored: no alert that is an incident") {
		t.Error(err)
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	check := func(c Config) error { _, err := New(c); return err }
	collectortest.CheckConfig(t, config, check, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"secret":  {func(c *Config) { c.WebhookSecrets = nil }, "webhook_secrets is missing"},
		"empty":   {func(c *Config) { c.WebhookSecrets = []secret.String{""} }, "webhook_secrets[0] is empty"},
		"none":    {func(c *Config) { c.Incidents = nil }, "incidents is empty"},
		"all":     {func(c *Config) { c.Incidents = []map[string]string{{}} }, "incidents[0] has no label"},
		"pattern": {func(c *Config) { c.Incidents = []map[string]string{{"severity": ""}} }, "incidents[0].severity is empty"},
		"label":   {func(c *Config) { c.ServiceLabels = []string{""} }, "service_labels holds an empty name"},
	})
}

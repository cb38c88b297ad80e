package terraform

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/provision"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

func config() Config {
	return Config{
		WebhookSecrets: []secret.String{"a-secret", "old"},
		Rules: []Rule{
			{"acme/{service}-database", provision.Target{Capability: "database", Channel: schema.ChannelSelfService, MinutesSaved: 120}},
			{"acme/network-{team}", provision.Target{Capability: "network", Channel: schema.ChannelManual}},
		},
	}
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

// facts says of an event of testdata the facts.
func facts(t *testing.T, name string) []schema.Fact {
	t.Helper()
	out, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[name])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

func request(t *testing.T, name string) *schema.Request {
	t.Helper()
	return facts(t, name)[0].(*schema.Request)
}

func TestSignatureIsOfSHA512(t *testing.T) {
	t.Parallel()
	header := map[string][]string{}
	newSource(t).scheme.Sign(header, []byte("{}"), collectortest.Time)
	if got := len(header["X-Tfe-Notification-Signature"][0]); got != 128 {
		t.Errorf("the signature has %d digits", got)
	}
}

func TestNoCommitMakesNoDeployment(t *testing.T) {
	t.Parallel()
	var tables []string
	for _, f := range facts(t, "completed") {
		tables = append(tables, f.Table())
	}
	if !slices.Equal(tables, []string{"requests", "capability_uses"}) {
		t.Errorf("facts of %v", tables)
	}
}

func TestErroredIncludesCancels(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"errored": schema.RequestFailed, "errored_canceled": schema.RequestCancelled, "errored_force_canceled": schema.RequestCancelled,
		"errored_discarded": schema.RequestCancelled,
	} {
		if r := request(t, name); r.Status != want || r.CompletedAt == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestARunThatChangesNothingIsADryRun(t *testing.T) {
	t.Parallel()
	got := facts(t, "completed_without_changes")
	if r := got[0].(*schema.Request); len(got) != 1 || r.Status != schema.RequestCompleted || r.DryRun != 1 {
		t.Errorf("%+v", got)
	}
}

func TestTheLaterUpdateCounts(t *testing.T) {
	t.Parallel()
	order := []string{"created", "needs_attention", "applying", "completed"}
	for i, name := range order[1:] {
		before, after := request(t, order[i]), request(t, name)
		if before.FactID() != after.FactID() || before.Version >= after.Version {
			t.Errorf("%s does not come after %s", name, order[i])
		}
	}
	several := request(t, "several")
	if !several.CompletedAt.Equal(time.Date(2026, 5, 1, 10, 12, 30, 0, time.UTC)) {
		t.Errorf("of several notifications not the latest counts: %+v", several)
	}
}

func TestAVerificationIsNoRun(t *testing.T) {
	t.Parallel()
	_, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")["verification"])
	if err == nil || err.Error() != "ignored: verification" {
		t.Error(err)
	}
}

func TestRulesSayForWhomAndWhoServed(t *testing.T) {
	t.Parallel()
	if r := request(t, "completed"); r.CapabilityID != "database" || r.ServiceRef != "shop" || r.Channel != schema.ChannelSelfService || r.Actor != "terraform:ada" {
		t.Errorf("self-service: %+v", r)
	}
	// The platform team's own run names who works there, not who is served.
	if got := facts(t, "completed_by_platform"); len(got) != 1 || got[0].(*schema.Request).TeamRef != "payments" || got[0].(*schema.Request).Actor != "" {
		t.Errorf("by the platform team: %+v", got)
	}
	_, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")["other_workspace"])
	if err == nil || !strings.Contains(err.Error(), "that no rule names") {
		t.Error(err)
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, config, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"no secret":    {func(c *Config) { c.WebhookSecrets = nil }, "webhook_secrets is missing"},
		"empty secret": {func(c *Config) { c.WebhookSecrets = []secret.String{""} }, "webhook_secrets[0] is empty"},
		"no rules":     {func(c *Config) { c.Rules = nil }, "rules is empty"},
		"no workspace": {func(c *Config) { c.Rules[0].Workspace = "" }, "rules[0].workspace is empty"},
		"no channel":   {func(c *Config) { c.Rules[1].Channel = "" }, `rules[1].channel is ""`},
	})
}

package pulumi

import (
	"net/http"
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
			{"acme/database/{service}-*", provision.Target{Capability: "database", Channel: schema.ChannelSelfService, MinutesSaved: 120}},
			{"acme/network/{team}", provision.Target{Capability: "network", Channel: schema.ChannelManual}},
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
func facts(t *testing.T, ev schema.Event) []schema.Fact {
	t.Helper()
	out, err := newSource(t).Normalize(ev)
	if err != nil {
		t.Fatalf("%s: %v", ev.ID, err)
	}
	return out
}

func events(t *testing.T) map[string]schema.Event {
	t.Helper()
	return collectortest.Events(t, Name, "testdata")
}

func TestTheTimeIsThatOfReceipt(t *testing.T) {
	t.Parallel()
	got := facts(t, events(t)["update"])
	r, u := got[0].(*schema.Request), got[1].(*schema.CapabilityUse)
	if !r.CreatedAt.Equal(collectortest.Time) || r.CompletedAt != nil || !u.At.Equal(collectortest.Time) {
		t.Errorf("%+v %+v", r, u)
	}
}

func TestTheHeaderSaysNothing(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	preview := events(t)["preview"]
	made, err := s.Events(http.Header{"Pulumi-Webhook-Kind": {"stack_update"}, "Pulumi-Webhook-Id": {"x"}}, preview.Data, collectortest.Time)
	if err != nil || made[0].Type != typePreview || made[0].ID == "x" {
		t.Errorf("%+v %v", made, err)
	}
}

func TestTheFirstReceiptOfAnUpdateCounts(t *testing.T) {
	t.Parallel()
	first := events(t)["update"]
	again := first
	again.Time = first.Time.Add(time.Hour)
	a, b := facts(t, first)[0].(*schema.Request), facts(t, again)[0].(*schema.Request)
	if a.FactID() != "pulumi:acme/database/shop-prod/updates/42" || b.FactID() != a.FactID() || a.Version <= b.Version {
		t.Errorf("%+v %+v", a, b)
	}
}

func TestOnlyUpdatesProvision(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"preview": "stack_preview", "preview_by_page": "stack_preview", "refresh": "refresh", "destroy": "destroy", "import": "import",
	} {
		if _, err := newSource(t).Normalize(events(t)[name]); err == nil || err.Error() != "ignored: Pulumi "+want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnUpdateThatChangesNothingIsADryRun(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]uint8{"update": 0, "update_unchanged": 1, "update_without_changes": 0} {
		if r := facts(t, events(t)[name])[0].(*schema.Request); r.DryRun != want || r.Status != schema.RequestCompleted {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestRulesSayForWhomAndWhoServed(t *testing.T) {
	t.Parallel()
	if r := facts(t, events(t)["update"])[0].(*schema.Request); r.CapabilityID != "database" || r.ServiceRef != "shop" || r.Actor != "pulumi:ada" {
		t.Errorf("self-service: %+v", r)
	}
	if got := facts(t, events(t)["update_by_platform"]); len(got) != 1 || got[0].(*schema.Request).TeamRef != "payments" {
		t.Errorf("by the platform team: %+v", got)
	}
	if _, err := newSource(t).Normalize(events(t)["other_stack"]); err == nil || !strings.Contains(err.Error(), "that no rule names") {
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
		"no stack":     {func(c *Config) { c.Rules[0].Stack = "" }, "rules[0].stack is empty"},
		"no channel":   {func(c *Config) { c.Rules[1].Channel = "" }, `rules[1].channel is ""`},
	})
}

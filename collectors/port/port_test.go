package port

import (
	"bytes"
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
	c := *Entry().Config().(*Config)
	c.WebhookSecrets = []secret.String{"a-secret", "old"}
	c.PlatformTeams = []string{"platform"}
	c.Rules = []Rule{
		{"create_{capability}", provision.Target{MinutesSaved: 120}},
		{"ask_for_*", provision.Target{Capability: "network", Channel: schema.ChannelManual}},
	}
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

func TestSignatureIsOfSecondsDotBody(t *testing.T) {
	t.Parallel()
	// Computed with openssl dgst -sha256 -hmac a-secret -binary | base64 of "1780315200.{}".
	header := http.Header{"X-Port-Timestamp": {"1780315200"}, "X-Port-Signature": {"v1,0pPBIAGcpGDZVLQgZGUOsOpyoyDZNKw0oyRcFkGDFFg="}}
	s := newSource(t)
	if err := s.Verify(header, []byte("{}"), collectortest.Time); err != nil {
		t.Error(err)
	}
	if err := s.Verify(header, []byte("{}"), collectortest.Time.Add(time.Hour)); err == nil {
		t.Error("a replay is accepted")
	}
}

func TestInputsAndPayloadsAreTakenOut(t *testing.T) {
	t.Parallel()
	made, err := newSource(t).Events(http.Header{}, collectortest.Events(t, Name, "testdata")["with_secrets"].Data, collectortest.Time)
	if err != nil || made[0].Type != typeRun {
		t.Fatalf("%+v %v", made, err)
	}
	for _, word := range []string{"hunter2", "ada@acme.example", "Bearer"} {
		if !bytes.Contains(collectortest.Events(t, Name, "testdata")["with_secrets"].Data, []byte(word)) {
			t.Fatalf("%s was not there to begin with", word)
		}
		if bytes.Contains(made[0].Data, []byte(word)) {
			t.Errorf("%s is kept: %s", word, made[0].Data)
		}
	}
	// Something else of the same sender is not kept whole either.
	made, err = newSource(t).Events(http.Header{}, []byte(`{"run":{"properties":{"password":"hunter2"}}}`), collectortest.Time)
	if err != nil || bytes.Contains(made[0].Data, []byte("hunter2")) {
		t.Errorf("%+v %v", made, err)
	}
}

func TestRunsOfAutomationsAreNoRequests(t *testing.T) {
	t.Parallel()
	_, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")["run_of_automation"])
	if err == nil || err.Error() != "ignored: run of an automation" {
		t.Error(err)
	}
}

func TestAWithdrawnRequestIsNoFailure(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"run_withdrawn": schema.RequestCancelled, "run_declined": schema.RequestCancelled, "run_failed": schema.RequestFailed,
	} {
		if r := request(t, name); r.Status != want {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestAnApprovalIsAHumanStep(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]uint32{"run_waiting": 1, "run_approved_succeeded": 1, "run_succeeded": 0} {
		if r := request(t, name); r.HumanSteps != want {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestARunEndsAtItsLastUpdate(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]time.Time{
		"run_succeeded":            time.Date(2026, 5, 1, 10, 12, 30, 0, time.UTC),
		"run_succeeded_with_ended": time.Date(2026, 5, 1, 10, 12, 0, 0, time.UTC),
	} {
		if r := request(t, name); r.CompletedAt == nil || !r.CompletedAt.Equal(want) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	created, ended := request(t, "run_created"), request(t, "run_succeeded")
	if created.CompletedAt != nil || created.FactID() != ended.FactID() || created.Version >= ended.Version {
		t.Errorf("%+v %+v", created, ended)
	}
}

func TestAnEntityIsNotCreatedWithItsService(t *testing.T) {
	t.Parallel()
	got := facts(t, "service")
	s, o := got[0].(*schema.Service), got[1].(*schema.Ownership)
	if s.CreatedAt != nil || s.ServiceID != "shop" || s.Repo != "github.com/acme/shop" || o.TeamID != "payments" {
		t.Errorf("%+v %+v", s, o)
	}
}

func TestRulesSayWhichCapabilityAndWhoServed(t *testing.T) {
	t.Parallel()
	if r := request(t, "run_succeeded"); r.CapabilityID != "database" || r.Channel != schema.ChannelSelfService || r.ServiceRef != "port:shop" || r.Template != "create_database" {
		t.Errorf("self-service: %+v", r)
	}
	if got := facts(t, "run_by_platform"); len(got) != 1 || got[0].(*schema.Request).Channel != schema.ChannelManual {
		t.Errorf("by the platform team: %+v", got)
	}
	if r := request(t, "run_without_rule"); r.CapabilityID != "port:restart" || r.Channel != schema.ChannelSelfService {
		t.Errorf("without a rule: %+v", r)
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
		"url":          {func(c *Config) { c.URL = "x" }, "url is no address"},
		"blueprints":   {func(c *Config) { c.TeamBlueprint = "service" }, "are both"},
		"no action":    {func(c *Config) { c.Rules[0].Action = "" }, "rules[0].action is empty"},
		"channel":      {func(c *Config) { c.Rules[1].Channel = "x" }, `rules[1].channel is "x"`},
		"minutes":      {func(c *Config) { c.Rules[0].MinutesSaved = -1 }, "rules[0].minutes_saved is -1"},
	})
	c := config()
	if c.Rules = nil; c.Validate() != nil {
		t.Errorf("without rules every action is a capability of its own: %v", c.Validate())
	}
	if err := (Config{}).Validate(); err == nil || !strings.Contains(err.Error(), "webhook_secrets") {
		t.Error(err)
	}
}

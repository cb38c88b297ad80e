package atlantis

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
	return Config{
		WebhookSecrets: []secret.String{"a-secret", "old"},
		Rules: []Rule{
			{"acme/infra//databases/{service}//**", provision.Target{Capability: "database", Channel: schema.ChannelSelfService, MinutesSaved: 120}},
			{"acme/infra//network//default//{team}", provision.Target{Capability: "network", Channel: schema.ChannelManual}},
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

func TestTheTokenOfTheCloneAddressIsTakenOut(t *testing.T) {
	t.Parallel()
	const token = "ghs_hunter2"
	for name, body := range map[string]string{
		"apply":          string(collectortest.Events(t, Name, "testdata")["with_token"].Data),
		"something else": `{"Repo":{"CloneURL":"https://x:` + token + `@github.com/acme/infra.git"}}`,
	} {
		if !strings.Contains(body, token) {
			t.Fatalf("%s holds no token to begin with", name)
		}
		made, err := newSource(t).Events(http.Header{}, []byte(body), collectortest.Time)
		if err != nil || len(made) != 1 || bytes.Contains(made[0].Data, []byte(token)) {
			t.Errorf("%s: %s %v", name, made[0].Data, err)
		}
	}
}

func TestTheTimeIsThatOfReceipt(t *testing.T) {
	t.Parallel()
	got := facts(t, "apply")
	r, u := got[0].(*schema.Request), got[1].(*schema.CapabilityUse)
	if !r.CreatedAt.Equal(collectortest.Time) || r.CompletedAt != nil || !u.At.Equal(collectortest.Time) {
		t.Errorf("%+v %+v", r, u)
	}
}

func TestAnApplyThatIsTriedAgainIsOneRequest(t *testing.T) {
	t.Parallel()
	events := collectortest.Events(t, Name, "testdata")
	failed, again := events["apply_failed"], events["apply"]
	again.Time = failed.Time.Add(time.Minute)
	var got []*schema.Request
	for _, ev := range []schema.Event{failed, again} {
		fs, err := newSource(t).Normalize(ev)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fs[0].(*schema.Request))
	}
	if got[0].FactID() != got[1].FactID() || got[0].Status != schema.RequestFailed || got[1].Status != schema.RequestCompleted || got[0].Version >= got[1].Version {
		t.Errorf("%+v %+v", got[0], got[1])
	}
}

func TestAnApplyByTheAPIIsNamedByItsCommit(t *testing.T) {
	t.Parallel()
	if r := request(t, "apply_by_api"); !strings.HasSuffix(r.RequestID, "@7fd1a60b01f91b314f59955a4e4d4e80d8edf11d") || r.Actor != "" {
		t.Errorf("%+v", r)
	}
}

func TestTheHostSaysWhoseNameTheAuthorIs(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"apply": "github:ada", "apply_gitlab": "gitlab:ada", "apply_bitbucket": ""} {
		if r := request(t, name); r.Actor != want {
			t.Errorf("%s is by %q", name, r.Actor)
		}
	}
}

func TestAtlantisIsAnswered200(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	body := collectortest.Events(t, Name, "testdata")["apply"].Data
	d := collectortest.Delivery{Path: "/hooks/atlantis", Header: http.Header{}, Body: body}
	s.scheme.Sign(d.Header, body, collectortest.Time)
	if rec := collectortest.Post(collectortest.NewServer(t, s, &collectortest.Publisher{}), d); rec.Code != http.StatusOK {
		t.Errorf("answered %d, which Atlantis takes for a failure", rec.Code)
	}
}

func TestRulesSayForWhomAndWhoServed(t *testing.T) {
	t.Parallel()
	if r := request(t, "apply"); r.CapabilityID != "database" || r.ServiceRef != "shop" || r.Channel != schema.ChannelSelfService {
		t.Errorf("self-service: %+v", r)
	}
	if got := facts(t, "apply_by_platform"); len(got) != 1 || got[0].(*schema.Request).TeamRef != "payments" {
		t.Errorf("by the platform team: %+v", got)
	}
	_, err := newSource(t).Normalize(collectortest.Events(t, Name, "testdata")["other_project"])
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
		"no project":   {func(c *Config) { c.Rules[0].Project = "" }, "rules[0].project is empty"},
		"no channel":   {func(c *Config) { c.Rules[1].Channel = "" }, `rules[1].channel is ""`},
	})
}

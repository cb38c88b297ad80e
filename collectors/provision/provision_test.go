package provision_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors/provision"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

func TestFind(t *testing.T) {
	t.Parallel()
	rules, err := provision.Compile("workspace", []provision.Rule{
		{Pattern: "acme/{team}-{service}-db", Target: provision.Target{Capability: "database", Channel: schema.ChannelSelfService, MinutesSaved: 90}},
		{Pattern: "acme/{capability}-*", Target: provision.Target{Channel: schema.ChannelManual, Team: "platform/{capability}"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]provision.Target{
		"acme/pay-shop-db": {Capability: "database", Channel: schema.ChannelSelfService, Team: "pay", Service: "shop", MinutesSaved: 90},
		"acme/vpc-eu":      {Capability: "vpc", Channel: schema.ChannelManual, Team: "platform/vpc"},
	} {
		if got, ok := rules.Find(name); !ok || got != want {
			t.Errorf("%s is %+v", name, got)
		}
	}
	if got, ok := rules.Find("other/pay-shop-db"); ok {
		t.Errorf("a name that fits no rule is %+v", got)
	}
}

func TestCompileNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := provision.Target{Capability: "database", Channel: schema.ChannelManual}
	for want, rules := range map[string][]provision.Rule{
		"rules is empty":                          nil,
		"rules[0].stack is empty":                 {{Target: good}},
		"rules[1].capability is missing":          {{Pattern: "a", Target: good}, {Pattern: "b", Target: provision.Target{Channel: schema.ChannelManual}}},
		`rules[0].channel is ""`:                  {{Pattern: "a", Target: provision.Target{Capability: "x"}}},
		"rules[0].minutes_saved is -1":            {{Pattern: "a", Target: provision.Target{Capability: "x", Channel: schema.ChannelManual, MinutesSaved: -1}}},
		"rules[0].team uses {who}":                {{Pattern: "{a}", Target: provision.Target{Capability: "x", Channel: schema.ChannelManual, Team: "{who}"}}},
		"rules[0].capability uses {b}, which the": {{Pattern: "{a}", Target: provision.Target{Capability: "{b}", Channel: schema.ChannelManual}}},
	} {
		if _, err := provision.Compile("stack", rules); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

func TestHookedNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	type rule struct{ stack string }
	read := func(r rule) provision.Rule {
		return provision.Rule{Pattern: r.stack, Target: provision.Target{Capability: "database", Channel: schema.ChannelManual}}
	}
	rules, err := provision.Hooked([]secret.String{"s"}, "the secret of the webhook", "secret", "stack", []rule{{"acme/*"}}, read)
	if got, ok := rules.Find("acme/shop"); err != nil || !ok || got.Capability != "database" {
		t.Errorf("rule %+v, %v", got, err)
	}
	_, err = provision.Hooked(nil, "the secret of the webhook", "secret", "stack", nil, read)
	for _, want := range []string{"webhook_secrets is missing: give the secret of the webhook", "say in at least one rule which stack is"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	if _, err = provision.Hooked([]secret.String{"s", ""}, "the tokens", "token", "stack", []rule{{""}}, read); err == nil ||
		!strings.Contains(err.Error(), "webhook_secrets[1] is empty: take it out or give the token") || !strings.Contains(err.Error(), "rules[0].stack is empty") {
		t.Errorf("error is %v", err)
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	ended := began.Add(time.Hour)
	run := provision.Run{ID: "x:1", Status: schema.RequestCompleted, Actor: "x:ada", CreatedAt: began, CompletedAt: &ended}
	self := provision.Target{Capability: "database", Channel: schema.ChannelSelfService, Team: "pay", MinutesSaved: 90}
	manual := self
	manual.Channel = schema.ChannelManual
	request := schema.Request{
		RequestID: "x:1", CapabilityID: "database", Channel: schema.ChannelSelfService, Status: schema.RequestCompleted, TeamRef: "pay",
		Actor: "x:ada", CreatedAt: began, CompletedAt: &ended, MinutesSaved: 90,
	}
	use := schema.CapabilityUse{UseID: "x:1", CapabilityID: "database", At: ended, Action: "provision", Qualifying: 1, TeamRef: "pay", Actor: "x:ada"}
	with := func(change func(*schema.Request)) *schema.Request {
		r := request
		change(&r)
		return &r
	}
	but := func(change func(*provision.Run)) provision.Run {
		r := run
		change(&r)
		return r
	}
	began2 := use
	began2.At = began
	for name, c := range map[string]struct {
		target provision.Target
		run    provision.Run
		want   []schema.Fact
	}{
		"self-service": {self, run, []schema.Fact{&request, &use}},
		"by the platform team": {manual, run, []schema.Fact{with(func(r *schema.Request) {
			r.Channel, r.Actor, r.HumanSteps, r.MinutesSaved = schema.ChannelManual, "", 1, 0
		})}},
		"approved":              {self, but(func(r *provision.Run) { r.Approved = true }), []schema.Fact{with(func(r *schema.Request) { r.HumanSteps = 1 }), &use}},
		"nothing provisioned":   {self, but(func(r *provision.Run) { r.DryRun = true }), []schema.Fact{with(func(r *schema.Request) { r.DryRun = 1 })}},
		"failed":                {self, but(func(r *provision.Run) { r.Status = schema.RequestFailed }), []schema.Fact{with(func(r *schema.Request) { r.Status = schema.RequestFailed })}},
		"without a time of end": {self, but(func(r *provision.Run) { r.CompletedAt = nil }), []schema.Fact{with(func(r *schema.Request) { r.CompletedAt = nil }), &began2}},
	} {
		if d := cmp.Diff(c.want, c.target.Facts(c.run)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

package gitlab_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/gitlab"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	signingToken    secret.String = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	oldSigningToken secret.String = "whsec_dGhlIG9sZCBvbmUgdGhhdCBpcyByb3RhdGVk"
	hookSecret      secret.String = "a secret token"
	oldHookSecret   secret.String = "the one before"
)

func sign(h http.Header, body []byte, now time.Time) {
	signature.StandardWebhooks{Secrets: []secret.String{signingToken}}.Sign(h, body, now)
}

func newSource(tb testing.TB, change ...func(*gitlab.Config)) *gitlab.Source {
	tb.Helper()
	cfg := gitlab.DefaultConfig()
	cfg.SigningTokens = []secret.String{signingToken, oldSigningToken}
	cfg.WebhookSecrets = []secret.String{hookSecret, oldHookSecret}
	for _, c := range change {
		c(&cfg)
	}
	s, err := gitlab.New(cfg, collectors.Deps{Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{}}, time.Now)
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
	c := collectortest.Case{Source: newSource(t), Sign: sign}
	for name, ev := range collectortest.Events(t, gitlab.Name, "testdata") {
		if strings.HasPrefix(ev.Type, "gitlab.rest.") {
			c.Events = append(c.Events, ev)
			continue
		}
		h := http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {name}, "X-Gitlab-Event": {"System Hook"}}
		c.Deliveries = append(c.Deliveries, collectortest.Delivery{Name: name, Header: h, Body: ev.Data})
	}
	collectortest.Check(t, c)
}

// TestVerify: both kinds of signature, each with two secrets while one is being
// replaced, and what must be refused.
func TestVerify(t *testing.T) {
	t.Parallel()
	body := []byte(`{"object_kind":"push"}`)
	now := collectortest.Time
	signed := func(token secret.String, at time.Time) http.Header {
		h := http.Header{}
		h.Set("webhook-id", "1")
		signature.StandardWebhooks{Secrets: []secret.String{token}}.Sign(h, body, at)
		return h
	}
	plain := func(token string) http.Header { return http.Header{"X-Gitlab-Token": {token}} }
	both := signed("whsec_"+"d3Jvbmc=", now)
	both.Set("X-Gitlab-Token", hookSecret.Reveal())
	onlyPlain := func(c *gitlab.Config) { c.SigningTokens = nil }
	onlySigned := func(c *gitlab.Config) { c.WebhookSecrets = nil }
	neither := func(c *gitlab.Config) { c.SigningTokens, c.WebhookSecrets = nil, nil }
	ours := func(*gitlab.Config) {}
	tests := []struct {
		name   string
		config func(*gitlab.Config)
		header http.Header
		ok     bool
	}{
		{"signed", ours, signed(signingToken, now), true},
		{"signed with the token before", ours, signed(oldSigningToken, now), true},
		{"secret token", ours, plain(hookSecret.Reveal()), true},
		{"the secret token before", ours, plain(oldHookSecret.Reveal()), true},
		{"signed with another token", ours, signed("whsec_d3Jvbmc=", now), false},
		{"signed too long ago", ours, signed(signingToken, now.Add(-6*time.Minute)), false},
		{"signed in the future", ours, signed(signingToken, now.Add(6*time.Minute)), false},
		{"signed badly although the secret token is right", ours, both, false},
		{"another secret token", ours, plain("guess"), false},
		{"an empty secret token", ours, plain(""), false},
		{"nothing", ours, http.Header{}, false},
		{"signed, where only secret tokens are known", onlyPlain, signed(signingToken, now), false},
		{"both, where only secret tokens are known", onlyPlain, both, true},
		{"secret token, where only signing tokens are known", onlySigned, plain(hookSecret.Reveal()), false},
		{"an empty secret token, where nothing is known", neither, plain(""), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := newSource(t, tt.config).Verify(tt.header, body, now)
			if (err == nil) != tt.ok || (err != nil && !errors.Is(err, collectors.ErrSignature)) {
				t.Errorf("Verify: %v, want success %v", err, tt.ok)
			}
		})
	}
}

// TestIDs: the sender's id, and without one the payload's own.
func TestIDs(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	id := func(body string, header ...string) string {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		events, err := s.Events(h, []byte(body), collectortest.Time)
		if err != nil || len(events) != 1 {
			t.Fatalf("%d events (%v)", len(events), err)
		}
		return events[0].ID
	}
	push := `{"object_kind":"push","after":"1"}`
	if got := id(push, "webhook-id", "a", "Idempotency-Key", "b"); got != "a" {
		t.Errorf("id %q, want that of webhook-id", got)
	}
	if got := id(push, "Idempotency-Key", "b"); got != "b" {
		t.Errorf("id %q, want that of Idempotency-Key", got)
	}
	if a, b := id(push), id(push); a != b || a == id(`{"object_kind":"push","after":"2"}`) {
		t.Errorf("ids of payloads %q and %q", a, b)
	}
	if long := id(push, "webhook-id", strings.Repeat("x", 10_000)); long != id(push) {
		t.Errorf("an absurd id is taken: %d bytes", len(long))
	}
}

// TestSystemHooksSendTheSame: system hooks have no object_kind of a push and
// another header.
func TestSystemHooksSendTheSame(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	ev := collectortest.Events(t, gitlab.Name, "testdata")["push"]
	body := []byte(strings.Replace(string(ev.Data), `"object_kind": "push",`, "", 1))
	if len(body) == len(ev.Data) {
		t.Fatal("object_kind is still there")
	}
	events, err := s.Events(http.Header{"X-Gitlab-Event": {"System Hook"}}, body, collectortest.Time)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := collectortest.Describe(t, s, events[0]), collectortest.Describe(t, s, ev); string(got) != string(want) {
		t.Errorf("facts differ:\n%s\nwant\n%s", got, want)
	}
	if events[0].Key != "gitlab.example.com/acme/shop" {
		t.Errorf("key %q", events[0].Key)
	}
}

func TestConfigurationErrorsNameTheKey(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*gitlab.Config){
		"sources.gitlab.signing_tokens[0] is empty":  func(c *gitlab.Config) { c.SigningTokens = []secret.String{""} },
		"sources.gitlab.webhook_secrets[1] is empty": func(c *gitlab.Config) { c.WebhookSecrets = []secret.String{"x", ""} },
		"sources.gitlab.labels.bug[0]: ":             func(c *gitlab.Config) { c.Labels.Bug = []string{"("} },
		"sources.gitlab.groups[0]: ":                 func(c *gitlab.Config) { c.Groups, c.Token = []string{"https://gitlab.com/acme"}, "t" },
		"sources.gitlab.projects[0]: ":               func(c *gitlab.Config) { c.Projects, c.Token = []string{"a b"}, "t" },
		"sources.gitlab.token: ":                     func(c *gitlab.Config) { c.Groups = []string{"acme"} },
		"sources.gitlab.url ":                        func(c *gitlab.Config) { c.Groups, c.Token, c.URL = []string{"acme"}, "t", "gitlab.com" },
		"sources.gitlab.interval: ":                  func(c *gitlab.Config) { c.Groups, c.Token, c.Interval = []string{"acme"}, "t", time.Second },
		"sources.gitlab.backfill_days: ":             func(c *gitlab.Config) { c.Groups, c.Token, c.BackfillDays = []string{"acme"}, "t", -1 },
	}
	for want, change := range tests {
		cfg := gitlab.DefaultConfig()
		change(&cfg)
		_, err := gitlab.New(cfg, collectors.Deps{Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{}}, time.Now)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	s := newSource(f)
	entries, err := os.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile("testdata/" + e.Name())
		var file collectortest.File
		if err == nil && json.Unmarshal(b, &file) == nil && file.Type != "" {
			f.Add(file.Type, []byte(file.Data))
		}
	}
	f.Fuzz(func(t *testing.T, typ string, data []byte) {
		if events, err := s.Events(http.Header{}, data, collectortest.Time); err == nil {
			if len(events) != 1 || events[0].Validate() != nil {
				t.Fatalf("%d events", len(events))
			}
			collectortest.Describe(t, s, events[0])
		}
		collectortest.Describe(t, s, schema.Event{ID: "1", Source: gitlab.Name, Type: typ, Time: collectortest.Time, Data: data})
	})
}

// read gives the facts of golden events, and fails when there are none.
func read[F schema.Fact](t *testing.T, names ...string) []F {
	t.Helper()
	s := newSource(t)
	all := collectortest.Events(t, gitlab.Name, "testdata")
	var out []F
	for _, name := range names {
		facts, err := s.Normalize(all[name])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, f := range facts {
			if err := schema.Seal(f, 0); err != nil {
				t.Fatal(err)
			}
			if f, ok := f.(F); ok {
				out = append(out, f)
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("%q make no such fact", names)
	}
	return out
}

// last is the row that counts of those with one id.
func last[F schema.Fact](t *testing.T, rows []F) F {
	t.Helper()
	return slices.MaxFunc(rows, func(a, b F) int {
		if a.FactID() != b.FactID() {
			t.Fatalf("ids %s and %s differ", a.FactID(), b.FactID())
		}
		va, vb := schema.MetaOf(a).Version, schema.MetaOf(b).Version
		switch {
		case va < vb:
			return -1
		case va > vb:
			return 1
		}
		return 0
	})
}

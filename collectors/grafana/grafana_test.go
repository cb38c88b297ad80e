package grafana

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

func config() Config {
	c := *Entry().Config().(*Config)
	c.WebhookSecrets = []secret.String{"a-secret", "old"}
	return c
}

func newSource(tb testing.TB, change ...func(*Config)) *Source {
	tb.Helper()
	cfg := config()
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestTestdata(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	collectortest.CheckTestdata(t, s, s.hmac.Sign, "testdata")
}

func FuzzNormalize(f *testing.F) { collectortest.Fuzz(f, newSource(f), "testdata") }

func read(t *testing.T, name string) ([]schema.Fact, error) {
	t.Helper()
	return newSource(t).Normalize(collectortest.Events(t, Name, "testdata")[name])
}

func TestRepetitionIsTheSameIncident(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for _, name := range []string{"firing", "repeated", "resolved"} {
		fs, err := read(t, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fs {
			ids[f.FactID()] = true
		}
	}
	if len(ids) != 2 {
		t.Errorf("updates %v, want triggered and resolved", ids)
	}
}

func TestAlertsAboutGrafanaAreNoIncidents(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"no_data", "test"} {
		if _, err := read(t, name); err == nil || !strings.HasPrefix(err.Error(), "ignored: Grafana") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignatureWithTimestamp(t *testing.T) {
	t.Parallel()
	s := newSource(t, func(c *Config) { c.TimestampHeader = "X-Grafana-Alerting-Timestamp" })
	now, body, h := time.Now(), []byte("{}"), http.Header{}
	s.hmac.Sign(h, body, now)
	if err := s.Verify(h, body, now); err != nil {
		t.Error(err)
	}
	if err := s.Verify(h, body, now.Add(time.Hour)); !errors.Is(err, collectors.ErrSignature) {
		t.Errorf("an hour later: %v", err)
	}
	h = http.Header{}
	s.shared.Sign(h, body, now)
	if err := s.Verify(h, body, now); !errors.Is(err, collectors.ErrSignature) {
		t.Errorf("a token instead: %v", err)
	}
}

func TestTokenOfAGrafanaThatDoesNotSign(t *testing.T) {
	t.Parallel()
	if err := newSource(t).Verify(http.Header{"Authorization": {"Bearer old"}}, nil, time.Now()); err != nil {
		t.Error(err)
	}
	h := http.Header{"Authorization": {"Bearer old"}, signatureHeader: {"00"}}
	if err := newSource(t).Verify(h, nil, time.Now()); !errors.Is(err, collectors.ErrSignature) {
		t.Errorf("beside a wrong signature: %v", err)
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	check := func(c Config) error { _, err := New(c); return err }
	collectortest.CheckConfig(t, config, check, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"secret": {func(c *Config) { c.WebhookSecrets = nil }, "webhook_secrets is missing"},
		"empty":  {func(c *Config) { c.WebhookSecrets = []secret.String{""} }, "webhook_secrets[0] is empty"},
		"none":   {func(c *Config) { c.Incidents = nil }, "incidents is empty"},
	})
}

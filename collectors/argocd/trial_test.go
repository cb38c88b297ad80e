package argocd

import (
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// TestTrial: the answers are written by hand after the API's own description,
// https://cd.apps.argoproj.io/swagger-ui.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		return newSource(t, func(c *Config) { c.URL, c.Token = url, "t0k3n" })
	}
	const user, list = "/api/v1/session/userinfo", "/api/v1/applications"
	me := `{"loggedIn": true, "username": "headway"}`
	one := `{"items": [{"metadata": {"name": "shop-production", "namespace": "argocd"}, "spec": {"project": "default"}}]}`
	if trial := collectortest.Try(t, collectortest.Answers(map[string]string{user: me, list: one}), connect); trial.Sample == nil {
		t.Error("no sample")
	}
	for _, c := range []struct{ user, list, failed string }{
		{"401 {}", one, "credentials"},
		{`{"loggedIn": false}`, one, "credentials"},
		{me, "403 {}", "permission applications, get"},
		{me, `{"items": null}`, "permission applications, get"},
		{me, `{"items": [{"metadata": {"name": "other"}, "spec": {"project": "secret"}}]}`, "applications"},
	} {
		collectortest.Try(t, collectortest.Answers(map[string]string{user: c.user, list: c.list}), connect, c.failed)
	}
	collectortest.Try(t, collectortest.Answers(nil), func(string) collectors.Source { return newSource(t) })
}

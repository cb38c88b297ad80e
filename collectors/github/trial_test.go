package github_test

import (
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/github"
)

// TestTrial: what the credential may do is said by the names of GitHub's settings.
// The answers are written by hand after docs.github.com/rest.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		cfg := github.DefaultConfig()
		cfg.APIURL, cfg.Token, cfg.Organisations, cfg.WebhookSecret = url, "t0k3n", []string{"Acme"}, hookSecret
		s, err := github.New(cfg, collectors.Deps{
			Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	const repo = "/repos/Acme/Shop/"
	answers := func(change map[string]string) http.HandlerFunc {
		all := map[string]string{
			"/rate_limit":         `{"resources": {"core": {"limit": 5000, "remaining": 4999, "reset": 1}}}`,
			"/orgs/Acme/repos":    `[{"full_name": "Acme/Shop", "html_url": "https://github.com/Acme/Shop"}]`,
			repo + "commits":      `[]`,
			repo + "pulls":        `[{"number": 1, "html_url": "https://github.com/Acme/Shop/pull/1", "state": "open", "created_at": "2026-05-01T10:00:00Z", "updated_at": "2026-05-01T10:00:00Z", "user": {"login": "ada"}}]`,
			repo + "deployments":  `[]`,
			repo + "actions/runs": `{"workflow_runs": []}`,
			repo + "issues":       `[]`,
			"/orgs/Acme/hooks":    `[{"id": 7, "active": true, "config": {"url": "https://headway.acme.example/hooks/github"}}]`,
		}
		maps.Copy(all, change)
		return collectortest.Answers(all)
	}
	trial := collectortest.Try(t, answers(nil), connect)
	if trial.Sample == nil || trial.Checks[0].Detail != "accepted; 4999 of 5000 requests are left this hour" {
		t.Errorf("trial %+v", trial)
	}
	for name, c := range map[string]struct {
		change map[string]string
		failed []string
	}{
		"wrong token":       {map[string]string{"/rate_limit": `401 {"message": "Bad credentials"}`}, []string{"credentials"}},
		"no repositories":   {map[string]string{"/orgs/Acme/repos": `[]`}, []string{"permission Metadata: read"}},
		"no organisation":   {map[string]string{"/orgs/Acme/repos": `404 {}`}, []string{"permission Metadata: read"}},
		"issues are off":    {map[string]string{repo + "issues": `410 {}`}, nil},
		"two missing":       {map[string]string{repo + "deployments": `403 {}`, repo + "actions/runs": `404 {}`}, []string{"permission Deployments: read", "permission Actions: read"}},
		"hooks not visible": {map[string]string{"/orgs/Acme/hooks": `403 {}`}, []string{"permission Webhooks: read and write"}},
		"hooks of others":   {map[string]string{"/orgs/Acme/hooks": `[]`}, []string{"permission Webhooks: read and write"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trial := collectortest.Try(t, answers(c.change), connect, c.failed...)
			for _, check := range trial.Checks {
				if strings.Contains(check.Problem, "t0k3n") {
					t.Errorf("the token is printed: %s", check.Problem)
				}
			}
		})
	}
}

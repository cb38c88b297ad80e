package gitlab_test

import (
	"log/slog"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/gitlab"
	"github.com/headway-metrics/headway/internal/secret"
)

// TestTrial: what is missing is said by GitLab's own names of scopes and roles. The
// answers are written by hand after docs.gitlab.com/api.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		cfg := gitlab.DefaultConfig()
		cfg.URL, cfg.Token, cfg.Projects, cfg.WebhookSecrets = url, "t0k3n", []string{"Acme/Shop"}, []secret.String{"s3cret"}
		s, err := gitlab.New(cfg, collectors.Deps{
			Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	const api, shop = "/api/v4/", "/api/v4/projects/7/"
	answers := func(change map[string]string) http.HandlerFunc {
		all := map[string]string{
			api + "personal_access_tokens/self": `{"id": 1, "active": true, "scopes": ["read_api"]}`,
			api + "projects/Acme/Shop":          `{"id": 7, "web_url": "https://gitlab.example.com/Acme/Shop", "path_with_namespace": "Acme/Shop"}`,
			shop + "merge_requests": `[{"id": 5, "iid": 3, "state": "opened", "web_url": "https://gitlab.example.com/Acme/Shop/-/merge_requests/3",
				"title": "Change", "created_at": "2026-05-01T10:00:00Z", "updated_at": "2026-05-01T10:00:00Z", "target_branch": "main", "author": {"username": "ada"}}]`,
		}
		for _, list := range []string{"deployments", "pipelines", "issues", "repository/commits", "repository/tags", "merge_requests/3/notes"} {
			all[shop+list] = `[]`
		}
		maps.Copy(all, change)
		return collectortest.Answers(all)
	}
	if trial := collectortest.Try(t, answers(nil), connect); trial.Sample == nil {
		t.Error("no sample")
	}
	for name, c := range map[string]struct {
		change map[string]string
		failed []string
	}{
		"wrong token":        {map[string]string{api + "personal_access_tokens/self": `401 {}`}, []string{"credentials"}},
		"wrong scope":        {map[string]string{api + "personal_access_tokens/self": `{"scopes": ["read_user"]}`}, []string{"scope read_api"}},
		"unknown project":    {map[string]string{api + "projects/Acme/Shop": `404 {}`}, []string{"projects"}},
		"role is too low":    {map[string]string{shop + "deployments": `403 {}`, shop + "pipelines": `403 {}`}, []string{"role Reporter, deployments", "role Reporter, pipelines"}},
		"no merge requests":  {map[string]string{shop + "merge_requests": `[]`}, nil},
		"GitLab has trouble": {map[string]string{shop + "repository/tags": `410 {}`}, []string{"role Reporter, tags"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collectortest.Try(t, answers(c.change), connect, c.failed...)
		})
	}
	t.Run("webhooks only", func(t *testing.T) {
		t.Parallel()
		collectortest.Try(t, collectortest.Answers(nil), func(string) collectors.Source {
			cfg := gitlab.DefaultConfig()
			cfg.WebhookSecrets = []secret.String{"s3cret"}
			s, err := gitlab.New(cfg, collectors.Deps{}, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	})
}

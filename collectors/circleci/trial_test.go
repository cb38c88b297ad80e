package circleci

import (
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// TestTrial: the answers are written by hand after https://circleci.com/docs/api/v2/.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		return newSource(t, func(c *Config) { c.URL, c.Token, c.Projects = url, "t0k3n", []string{"gh/acme/shop"} })
	}
	const me, pipelines, workflows, jobs = "/api/v2/me", "/api/v2/project/gh/acme/shop/pipeline", "/api/v2/pipeline/p1/workflow", "/api/v2/workflow/w1/job"
	one := `{"items": [{"id": "p1", "project_slug": "gh/acme/shop", "state": "created", "created_at": "2026-05-01T10:00:00Z",
		"vcs": {"provider_name": "GitHub", "target_repository_url": "https://github.com/acme/shop", "revision": "0123456789012345678901234567890123456789", "branch": "main"}}]}`
	flows := `{"items": [{"id": "w1", "name": "build", "status": "success", "created_at": "2026-05-01T10:00:00Z", "stopped_at": "2026-05-01T10:05:00Z"}]}`
	good := func() map[string]string {
		return map[string]string{me: `{"id": "u1"}`, pipelines: one, workflows: flows, jobs: `{"items": []}`}
	}
	if trial := collectortest.Try(t, collectortest.Answers(good()), connect); trial.Sample == nil {
		t.Error("no sample")
	}
	for path, failed := range map[string]string{me: "credentials", pipelines: "project gh/acme/shop", workflows: "project gh/acme/shop"} {
		answers := good()
		answers[path] = "403 {}"
		collectortest.Try(t, collectortest.Answers(answers), connect, failed)
	}
	collectortest.Try(t, collectortest.Answers(nil), func(string) collectors.Source { return newSource(t) })
}

package backstage

import (
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// TestTrial: the answers are written by hand after
// https://backstage.io/docs/features/software-catalog/software-catalog-api.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		return newSource(t, func(c *Config) { c.URL, c.Token = url, "t0k3n" })
	}
	const entities, tasks = "/api/catalog/entities/by-query", "/api/scaffolder/v2/tasks"
	const shop = `{"items": [{"kind": "Component", "metadata": {"name": "shop", "namespace": "default", "etag": "1"}, "spec": {"owner": "group:default/a", "type": "service"}}]}`
	for name, c := range map[string]struct {
		answers map[string]string
		failed  []string
		sample  bool
	}{
		"good":                  {map[string]string{entities: shop, tasks: `{"tasks": []}`}, nil, true},
		"no scaffolder":         {map[string]string{entities: shop}, nil, true},
		"empty catalog":         {map[string]string{entities: `{"items": []}`, tasks: `{"tasks": []}`}, nil, false},
		"tasks may not be read": {map[string]string{entities: shop, tasks: "403 {}"}, []string{"permission scaffolder.task.read"}, true},
		"token is wrong":        {map[string]string{entities: "401 {}", tasks: "401 {}"}, []string{"permission catalog.entity.read", "permission scaffolder.task.read"}, false},
		"not a backend":         {map[string]string{entities: "<html>"}, []string{"permission catalog.entity.read"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if trial := collectortest.Try(t, collectortest.Answers(c.answers), connect, c.failed...); (trial.Sample != nil) != c.sample {
				t.Errorf("sample %v", trial.Sample)
			}
		})
	}
}

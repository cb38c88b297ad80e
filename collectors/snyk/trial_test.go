package snyk

import (
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// TestTrial: the answers are written by hand after https://apidocs.snyk.io.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		return newSource(t, func(c *Config) { c.URL, c.Token, c.Organizations = url, "hunter2", []string{orgA, orgB} })
	}
	const none = `{"data": []}`
	const one = `{"data": [{"id": "1", "attributes": {"key": "SNYK-1", "type": "license", "status": "open", "created_at": "2026-05-01T00:00:00Z", "updated_at": "2026-05-01T00:00:00Z"},
		"relationships": {"scan_item": {"data": {"id": "p"}}}}]}`
	for name, c := range map[string]struct {
		issues, projects string
		failed           []string
		sample           bool
	}{
		"good":                     {one, none, nil, true},
		"empty":                    {none, none, nil, false},
		"projects may not be read": {one, "403 {}", []string{"projects of " + orgB}, true},
		"token is wrong":           {"401 {}", "401 {}", []string{"issues of " + orgB, "projects of " + orgB}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := collectortest.Answers(map[string]string{
				"/rest/orgs/" + orgA + "/issues": none, "/rest/orgs/" + orgA + "/projects": none,
				"/rest/orgs/" + orgB + "/issues": c.issues, "/rest/orgs/" + orgB + "/projects": c.projects,
			})
			if trial := collectortest.Try(t, answers, connect, c.failed...); (trial.Sample != nil) != c.sample {
				t.Errorf("sample %v", trial.Sample)
			}
		})
	}
}

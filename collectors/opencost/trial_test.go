package opencost

import (
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// TestTrial: the answers are written by hand after
// https://opencost.io/docs/integrations/api-examples.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		return newSource(t, func(c *Config) { c.Clusters = []Cluster{{"eu", url + "/eu", ""}, {"us", url + "/us", "hunter2"}} })
	}
	const good = `{"code": 200, "data": [{"__idle__": {"name": "__idle__", "window": {"start": "2026-05-01T00:00:00Z", "end": "2026-05-02T00:00:00Z"}, "totalCost": 1}}]}`
	for name, c := range map[string]struct {
		eu, us string
		failed []string
		sample bool
	}{
		"good":            {good, good, nil, true},
		"second is wrong": {good, "401 {}", []string{"cluster us"}, true},
		"first is wrong":  {`{"code": 500}`, good, []string{"cluster eu"}, true},
		"knows nothing":   {`{"code": 200, "data": [{}]}`, `{"code": 200, "data": []}`, []string{"cluster eu", "cluster us"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := collectortest.Answers(map[string]string{"/eu/allocation/compute": c.eu, "/us/allocation/compute": c.us})
			if trial := collectortest.Try(t, answers, connect, c.failed...); (trial.Sample != nil) != c.sample {
				t.Errorf("sample %v", trial.Sample)
			}
		})
	}
}

package opsgenie

import (
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// TestTrial: the answers are written by hand after https://docs.opsgenie.com/docs/alert-api
// and https://docs.opsgenie.com/docs/incident-api.
func TestTrial(t *testing.T) {
	t.Parallel()
	for kind, path := range map[string]string{Alerts: "/v2/alerts", Incidents: "/v1/incidents"} {
		connect := func(url string) collectors.Source {
			return newSource(t, func(c *Config) { c.URL, c.Token, c.Kind = url, "t0k3n", kind })
		}
		one := `{"data": [{"id": "a1", "status": "open", "priority": "P1", "createdAt": "2026-05-01T10:00:00Z", "updatedAt": "2026-05-01T10:00:00Z"}]}`
		if trial := collectortest.Try(t, collectortest.Answers(map[string]string{path: one}), connect); trial.Sample == nil {
			t.Error("no sample")
		}
		for _, answer := range []string{"401 {}", "403 {}"} {
			collectortest.Try(t, collectortest.Answers(map[string]string{path: answer}), connect, "permission Read of "+kind)
		}
	}
	collectortest.Try(t, collectortest.Answers(nil), func(string) collectors.Source { return newSource(t) })
}

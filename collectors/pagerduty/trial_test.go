package pagerduty

import (
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// TestTrial: the answers are written by hand after
// https://developer.pagerduty.com/api-reference/, List incidents.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		return newSource(t, func(c *Config) { c.URL, c.Token = url, "t0k3n" })
	}
	const incident = `{"incidents": [{"id": "P1", "status": "triggered", "created_at": "2026-05-01T10:00:00Z", "service": {"id": "S1"}, "title": "Down"}]}`
	if trial := collectortest.Try(t, collectortest.Answers(map[string]string{"/incidents": incident}), connect); trial.Sample == nil {
		t.Error("no sample")
	}
	collectortest.Try(t, collectortest.Answers(map[string]string{"/incidents": "401 {}"}), connect, "permission incidents: read")
	collectortest.Try(t, collectortest.Answers(nil), func(string) collectors.Source { return newSource(t) })
}

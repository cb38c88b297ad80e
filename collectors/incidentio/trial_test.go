package incidentio

import (
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// TestTrial: the answers are written by hand after https://api-docs.incident.io, Utilities
// V1 and Incidents V2.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		return newSource(t, func(c *Config) { c.URL, c.Token = url, "t0k3n" })
	}
	const me, list = "/v1/identity", "/v2/incidents"
	identity := `{"identity": {"name": "Headway", "roles": ["viewer"]}}`
	rest := collectortest.Events(t, Name, "testdata")["rest_closed"].Data
	incidents := `{"incidents": [` + string(rest) + `], "pagination_meta": {"page_size": 100}}`
	if trial := collectortest.Try(t, collectortest.Answers(map[string]string{me: identity, list: incidents}), connect); trial.Sample == nil {
		t.Error("no sample")
	}
	collectortest.Try(t, collectortest.Answers(map[string]string{me: "401 {}", list: incidents}), connect, "credentials")
	collectortest.Try(t, collectortest.Answers(map[string]string{me: identity, list: "403 {}"}), connect, "permission viewer")
	collectortest.Try(t, collectortest.Answers(nil), func(string) collectors.Source { return newSource(t) })
}

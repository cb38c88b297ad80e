package statuspage

import (
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// TestTrial: the answers are written by hand after https://developer.statuspage.io,
// Incidents.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		return newSource(t, func(c *Config) { c.URL, c.Token, c.Pages = url, "t0k3n", []string{"abc"} })
	}
	const list = "/v1/pages/abc/incidents"
	one := `[` + string(collectortest.Events(t, Name, "testdata")["rest_reopened"].Data) + `]`
	if trial := collectortest.Try(t, collectortest.Answers(map[string]string{list: one}), connect); trial.Sample == nil {
		t.Error("no sample")
	}
	for _, answer := range []string{"401 {}", "403 {}", "404 {}"} {
		collectortest.Try(t, collectortest.Answers(map[string]string{list: answer}), connect, "incidents of page abc")
	}
	collectortest.Try(t, collectortest.Answers(nil), func(string) collectors.Source { return newSource(t) })
}

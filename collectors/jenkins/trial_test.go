package jenkins

import (
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// TestTrial: the answers are written by hand after
// https://www.jenkins.io/doc/book/using/remote-access-api/.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		return newSource(t, func(c *Config) { c.URL, c.User, c.Token = url, "headway", "t0k3n" })
	}
	const me, root, job = "/whoAmI/api/json", "/api/json", "/job/release/api/json"
	who := `{"name": "headway", "authenticated": true}`
	jobs := `{"jobs": [{"fullName": "release", "lastBuild": {"number": 18}}, {"fullName": "other", "lastBuild": {"number": 2}}]}`
	builds := `{"allBuilds": [` + string(collectortest.Events(t, Name, "testdata")["build"].Data) + `]}`
	if trial := collectortest.Try(t, collectortest.Answers(map[string]string{me: who, root: jobs, job: builds}), connect); trial.Sample == nil {
		t.Error("no sample")
	}
	for _, c := range []struct{ me, root, job, failed string }{
		{"401 {}", jobs, builds, "credentials"},
		{who, "403 {}", builds, "permission Overall/Read"},
		{who, `{"jobs": []}`, builds, "permission Job/Read"},
		{who, jobs, "403 {}", "permission Job/Read"},
	} {
		collectortest.Try(t, collectortest.Answers(map[string]string{me: c.me, root: c.root, job: c.job}), connect, c.failed)
	}
	collectortest.Try(t, collectortest.Answers(nil), func(string) collectors.Source {
		return newSource(t, func(c *Config) { c.URL = "" })
	})
}

package jira

import (
	"maps"
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// TestTrial: the answers are written by hand after
// https://developer.atlassian.com/cloud/jira/platform/rest/v3/.
func TestTrial(t *testing.T) {
	t.Parallel()
	connect := func(url string) collectors.Source {
		return newSource(t, func(c *Config) { c.Kind, c.URL, c.Email, c.Token = Cloud, url, "a@acme.example", "t0k3n" })
	}
	good := func(change map[string]string) map[string]string {
		out := map[string]string{
			"/rest/api/3/myself":        `{"timeZone": "Europe/Berlin"}`,
			"/rest/api/3/mypermissions": `{"permissions": {"BROWSE_PROJECTS": {"havePermission": true}}}`,
			"/rest/api/3/search/jql": `{"issues": [{"id": "1", "key": "SUP-1", "fields": {"issuetype": {"name": "Task"}, "project": {"key": "SUP"},
				"status": {"name": "Open", "statusCategory": {"key": "new"}}, "created": "2026-05-01T10:00:00.000+0200", "updated": "2026-05-01T10:00:00.000+0200"}}]}`,
		}
		maps.Copy(out, change)
		return out
	}
	if trial := collectortest.Try(t, collectortest.Answers(good(nil)), connect); trial.Sample == nil {
		t.Error("no sample")
	}
	for path, c := range map[string]struct{ answer, failed string }{
		"/rest/api/3/myself":        {"401 {}", "credentials"},
		"/rest/api/3/mypermissions": {`{"permissions": {"BROWSE_PROJECTS": {"havePermission": false}}}`, "permission Browse projects"},
		"/rest/api/3/search/jql":    {"403 {}", "search"},
	} {
		collectortest.Try(t, collectortest.Answers(good(map[string]string{path: c.answer})), connect, c.failed)
	}
}

package copilot

import (
	"net/http"
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

func TestTrial(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*server)
		orgs   []string
		failed []string
		sample bool
	}{
		"good":            {func(*server) {}, []string{"acme"}, nil, true},
		"no group":        {func(s *server) { s.active = 3 }, []string{"acme"}, nil, false},
		"no report":       {func(s *server) { s.late["2026-05-16"] = true }, []string{"acme"}, []string{"reports of acme"}, false},
		"second is wrong": {func(*server) {}, []string{"acme", "other"}, []string{"reports of other"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			c.change(s)
			connect := func(string) collectors.Source {
				src := s.source(t)
				src.cfg.Organizations = c.orgs
				return src
			}
			if trial := collectortest.Try(t, http.NotFound, connect, c.failed...); (trial.Sample != nil) != c.sample {
				t.Errorf("sample %v", trial.Sample)
			}
		})
	}
}

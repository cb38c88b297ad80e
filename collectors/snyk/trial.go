package snyk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/headway-metrics/headway/collectors"
)

// Test implements collectors.Tester: the two permissions in each organisation.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	var out []collectors.Check
	var issues []json.RawMessage
	for _, org := range s.cfg.Organizations {
		for _, what := range []string{"issues", "projects"} {
			c := collectors.Check{What: what + " of " + org, Detail: "granted"}
			p, _, err := s.list(ctx, "/rest/orgs/"+org+"/"+what, url.Values{}, "")
			if err != nil {
				c = collectors.Check{What: c.What, Problem: fmt.Sprintf("%v; check token_file, organizations and the url of your region under sources.snyk", err)}
			}
			if what == "issues" {
				issues = append(issues, p.Data...)
			}
			out = append(out, c)
		}
	}
	if len(issues) > 0 {
		_ = sample(ctx, s.event(issues[0], nil)) // A sample's only error is that one is enough.
	}
	return out
}

package copilot

import (
	"context"
	"fmt"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// Test implements collectors.Tester: the reports of each organisation of the last
// day whose reports have certainly come.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	at := s.now().UTC().Truncate(day).Add(-settling)
	var out []collectors.Check
	var first []schema.Event
	for _, org := range s.cfg.Organizations {
		c := collectors.Check{What: "reports of " + org}
		counts, ok, err := s.teams(ctx, org, at)
		var events []schema.Event
		if err == nil {
			events, err = s.events(org, at, counts)
		}
		switch {
		case err != nil:
			c.Problem = fmt.Sprintf("%v; check token_file and organizations under sources.copilot, and the policy \"Copilot usage metrics\"", err)
		case !ok:
			c.Problem = "GitHub has made no report of that day: check the policy \"Copilot usage metrics\", or wait some days after enabling it"
		case len(events) == 0:
			c.Detail = "reports are there; no team had five active people on that day"
		default:
			c.Detail = fmt.Sprintf("%d teams with five or more active people on one day", len(events))
			if len(first) == 0 {
				first = events[:1]
			}
		}
		out = append(out, c)
	}
	if len(first) > 0 {
		_ = sample(ctx, first...) // A sample's only error is that one is enough.
	}
	return out
}

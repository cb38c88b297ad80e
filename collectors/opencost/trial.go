package opencost

import (
	"context"
	"fmt"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// Test implements collectors.Tester: yesterday in each cluster.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	yesterday := s.now().UTC().Truncate(day).Add(-day)
	var out []collectors.Check
	var first []schema.Event
	for _, k := range s.cfg.Clusters {
		c := collectors.Check{What: "cluster " + k.Name}
		n := 0
		_, err := s.day(ctx, k.Name, yesterday, nil, func(_ context.Context, events ...schema.Event) error {
			n = len(events)
			if len(first) == 0 {
				first = events[:1]
			}
			return nil
		})
		switch {
		case err != nil:
			c.Problem = fmt.Sprintf("%v; check url and token of the cluster under sources.opencost, and that Headway may reach it", err)
		case n == 0:
			c.Problem = "OpenCost answers and knows no allocation of yesterday: check that it reaches its Prometheus, or wait until it has run for a day"
		default:
			c.Detail = fmt.Sprintf("%d allocations of yesterday", n)
		}
		out = append(out, c)
	}
	if len(first) > 0 {
		_ = sample(ctx, first...) // A sample's only error is that one is enough.
	}
	return out
}

package statuspage

import (
	"context"
	"fmt"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/seen"
)

// Test implements collectors.Tester: the incidents of each page.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.cfg.Token == "" {
		return []collectors.Check{{What: "REST API", Detail: "nothing is asked: no token is set"}}
	}
	var out []collectors.Check
	for _, id := range s.cfg.Pages {
		c := collectors.Check{What: "incidents of page " + id, Detail: "granted"}
		st := state{Next: 1, Open: seen.Map{}}
		if err := collectors.FirstEvent(sample, func(emit collectors.Emit) error { return s.page(ctx, id, &st, emit) }); err != nil {
			c = collectors.Check{What: c.What, Problem: fmt.Sprintf(
				"%v; set sources.statuspage.token_file to a key of User menu → API info, whose user may see the page, and pages to its id", err)}
		}
		out = append(out, c)
	}
	return out
}

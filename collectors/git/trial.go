package git

import (
	"context"
	"fmt"

	"github.com/headway-metrics/headway/collectors"
)

// Test implements collectors.Tester: every repository is reached and its branches
// and tags are listed; nothing is copied.
func (s *Source) Test(ctx context.Context, _ collectors.Emit) []collectors.Check {
	out := make([]collectors.Check, 0, len(s.repos))
	for _, r := range s.repos {
		c := collectors.Check{What: "reading " + r.id}
		branches, tags, err := r.copy.Remote(ctx)
		if err != nil {
			c.Problem = fmt.Sprintf("%v; check url and token_file of the repository under sources.git, or the ssh key of this user", err)
		} else {
			c.Detail = fmt.Sprintf("%d branches, %d tags", branches, tags)
		}
		out = append(out, c)
	}
	return out
}

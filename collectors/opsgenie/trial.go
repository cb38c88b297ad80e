package opsgenie

import (
	"context"
	"fmt"

	"github.com/headway-metrics/headway/collectors"
)

// Test implements collectors.Tester: the key, and the newest page of what is read. An
// API key without read access is refused as one that does not exist.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.cfg.Token == "" {
		return []collectors.Check{{What: "REST API", Detail: "nothing is asked: no token is set"}}
	}
	list := collectors.Check{What: "permission Read of " + s.cfg.Kind, Detail: "granted"}
	c := cursor{Since: s.now().UTC().Add(-s.cfg.History)}
	if err := collectors.FirstEvent(sample, func(emit collectors.Emit) error {
		_, err := s.page(ctx, &c, emit)
		return err
	}); err != nil {
		list = collectors.Check{What: list.What, Problem: fmt.Sprintf(
			"%v; make a key with the access right Read under Settings → API key management, set sources.opsgenie.token_file, and url for Europe", err)}
	}
	return []collectors.Check{list}
}

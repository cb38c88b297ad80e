package circleci

import (
	"context"
	"fmt"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// Test implements collectors.Tester: the token, each project, and the workflows of the
// newest pipeline.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.cfg.Token == "" {
		return []collectors.Check{{What: "API", Detail: "nothing is asked: no token is set"}}
	}
	if _, err := s.client.Get(ctx, "/api/v2/me", nil); err != nil {
		return []collectors.Check{{What: "credentials", Problem: fmt.Sprintf(
			"%v; make a personal API token under User Settings → Personal API Tokens and set sources.circleci.token_file", err)}}
	}
	out := []collectors.Check{{What: "credentials", Detail: "accepted"}}
	for _, slug := range s.cfg.Projects {
		c := collectors.Check{What: "project " + slug, Detail: "granted"}
		if err := s.try(ctx, slug, sample); err != nil {
			c = collectors.Check{What: c.What, Problem: fmt.Sprintf(
				"%v; write the slug as the project's settings show it, and let the token's user follow the project", err)}
		}
		out = append(out, c)
	}
	return out
}

// try reads the newest pipeline of a project with its workflows.
func (s *Source) try(ctx context.Context, slug string, sample collectors.Emit) error {
	items, _, err := s.items(ctx, "/api/v2/project/"+escaped(slug)+"/pipeline", nil)
	if err != nil || len(items) == 0 {
		return err
	}
	p := project{Open: map[string]time.Time{}}
	_, events, err := s.pipeline(ctx, items[0], &p)
	if err != nil {
		return err
	}
	return collectors.FirstEvent(sample, func(emit collectors.Emit) error { return emit(ctx, events...) })
}

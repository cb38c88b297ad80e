package kubernetes

import (
	"context"
	"fmt"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/kubeapi"
	"github.com/headway-metrics/headway/schema"
)

// Test implements collectors.Tester: each kind in each cluster, and an inventory of the
// first one that gives any.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	var out []collectors.Check
	var first []schema.Event
	for _, k := range s.cfg.Clusters {
		c := collectors.Check{What: "cluster " + k.Name}
		session, err := kubeapi.Open(k.Cluster, s.http)
		if err != nil {
			c.Problem = err.Error()
			out = append(out, c)
			continue
		}
		allowed := true
		for _, r := range kinds() {
			if !s.cfg.reads(r) {
				continue
			}
			one, goOn := session.Permission(ctx, k.Name, r.Resource, r.what == "")
			out = append(out, one)
			allowed = allowed && (one.Problem == "" || r.what != "") && goOn
			if !goOn {
				break
			}
		}
		if allowed && len(first) == 0 {
			out = append(out, s.inventory(ctx, session, k, &first))
		}
		session.Close()
	}
	if len(first) > 0 {
		_ = sample(ctx, first...) // A sample's only error is that one is enough.
	}
	return out
}

// inventory says what the rules make of a cluster: a label that nothing carries is the
// usual mistake.
func (s *Source) inventory(ctx context.Context, session *kubeapi.Session, k Cluster, first *[]schema.Event) collectors.Check {
	c := collectors.Check{What: "cluster " + k.Name + ": inventory"}
	err := s.snapshot(ctx, session, k, s.now(), func(_ context.Context, events ...schema.Event) error {
		*first = events
		return nil
	})
	if err != nil {
		c.Problem = fmt.Sprintf("%v; check that the API server stays reachable while it is asked", err)
		return c
	}
	c.Problem, c.Detail = s.rules.Summary(Name, *first)
	return c
}

package crossplane

import (
	"context"
	"fmt"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/kubeapi"
	"github.com/headway-metrics/headway/collectors/seen"
	"github.com/headway-metrics/headway/schema"
)

// Test implements collectors.Tester: the definitions of each cluster, whether each kind
// that they define may be listed, and one object that a rule names.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	var out []collectors.Check
	var first, named *schema.Event
	keep := func(_ context.Context, events ...schema.Event) error {
		for _, ev := range events {
			first = &ev
			if facts, err := s.Normalize(ev); err == nil && len(facts) > 0 && named == nil {
				named = &ev
			}
		}
		return nil
	}
	for _, k := range s.cfg.Clusters {
		out = append(out, s.try(ctx, k, keep)...)
	}
	if named != nil {
		first = named
	}
	if first != nil {
		_ = sample(ctx, *first) // A sample's only error is that one is enough.
	}
	return out
}

func (s *Source) try(ctx context.Context, k kubeapi.Cluster, keep collectors.Emit) []collectors.Check {
	c := collectors.Check{What: "cluster " + k.Name}
	session, err := kubeapi.Open(k, s.http)
	if err != nil {
		c.Problem = err.Error()
		return []collectors.Check{c}
	}
	defer session.Close()
	kinds, err := discover(ctx, session)
	if err != nil {
		c.Problem = fmt.Sprintf("%v; check url, token and ca_file of the cluster, and that its account may list compositeresourcedefinitions", err)
		return []collectors.Check{c}
	}
	c.Detail = fmt.Sprintf("%d kinds of claims and composite resources", len(kinds))
	if len(kinds) == 0 {
		c.Problem = "Crossplane is installed and offers nothing: apply a CompositeResourceDefinition first"
	}
	out := []collectors.Check{c}
	for _, r := range kinds {
		one, goOn := session.Permission(ctx, k.Name, r.Resource, false)
		if one.Problem == "" {
			if err := s.resources(ctx, session, k.Name, r, seen.Map{}, keep); err != nil {
				one.Problem = fmt.Sprintf("%v; check that the API server stays reachable while it is asked", err)
			}
		}
		out = append(out, one)
		if !goOn {
			break
		}
	}
	return out
}

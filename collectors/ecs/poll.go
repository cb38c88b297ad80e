package ecs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	api "github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/inventory"
	"github.com/headway-metrics/headway/schema"
)

// Poll takes the day's inventory of each cluster that has none. An account that does
// not answer does not keep the others waiting.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	return inventory.Resume(Name, from, func(days inventory.Days) error {
		var errs []error
		for _, a := range s.cfg.Accounts {
			if err := s.account(ctx, a, days, emit); err != nil {
				errs = append(errs, fmt.Errorf("asking ECS of account %s: %w", a.Name, err))
			}
		}
		return errors.Join(errs...)
	})
}

func (s *Source) account(ctx context.Context, a Account, days inventory.Days, emit collectors.Emit) error {
	at := s.now()
	c, err := s.client(ctx, a)
	if err != nil {
		return err
	}
	arns, err := clusters(ctx, c)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, arn := range arns {
		of := place(a, arn)
		there[of.Cluster] = true
		if err := days.Take(ctx, Name, of, at, list(c, a, arn), emit); err != nil {
			return err
		}
	}
	maps.DeleteFunc(days, func(cluster, _ string) bool { return strings.HasPrefix(cluster, a.Name+"/") && !there[cluster] })
	return nil
}

func place(a Account, arn string) inventory.Place {
	return inventory.Place{Cluster: a.Name + "/" + last(arn), Environment: a.Environment}
}

func list(c *api.Client, a Account, arn string) func(context.Context) ([]inventory.Item, error) {
	return func(ctx context.Context) ([]inventory.Item, error) { return services(ctx, c, a.Region, arn) }
}

// Normalize turns an inventory into workloads.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != inventory.EventType(Name) {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	return s.rules.Facts(Name, ev)
}

// Test implements collectors.Tester: each permission in each account, and the inventory
// of the first cluster that runs something.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	var out []collectors.Check
	var first []schema.Event
	for _, a := range s.cfg.Accounts {
		out = append(out, s.try(ctx, a, &first)...)
	}
	if len(first) > 0 {
		_ = sample(ctx, first...) // A sample's only error is that one is enough.
	}
	return out
}

func (s *Source) try(ctx context.Context, a Account, first *[]schema.Event) []collectors.Check {
	listing := collectors.Check{What: "account " + a.Name + ": permission ecs:ListClusters"}
	c, err := s.client(ctx, a)
	var arns []string
	if err == nil {
		arns, err = clusters(ctx, c)
	}
	switch {
	case err != nil:
		listing.Problem = fmt.Sprintf("%v; check region, role_arn and access key of the account, and that the policy of its README is attached", err)
	case len(arns) == 0:
		listing.Problem = "ECS answers and knows no cluster: check that the region is the one you mean"
	}
	listing.Detail = fmt.Sprintf("%d clusters", len(arns))
	out := []collectors.Check{listing}
	reading := collectors.Check{What: "account " + a.Name + ": permissions ecs:ListServices and ecs:DescribeServices"}
	for _, arn := range arns {
		var events []schema.Event
		err := inventory.Days{}.Take(ctx, Name, place(a, arn), s.now(), list(c, a, arn), func(_ context.Context, some ...schema.Event) error {
			events = some
			return nil
		})
		if err != nil {
			reading.Problem = fmt.Sprintf("%v; check that the policy of the README is attached to the role or user", err)
			break
		}
		problem, detail := s.rules.Summary(Name, events)
		reading.Problem, reading.Detail = problem, last(arn)+": "+detail
		if problem == "" {
			if len(*first) == 0 {
				*first = events
			}
			break
		}
	}
	if len(arns) > 0 {
		out = append(out, reading)
	}
	return out
}

package cloudrun

import (
	"context"
	"errors"
	"fmt"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/inventory"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/schema"
)

// Poll takes the day's inventory of each project that has none. A project that does not
// answer does not keep the others waiting.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	return inventory.Resume(Name, from, func(days inventory.Days) error {
		at := s.now()
		c, err := s.client(ctx)
		if err != nil {
			return err
		}
		var errs []error
		for _, p := range s.cfg.Projects {
			err := days.Take(ctx, Name, place(p), at, list(c, p), emit)
			errs = append(errs, err)
			// Projects share the API's quota.
			if _, patience := errors.AsType[*collectors.RetryAfterError](err); patience {
				break
			}
		}
		return errors.Join(errs...)
	})
}

func place(p Project) inventory.Place {
	return inventory.Place{Cluster: p.ID, Environment: p.Environment}
}

func list(c rest.Client, p Project) func(context.Context) ([]inventory.Item, error) {
	return func(ctx context.Context) ([]inventory.Item, error) { return project(ctx, c, p) }
}

// Normalize turns an inventory into workloads.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != inventory.EventType(Name) {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	return s.rules.Facts(Name, ev)
}

// Test implements collectors.Tester: the credentials, and the inventory of each project.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	credentials := collectors.Check{What: "credentials", Detail: "Google gives a token for them"}
	c, err := s.client(ctx)
	if err != nil {
		credentials.Problem = fmt.Sprintf("%v; set credentials_file, or let Headway run with a service account", err)
		return []collectors.Check{credentials}
	}
	out := []collectors.Check{credentials}
	var first []schema.Event
	for _, p := range s.cfg.Projects {
		one := collectors.Check{What: "project " + p.ID + ": permissions run.locations.list, run.services.list and run.jobs.list"}
		var events []schema.Event
		err := inventory.Days{}.Take(ctx, Name, place(p), s.now(), list(c, p), func(_ context.Context, some ...schema.Event) error {
			events = some
			return nil
		})
		switch {
		case forbidden(err):
			one.Problem = fmt.Sprintf("%v; give the service account the role roles/run.viewer in the project, and enable run.googleapis.com there", err)
		case err != nil:
			one.Problem = fmt.Sprintf("%v; check the project's id, its regions and that Headway may reach the API", err)
		default:
			one.Problem, one.Detail = s.rules.Summary(Name, events)
			if one.Problem == "" && len(first) == 0 {
				first = events
			}
		}
		out = append(out, one)
	}
	if len(first) > 0 {
		_ = sample(ctx, first...) // A sample's only error is that one is enough.
	}
	return out
}

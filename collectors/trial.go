package collectors

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// ErrNoSecret says that a webhook takes nothing because no secret is configured. It
// is an ErrSignature.
var ErrNoSecret = fmt.Errorf("%w: no secret is configured", ErrSignature)

// Tester is a Source that can say what its credentials may do, for 'headway sources
// test'. A source without it is tried by polling from the beginning until the first
// event; implement it where that would be costly (a clone, hundreds of requests), or
// where permissions can be named one by one.
type Tester interface {
	Source
	// Test asks the system and changes nothing there. It returns one Check for the
	// credentials and one for each permission, by the name that the system itself
	// gives it, and hands one event to sample, which publishes nothing. A missing
	// permission is a Problem, not the end.
	Test(ctx context.Context, sample Emit) []Check
}

// Check is one thing that was tried.
type Check struct {
	// What was tried: "credentials", "permission Contents: read".
	What string `json:"what"`
	// Detail is what was found.
	Detail string `json:"detail,omitempty"`
	// Problem says what is wrong, where, why, and how to mend it; "" when all is
	// well.
	Problem string `json:"problem,omitempty"`
}

// Trial is what came of trying a source.
type Trial struct {
	Checks []Check `json:"checks"`
	// Sample is an event as it would be published, nil when there was none.
	Sample *schema.Event `json:"-"`
}

// errEnough ends a poll that only wants a sample.
var errEnough = errors.New("one event is enough")

// Try finds out whether a source is connected, and publishes nothing.
func Try(ctx context.Context, src Source) Trial {
	var t Trial
	keep := func(_ context.Context, events ...schema.Event) error {
		if t.Sample == nil && len(events) > 0 {
			t.Sample = &events[0]
			return errEnough
		}
		return nil
	}
	p, polls := src.(Poller)
	switch tester, tests := src.(Tester); {
	case tests:
		t.Checks = tester.Test(ctx, keep)
	case polls && p.Interval() > 0:
		_, err := p.Poll(ctx, nil, keep)
		c := Check{What: "asking", Detail: "the system answers"}
		if err != nil && !errors.Is(err, errEnough) && !errors.Is(err, ErrMore) {
			c = Check{What: "asking", Problem: err.Error()}
		}
		t.Checks = append(t.Checks, c)
	}
	t.Checks = append(t.Checks, doors(src)...)
	if len(t.Checks) == 0 {
		t.Checks = append(t.Checks, Check{What: "configuration", Problem: "the source neither asks nor is sent anything: name what to read in its part of headway.yaml"})
	}
	if t.Sample != nil {
		t.Checks = append(t.Checks, read(src, *t.Sample))
	}
	return t
}

// FirstEvent hands the first event of a read to sample, where that ends the read with
// an error of its own; only the read's error before any event is returned.
func FirstEvent(sample Emit, read func(Emit) error) error {
	enough := false
	err := read(func(ctx context.Context, events ...schema.Event) error {
		enough = enough || len(events) > 0
		return sample(ctx, events...)
	})
	if enough {
		return nil
	}
	return err
}

// doors checks that each path of the source has a secret. Whether the sender knows
// the same one only a delivery tells.
func doors(src Source) []Check {
	var list []Endpoint
	if w, ok := src.(Webhook); ok {
		list = append(list, Endpoint{hooksPath + src.Name(), w})
	}
	if in, ok := src.(Intake); ok {
		list = append(list, in.Endpoints()...)
	}
	var out []Check
	for _, e := range list {
		c := Check{What: "POST " + e.Path, Detail: "a secret is set; send a delivery to see that the sender has the same"}
		if err := e.Receiver.Verify(http.Header{}, nil, time.Now()); errors.Is(err, ErrNoSecret) {
			c = Check{What: c.What, Detail: "closed: " + err.Error()}
		}
		out = append(out, c)
	}
	return out
}

// read says what the pipeline would make of a sample.
func read(src Source, ev schema.Event) Check {
	c := Check{What: "sample"}
	facts, err := src.Normalize(ev)
	var ignored *schema.IgnoredError
	switch {
	case errors.As(err, &ignored):
		c.Detail = fmt.Sprintf("%s is understood and ignored: %s", ev.Type, ignored.Reason)
	case err != nil:
		c.Problem = fmt.Sprintf("%s cannot be read: %v; it would go to the dead letters", ev.Type, err)
	default:
		c.Detail = ev.Type + " becomes"
		for i, f := range facts {
			if i == 3 {
				c.Detail += fmt.Sprintf(" and %d more", len(facts)-i)
				break
			}
			c.Detail += fmt.Sprintf(" %s %s", f.Table(), f.FactID())
		}
	}
	return c
}

package collectors_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/signature"
)

// polled is a poller without a Test of its own.
func polled(poll func(emit collectors.Emit) error) *asker {
	return &asker{fake: newFake(), interval: time.Minute, poll: func(_ int, c collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
		return c, poll(emit)
	}}
}

// tester says what it finds by itself.
type tester struct{ *asker }

func (tester) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	_ = sample(ctx, event(1), event(2)) // One is enough.
	return []collectors.Check{{What: "credentials", Detail: "accepted"}, {What: "permission Issues: read", Problem: "missing"}}
}

// closed is a webhook without a secret.
type closed struct{ fake }

func line(c collectors.Check) string {
	if c.Problem != "" {
		return "FAIL " + c.What + ": " + c.Problem
	}
	return c.What + ": " + c.Detail
}

func TestTry(t *testing.T) {
	t.Parallel()
	const door = "POST /hooks/fake: a secret is set"
	for name, c := range map[string]struct {
		source collectors.Source
		want   []string
		sample bool
	}{
		"a poller": {polled(func(emit collectors.Emit) error {
			for n := range 3 {
				if err := emit(t.Context(), event(n)); err != nil {
					return err
				}
			}
			return errors.New("went on after the first event")
		}), []string{"asking: the system answers", door, "sample: fake.thing becomes tags h/r@0"}, true},
		"a poller with nothing to read":  {polled(func(collectors.Emit) error { return nil }), []string{"asking: the system answers", door}, false},
		"a poller that is refused":       {polled(func(collectors.Emit) error { return errors.New("401: renew the token") }), []string{"FAIL asking: 401: renew the token", door}, false},
		"a source that tests itself":     {tester{polled(nil)}, []string{"credentials: accepted", "FAIL permission Issues: read: missing", door, "sample: fake.thing becomes tags h/r@1"}, true},
		"a webhook":                      {newFake(), []string{door}, false},
		"a webhook without a secret":     {closed{fake{signature.Hex{Header: "X-Sig"}}}, []string{"POST /hooks/fake: closed: signature does not match: no secret is configured"}, false},
		"a source that is not connected": {mute{newFake()}, []string{"FAIL configuration: the source neither asks nor is sent anything"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trial := collectors.Try(t.Context(), c.source)
			if len(trial.Checks) != len(c.want) {
				t.Fatalf("checks %+v, want %q", trial.Checks, c.want)
			}
			for i, want := range c.want {
				if got := line(trial.Checks[i]); !strings.HasPrefix(got, want) {
					t.Errorf("check %q, want %q", got, want)
				}
			}
			if (trial.Sample != nil) != c.sample {
				t.Errorf("sample %v", trial.Sample)
			}
		})
	}
}

// mute neither asks nor is sent anything.
type mute struct{ collectors.Source }

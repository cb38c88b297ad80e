package collectors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/schema"
)

// cursors is a CursorStore in memory that fails on demand.
type cursors struct {
	mu   sync.Mutex
	m    map[string]collectors.Cursor
	fail error
}

func (c *cursors) Load(_ context.Context, key string) (collectors.Cursor, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m[key], c.fail
}

func (c *cursors) Save(_ context.Context, key string, cursor collectors.Cursor) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return c.fail
	}
	if c.m == nil {
		c.m = map[string]collectors.Cursor{}
	}
	c.m[key] = cursor
	return nil
}

// asker polls with a function and remembers when.
type asker struct {
	fake
	interval time.Duration
	poll     func(n int, cursor collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error)
	times    []time.Time
}

func (a *asker) Interval() time.Duration { return a.interval }

func (a *asker) Poll(_ context.Context, c collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	a.times = append(a.times, time.Now())
	return a.poll(len(a.times), c, emit)
}

func event(n int) schema.Event {
	id := strconv.Itoa(n)
	return schema.Event{ID: id, Source: "fake", Type: "fake.thing", Time: collectortest.Time, Data: body(id)}
}

// run polls for a while of synthetic time and returns the runner.
func run(t *testing.T, a *asker, store *cursors, p collectors.Publisher, d time.Duration) *collectors.Runner {
	t.Helper()
	r, err := collectors.NewRunner(collectors.RunnerOptions{
		Sources: []collectors.Source{a, newFake()}, Cursors: store, Publisher: p,
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	r.Run(ctx)
	return r
}

func TestRunnerPollsAtItsInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store cursors
		var p collectortest.Publisher
		a := &asker{interval: time.Minute, poll: func(n int, c collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
			if want := strconv.Itoa(n - 1); n > 1 && string(c) != want {
				t.Errorf("poll %d starts at %q, want %q", n, c, want)
			}
			return collectors.Cursor(strconv.Itoa(n)), emit(t.Context(), event(n))
		}}
		r := run(t, a, &store, &p, 10*time.Minute)
		if n := len(a.times); n < 9 || n > 12 {
			t.Errorf("%d polls in ten minutes at one minute", n)
		}
		for i := 1; i < len(a.times); i++ {
			if d := a.times[i].Sub(a.times[i-1]); d < 54*time.Second || d > 66*time.Second {
				t.Errorf("waited %s, want a minute and a tenth of jitter", d)
			}
		}
		s := r.Status()
		if len(s) != 1 || s[0].Source != "fake" || s[0].Events != len(p.Events()) || s[0].LastError != "" || s[0].Failures != 0 || s[0].Running {
			t.Errorf("status %+v with %d events", s, len(p.Events()))
		}
	})
}

func TestRunnerBacksOffAndRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store cursors
		a := &asker{interval: time.Hour, poll: func(n int, _ collectors.Cursor, _ collectors.Emit) (collectors.Cursor, error) {
			if n <= 5 {
				return nil, fmt.Errorf("failure %d", n)
			}
			return collectors.Cursor("ok"), nil
		}}
		r := run(t, a, &store, &collectortest.Publisher{}, 10*time.Minute)
		if len(a.times) != 6 {
			t.Fatalf("%d polls, want five failures and one success", len(a.times))
		}
		for i := 1; i < len(a.times); i++ {
			want := 2 * time.Second << (i - 1)
			if d := a.times[i].Sub(a.times[i-1]); d < want*9/10 || d > want*11/10 {
				t.Errorf("wait %d was %s, want %s and a tenth", i, d, want)
			}
		}
		if s := r.Status()[0]; s.LastError != "" || s.Failures != 0 || s.LastSuccess.IsZero() {
			t.Errorf("status after recovery %+v", s)
		}
	})
}

func TestRunnerHonoursRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &asker{interval: time.Minute, poll: func(int, collectors.Cursor, collectors.Emit) (collectors.Cursor, error) {
			return nil, &collectors.RetryAfterError{After: 30 * time.Minute, Err: errors.New("slow down")}
		}}
		r := run(t, a, &cursors{}, &collectortest.Publisher{}, 20*time.Minute)
		if len(a.times) != 1 {
			t.Errorf("%d polls although told to wait", len(a.times))
		}
		s := r.Status()[0]
		if s.LastError != "slow down" || s.NextRun.Sub(s.LastStart) < 30*time.Minute {
			t.Errorf("status %+v", s)
		}
	})
}

func TestRunnerComesBackAtOnceForMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store cursors
		a := &asker{interval: time.Hour, poll: func(n int, c collectors.Cursor, _ collectors.Emit) (collectors.Cursor, error) {
			after := append(append(collectors.Cursor{}, c...), 'x')
			if n < 100 {
				return after, fmt.Errorf("page %d: %w", n, collectors.ErrMore)
			}
			return after, nil
		}}
		r := run(t, a, &store, &collectortest.Publisher{}, time.Minute)
		if len(a.times) != 100 || len(store.m["fake"]) != 100 {
			t.Errorf("%d polls, cursor %q", len(a.times), store.m["fake"])
		}
		if s := r.Status()[0]; s.LastError != "" || s.Failures != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestRunnerKeepsTheCursorOfAFailedPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := cursors{m: map[string]collectors.Cursor{"fake": collectors.Cursor("old")}}
		a := &asker{interval: time.Hour, poll: func(n int, c collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
			switch n {
			case 1:
				return collectors.Cursor("half"), errors.New("connection reset")
			case 2:
				if string(c) != "half" {
					t.Errorf("second poll starts at %q, want half", c)
				}
				panic("bug")
			case 3:
				return nil, emit(t.Context(), schema.Event{})
			}
			return nil, nil
		}}
		run(t, a, &store, &collectortest.Publisher{}, time.Minute)
		if string(store.m["fake"]) != "half" || len(a.times) != 4 {
			t.Errorf("cursor %q after %d polls", store.m["fake"], len(a.times))
		}
	})
}

func TestRunnerDoesNotSaveWhatKafkaHasNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store cursors
		a := &asker{interval: time.Hour, poll: func(n int, _ collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
			if err := emit(t.Context(), event(n)); err != nil {
				return nil, err
			}
			return collectors.Cursor("moved"), nil
		}}
		run(t, a, &store, &collectortest.Publisher{Fail: collectortest.Always}, time.Hour)
		if store.m["fake"] != nil {
			t.Errorf("cursor %q saved", store.m["fake"])
		}
		store.fail = errors.New("no broker")
		if r := run(t, a, &store, &collectortest.Publisher{}, time.Second); r.Status()[0].LastError == "" {
			t.Error("a cursor that cannot be read is no error")
		}
	})
}

func TestPollerContract(t *testing.T) {
	t.Parallel()
	collectortest.CheckPoller(t, func() collectors.Poller {
		return &asker{poll: func(_ int, c collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
			done, _ := strconv.Atoi(string(c))
			if done == 5 {
				return c, nil
			}
			if err := emit(t.Context(), event(done)); err != nil {
				return c, err
			}
			return collectors.Cursor(strconv.Itoa(done + 1)), collectors.ErrMore
		}}
	})
}

func TestRunnerLeavesItsStatusForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store cursors
		a := &asker{interval: time.Hour, poll: func(n int, c collectors.Cursor, _ collectors.Emit) (collectors.Cursor, error) {
			if n < 50 {
				return c, collectors.ErrMore
			}
			return nil, errors.New("token expired")
		}}
		reset := time.Now().Add(time.Hour).UTC()
		r, err := collectors.NewRunner(collectors.RunnerOptions{
			Sources: []collectors.Source{a}, Cursors: &store, Publisher: &collectortest.Publisher{},
			Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
			Budget: func(source string) (collectors.BudgetState, bool) {
				return collectors.BudgetState{Limit: 5000, Remaining: 4321, Reset: reset}, source == "fake"
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.Run(ctx)
		var left collectors.PollStatus
		if err := json.Unmarshal(store.m[collectors.StatusKey("fake")], &left); err != nil {
			t.Fatal(err)
		}
		want := collectors.BudgetState{Limit: 5000, Remaining: 4321, Reset: reset}
		if left.LastError != "token expired" || left.Failures != 1 || left.More || left.Budget == nil || *left.Budget != want || left.NextRun.IsZero() {
			t.Errorf("left %+v", left)
		}
	})
}

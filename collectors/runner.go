package collectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/headway-metrics/headway/schema"
)

const (
	// firstBackoff and maxBackoff bound the wait after a failed poll, which
	// doubles each time.
	firstBackoff = 2 * time.Second
	maxBackoff   = 10 * time.Minute
	// jitter is the share of a wait that is random, so that many pollers, or
	// many processes, do not ask in step.
	jitter = 0.2
)

// RunnerOptions say what a Runner polls. All fields but Budget are
// required.
type RunnerOptions struct {
	// Sources that are a Poller with an interval are polled; the others are
	// left alone.
	Sources    []Source
	Cursors    CursorStore
	Publisher  Publisher
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Budget says what a source may still ask; nil when nobody knows.
	Budget func(source string) (BudgetState, bool)
}

// BudgetState is what a system last said of its rate limit.
type BudgetState struct {
	Limit     int       `json:"limit"`
	Remaining int       `json:"remaining"`
	Reset     time.Time `json:"reset"`
}

// Runner polls each Poller in a goroutine of its own: at once, then at its
// interval, with exponential backoff while it fails. A cursor is saved only
// after what it covers is in Kafka (invariant 1).
type Runner struct {
	cursors   CursorStore
	publisher Publisher
	logger    *slog.Logger
	metrics   *runnerMetrics
	budget    func(source string) (BudgetState, bool)
	polls     []*poll
}

// PollStatus is how a poller is doing. Times are zero until it happened.
type PollStatus struct {
	Source      string    `json:"source"`
	Running     bool      `json:"running"`
	LastStart   time.Time `json:"last_start,omitzero"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	// LastError is the error of the last poll, "" when it went well.
	LastError string `json:"last_error,omitempty"`
	// Failures in a row.
	Failures int       `json:"failures"`
	NextRun  time.Time `json:"next_run,omitzero"`
	// Events emitted since the start of the process.
	Events int `json:"events"`
	// More says that the poller goes on at once: it is catching up.
	More bool `json:"more,omitempty"`
	// Budget is nil when the system never spoke of a rate limit.
	Budget *BudgetState `json:"budget,omitempty"`
}

// StatusKey is the key under which a CursorStore keeps the last PollStatus of a
// source, so that another process can show it.
func StatusKey(source string) string { return "status/" + source }

// statusEvery bounds how often a poller that goes on at once leaves its status.
const statusEvery = 5 * time.Second

// poll is a poller and its status.
type poll struct {
	poller Poller
	mu     sync.Mutex
	status PollStatus
	// left is when the status was last left for others; only the loop uses it.
	left time.Time
}

func (p *poll) update(change func(*PollStatus)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.status)
}

// NewRunner makes a runner; Run starts it.
func NewRunner(o RunnerOptions) (*Runner, error) {
	r := &Runner{cursors: o.Cursors, publisher: o.Publisher, logger: o.Logger, budget: o.Budget}
	for _, s := range o.Sources {
		if p, ok := s.(Poller); ok && p.Interval() > 0 {
			r.polls = append(r.polls, &poll{poller: p, status: PollStatus{Source: s.Name()}})
		}
	}
	var err error
	if r.metrics, err = newRunnerMetrics(o.Registerer); err != nil {
		return nil, err
	}
	return r, nil
}

// Run polls until ctx ends, and returns when every poller has stopped.
func (r *Runner) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, p := range r.polls {
		wg.Go(func() { r.loop(ctx, p) })
	}
	wg.Wait()
}

// Status of every poller, in the order of the sources.
func (r *Runner) Status() []PollStatus {
	out := make([]PollStatus, len(r.polls))
	for i, p := range r.polls {
		p.update(func(s *PollStatus) { out[i] = *s })
	}
	return out
}

func (r *Runner) loop(ctx context.Context, p *poll) {
	for ctx.Err() == nil {
		p.update(func(s *PollStatus) { s.Running, s.LastStart = true, time.Now().UTC() })
		err := r.once(ctx, p)
		if ctx.Err() != nil {
			p.update(func(s *PollStatus) { s.Running = false })
			return
		}
		wait := r.settle(ctx, p, err)
		r.leaveStatus(ctx, p)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// settle records the outcome of a poll and returns how long to wait.
func (r *Runner) settle(ctx context.Context, p *poll, err error) time.Duration {
	source := p.poller.Name()
	more := errors.Is(err, ErrMore)
	var wait time.Duration
	p.update(func(s *PollStatus) {
		s.Running = false
		if err == nil || more {
			s.LastSuccess, s.LastError, s.Failures = time.Now().UTC(), "", 0
			if !more {
				wait = spread(p.poller.Interval())
			}
		} else {
			s.LastError = err.Error()
			s.Failures++
			wait = backoff(s.Failures)
			if later, ok := errors.AsType[*RetryAfterError](err); ok {
				wait = max(wait, later.After)
			}
		}
		s.NextRun, s.More = time.Now().UTC().Add(wait), more
		if r.budget == nil {
			return
		}
		if state, ok := r.budget(source); ok {
			s.Budget = &state
			r.metrics.budget.WithLabelValues(source).Set(float64(state.Remaining))
		}
	})
	if err != nil && !more {
		r.metrics.failures.WithLabelValues(source).Inc()
		r.logger.WarnContext(ctx, "poll failed", "source", source, "error", err, "retry_in", wait)
		return wait
	}
	r.metrics.lastSuccess.WithLabelValues(source).SetToCurrentTime()
	return wait
}

// leaveStatus keeps the status where other processes can read it. That it cannot
// be kept stops nothing.
func (r *Runner) leaveStatus(ctx context.Context, p *poll) {
	var status PollStatus
	p.update(func(s *PollStatus) { status = *s })
	if status.More && time.Since(p.left) < statusEvery {
		return
	}
	p.left = time.Now()
	b, err := json.Marshal(status)
	if err == nil {
		err = r.cursors.Save(ctx, StatusKey(status.Source), b)
	}
	if err != nil && ctx.Err() == nil {
		r.logger.WarnContext(ctx, "status not kept", "source", status.Source, "error", err)
	}
}

// once polls one time and saves the cursor that comes back.
func (r *Runner) once(ctx context.Context, p *poll) (err error) {
	source := p.poller.Name()
	cursor, err := r.cursors.Load(ctx, source)
	if err != nil {
		return fmt.Errorf("reading cursor for %s: %w", source, err)
	}
	after, err := r.safePoll(ctx, p.poller, cursor, func(ctx context.Context, events ...schema.Event) error {
		if len(events) == 0 {
			return nil
		}
		for _, ev := range events {
			if err := ev.Validate(); err != nil {
				return fmt.Errorf("poller of %s: %w", source, err)
			}
		}
		if err := r.publisher.Publish(ctx, events...); err != nil {
			return fmt.Errorf("publishing events of %s: %w", source, err)
		}
		p.update(func(s *PollStatus) { s.Events += len(events) })
		r.metrics.events.WithLabelValues(source).Add(float64(len(events)))
		return nil
	})
	if after == nil {
		return err
	}
	// What was emitted stays emitted when the process is being stopped.
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
	defer cancel()
	if saveErr := r.cursors.Save(saving, source, after); saveErr != nil {
		return errors.Join(err, fmt.Errorf("saving cursor for %s: %w", source, saveErr))
	}
	return err
}

func (r *Runner) safePoll(ctx context.Context, p Poller, cursor Cursor, emit Emit) (after Cursor, err error) {
	defer func() {
		if v := recover(); v != nil {
			r.logger.ErrorContext(ctx, "panic in a poller", "source", p.Name(), "stack", string(debug.Stack()))
			after, err = nil, fmt.Errorf("panic in the poller of %s: %v", p.Name(), v)
		}
	}()
	return p.Poll(ctx, cursor, emit)
}

func backoff(failures int) time.Duration {
	d := maxBackoff
	if failures < 20 {
		d = min(maxBackoff, firstBackoff<<(failures-1))
	}
	return spread(d)
}

// spread moves a wait by up to jitter, half to each side.
func spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + jitter*(rand.Float64()-0.5))) //nolint:gosec // Not a secret.
}

type runnerMetrics struct {
	events      *prometheus.CounterVec
	failures    *prometheus.CounterVec
	lastSuccess *prometheus.GaugeVec
	budget      *prometheus.GaugeVec
}

func newRunnerMetrics(reg prometheus.Registerer) (*runnerMetrics, error) {
	m := &runnerMetrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "headway_poll_events_total",
			Help: "Events read by polling and stored in Kafka.",
		}, []string{"source"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "headway_poll_failures_total",
			Help: "Polls that ended in an error.",
		}, []string{"source"}),
		lastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "headway_poll_last_success_timestamp_seconds",
			Help: "Unix time of the last poll that went well.",
		}, []string{"source"}),
		budget: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "headway_poll_budget_remaining",
			Help: "Requests that the system still allows until its limit is reset, as it last said.",
		}, []string{"source"}),
	}
	return m, register(reg, m.events, m.failures, m.lastSuccess, m.budget)
}

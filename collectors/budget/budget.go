// Package budget keeps Headway a polite guest: it counts what a system still lets
// it ask, and stops before the system has to say no. It knows headers, not
// systems.
package budget

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// ErrSpent is wrapped by the error of a request that was not sent, or was
// refused, because the budget is spent; ErrReserved by that of one that was not
// sent because what is left is reserved for others.
var (
	ErrSpent    = errors.New("rate budget is spent")
	ErrReserved = errors.New("the rest of the rate budget is reserved")
)

// fallback is how long to wait when a system refuses without saying until when:
// GitHub's documents ask for at least a minute.
const fallback = time.Minute

// Budget is what one credential may still ask. It is safe for concurrent use;
// all clients with that credential share one. The zero value knows nothing and
// lets everything pass.
type Budget struct {
	mu               sync.Mutex
	limit, remaining int
	reset            time.Time
	blocked          time.Time
}

// secondsNotDate tells a reset that counts the seconds to go (PagerDuty) from one
// that is a date in Unix seconds.
const secondsNotDate = 100_000_000

// Observe reads an answer's headers: X-RateLimit-Limit, -Remaining and -Reset
// (Unix seconds; GitHub) or RateLimit-… (GitLab, PagerDuty), and Retry-After.
func (b *Budget) Observe(status int, h http.Header, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, prefix := range []string{"X-RateLimit-", "RateLimit-"} {
		remaining, err := strconv.Atoi(h.Get(prefix + "Remaining"))
		reset, resetErr := strconv.ParseInt(h.Get(prefix+"Reset"), 10, 64)
		if err != nil || resetErr != nil {
			continue
		}
		b.remaining, b.reset = remaining, time.Unix(reset, 0)
		if reset < secondsNotDate {
			b.reset = now.Add(time.Duration(reset) * time.Second)
		}
		if limit, err := strconv.Atoi(h.Get(prefix + "Limit")); err == nil {
			b.limit = limit
		}
	}
	if !refused(status, h) {
		return
	}
	until := now.Add(fallback)
	if after, ok := retryAfter(h.Get("Retry-After"), now); ok {
		until = now.Add(after)
	} else if b.remaining == 0 && b.reset.After(now) {
		until = b.reset
	}
	if until.After(b.blocked) {
		b.blocked = until
	}
}

// refused tells a rate limit from other refusals: 429 always is one, 403 and 503
// only with its headers.
func refused(status int, h http.Header) bool {
	switch status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusForbidden:
		return h.Get("Retry-After") != "" || h.Get("X-RateLimit-Remaining") == "0"
	case http.StatusServiceUnavailable:
		return h.Get("Retry-After") != ""
	}
	return false
}

// retryAfter reads seconds or an HTTP date.
func retryAfter(s string, now time.Time) (time.Duration, bool) {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		return time.Duration(n) * time.Second, true
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, t.Sub(now)), true
	}
	return 0, false
}

// Wait is how long to wait before the next request may be sent; 0 is at once.
// reserve (0…1) is the share of the limit that must be left for others.
func (b *Budget) Wait(reserve float64, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := b.blocked.Sub(now); d > 0 {
		return d
	}
	if d := b.reset.Sub(now); d > 0 && b.remaining <= int(reserve*float64(b.limit)) {
		return d
	}
	return 0
}

type reserveKey struct{}

// WithReserve makes the requests of ctx leave a share (0…1) of the limit to
// others: a backfill must not starve what is happening now.
func WithReserve(ctx context.Context, share float64) context.Context {
	return context.WithValue(ctx, reserveKey{}, share)
}

// Transport holds requests back when the budget is spent, and keeps the budget.
// A request that it holds back, and one that the system refuses for its rate,
// ends in a collectors.RetryAfterError that wraps ErrSpent or ErrReserved.
type Transport struct {
	Base   http.RoundTripper
	Budget *Budget
	// Now is the clock.
	Now func() time.Time
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	reserve, _ := req.Context().Value(reserveKey{}).(float64)
	if wait := t.Budget.Wait(0, t.Now()); wait > 0 {
		return nil, &collectors.RetryAfterError{After: wait, Err: ErrSpent}
	}
	if wait := t.Budget.Wait(reserve, t.Now()); wait > 0 {
		return nil, &collectors.RetryAfterError{After: wait, Err: ErrReserved}
	}
	res, err := t.Base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	now := t.Now()
	t.Budget.Observe(res.StatusCode, res.Header, now)
	if refused(res.StatusCode, res.Header) {
		closing := res.Body.Close()
		return nil, &collectors.RetryAfterError{After: t.Budget.Wait(0, now), Err: errors.Join(ErrSpent, closing)}
	}
	return res, nil
}

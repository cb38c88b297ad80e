package budget

import (
	"net/http"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// State is what is known of the budget; ok is false when the system never said.
func (b *Budget) State() (s collectors.BudgetState, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reset.IsZero() {
		return s, false
	}
	return collectors.BudgetState{Limit: b.limit, Remaining: b.remaining, Reset: b.reset.UTC()}, true
}

// Watch notes what answers say of the budget and holds nothing back: what
// 'headway sources status' shows of every source that asks.
type Watch struct {
	Base   http.RoundTripper
	Budget *Budget
	// Now is the clock.
	Now func() time.Time
}

// RoundTrip implements http.RoundTripper.
func (w *Watch) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := w.Base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	// GitHub counts GraphQL and searches apart, and says of each answer which it was.
	if of := res.Header.Get("X-RateLimit-Resource"); of == "" || of == "core" {
		w.Budget.Observe(res.StatusCode, res.Header, w.Now())
	}
	return res, nil
}

package budget

import (
	"fmt"
	"net/http"

	"golang.org/x/time/rate"
)

// Pace spreads requests, for what must not crowd out others at systems that do not
// state a limit. A request waits for its turn, or for the end of its context.
type Pace struct {
	Base    http.RoundTripper
	Limiter *rate.Limiter
}

// RoundTrip implements http.RoundTripper.
func (p *Pace) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := p.Limiter.Wait(req.Context()); err != nil {
		return nil, fmt.Errorf("waiting for a turn: %w", err)
	}
	return p.Base.RoundTrip(req)
}

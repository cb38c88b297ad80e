package budget_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/budget"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func limits(remaining int) http.Header {
	return header("X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", strconv.Itoa(remaining),
		"X-RateLimit-Reset", strconv.FormatInt(now.Add(20*time.Minute).Unix(), 10))
}

func TestWait(t *testing.T) {
	t.Parallel()
	secondary := limits(4000)
	secondary.Set("Retry-After", "90")
	tests := []struct {
		name    string
		status  int
		header  http.Header
		reserve float64
		want    time.Duration
	}{
		{"nothing known", 200, header(), 0.2, 0},
		{"plenty left", 200, limits(4000), 0.2, 0},
		{"the reserve is reached", 200, limits(1000), 0.2, 20 * time.Minute},
		{"the reserve is for us", 200, limits(1000), 0, 0},
		{"nothing left", 200, limits(0), 0, 20 * time.Minute},
		{"primary limit", 403, limits(0), 0, 20 * time.Minute},
		{"secondary limit", 403, secondary, 0, 90 * time.Second},
		{"no permission is no limit", 403, limits(4000), 0, 0},
		{"429 without a word", 429, header(), 0, time.Minute},
		{"429 with a date", 429, header("Retry-After", now.Add(5*time.Minute).Format(http.TimeFormat)), 0, 5 * time.Minute},
		{"503 with Retry-After", 503, header("Retry-After", "7"), 0, 7 * time.Second},
		{"503", 503, header(), 0, 0},
		{"GitLab's names", 200, header("RateLimit-Limit", "10", "RateLimit-Remaining", "0", "RateLimit-Reset", strconv.FormatInt(now.Add(time.Minute).Unix(), 10)), 0, time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b budget.Budget
			b.Observe(tt.status, tt.header, now)
			if got := b.Wait(tt.reserve, now); got != tt.want {
				t.Errorf("waits %s, want %s", got, tt.want)
			}
			if got := b.Wait(tt.reserve, now.Add(time.Hour)); got != 0 {
				t.Errorf("an hour later it still waits %s", got)
			}
		})
	}
}

type answers struct {
	status int
	header http.Header
	asked  int
}

func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	a.asked++
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

func TestTransport(t *testing.T) {
	t.Parallel()
	base := &answers{200, limits(900), 0}
	client := &http.Client{Transport: &budget.Transport{Base: base, Budget: &budget.Budget{}, Now: func() time.Time { return now }}}
	get := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		return res.Body.Close()
	}
	spent := func(err error, after time.Duration, why error) {
		t.Helper()
		later, ok := errors.AsType[*collectors.RetryAfterError](err)
		if !ok || later.After != after || !errors.Is(err, why) {
			t.Errorf("error %v, want %v and to come back in %s", err, why, after)
		}
	}
	background := budget.WithReserve(t.Context(), 0.2)
	if err := get(background); err != nil {
		t.Errorf("before anything is known: %v", err)
	}
	spent(get(background), 20*time.Minute, budget.ErrReserved)
	if base.asked != 1 {
		t.Errorf("%d requests sent, want the second held back", base.asked)
	}
	if err := get(t.Context()); err != nil {
		t.Errorf("what is happening now must pass: %v", err)
	}
	base.status, base.header = 403, header("Retry-After", "30")
	spent(get(t.Context()), 30*time.Second, budget.ErrSpent)
	spent(get(t.Context()), 30*time.Second, budget.ErrSpent)
	if base.asked != 3 {
		t.Errorf("%d requests sent, want none while refused", base.asked)
	}
}

func TestWatchNotesAndHoldsNothingBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header map[string]string
		want   collectors.BudgetState
		known  bool
	}{
		"a date":              {map[string]string{"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": strconv.FormatInt(now.Add(time.Hour).Unix(), 10)}, collectors.BudgetState{Limit: 5000, Reset: now.Add(time.Hour)}, true},
		"seconds (PagerDuty)": {map[string]string{"ratelimit-limit": "960", "ratelimit-remaining": "959", "ratelimit-reset": "30"}, collectors.BudgetState{Limit: 960, Remaining: 959, Reset: now.Add(30 * time.Second)}, true},
		"nothing said":        {nil, collectors.BudgetState{}, false},
	} {
		var b budget.Budget
		asked := 0
		w := &budget.Watch{Budget: &b, Now: func() time.Time { return now }, Base: roundTrip(func(*http.Request) (*http.Response, error) {
			asked++
			h := http.Header{}
			for k, v := range c.header {
				h.Set(k, v)
			}
			return &http.Response{StatusCode: http.StatusTooManyRequests, Header: h, Body: http.NoBody}, nil
		})}
		for range 2 {
			res, err := w.RoundTrip(httptest.NewRequest(http.MethodGet, "/", http.NoBody))
			if err != nil || res.StatusCode != http.StatusTooManyRequests || res.Body.Close() != nil {
				t.Fatalf("%s: %v, %v", name, res, err)
			}
		}
		if got, known := b.State(); got != c.want || known != c.known || asked != 2 {
			t.Errorf("%s: %+v (%t) after %d requests, want %+v", name, got, known, asked, c.want)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

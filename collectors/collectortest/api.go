package collectortest

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
)

// API is a system to be asked. It serves the handler of a test, one request at a
// time, notes what is asked, and fails where the test says so.
type API struct {
	*httptest.Server
	mu       sync.Mutex
	handler  http.HandlerFunc
	requests []string
	failing  *failure
	failAt   int
}

// NewAPI starts a system; it ends with the test.
func NewAPI(tb testing.TB, handler http.HandlerFunc) *API {
	tb.Helper()
	a := &API{handler: handler}
	a.Server = httptest.NewServer(a)
	tb.Cleanup(a.Close)
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(a.requests)
	a.requests = append(a.requests, r.URL.RequestURI())
	if a.failing != nil && n >= a.failAt {
		rec := httptest.NewRecorder()
		a.handler(rec, r)
		a.failing.answer(w, rec)
		return
	}
	a.handler(w, r)
}

// Change lets a test change what its handler reads.
func (a *API) Change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

// Requests are the paths and queries asked for since the last call.
func (a *API) Requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.requests
	a.requests = nil
	return out
}

// fail lets every request from the n-th on (0 is the next) end in f; nil heals.
func (a *API) fail(f *failure, n int) {
	a.Requests()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failing, a.failAt = f, n
}

// failure is a way in which systems fail; good is what it would have said.
type failure struct {
	name   string
	answer func(w http.ResponseWriter, good *httptest.ResponseRecorder)
	// check holds the error against what the runner and the operator need.
	check func(error) error
}

func status(code int) func(http.ResponseWriter, *httptest.ResponseRecorder) {
	return func(w http.ResponseWriter, _ *httptest.ResponseRecorder) { w.WriteHeader(code) }
}

func wantCode(code int) func(error) error {
	return func(err error) error {
		if got, ok := errors.AsType[*rest.StatusError](err); !ok || got.Code != code {
			return fmt.Errorf("the error does not say %d: %w", code, err)
		}
		return nil
	}
}

// wait is what the failing system asks for.
const wait = 17 * time.Second

func failures() []failure {
	return []failure{
		{"401", status(http.StatusUnauthorized), wantCode(http.StatusUnauthorized)},
		{"500", status(http.StatusInternalServerError), wantCode(http.StatusInternalServerError)},
		// Nobody asked whether anything has changed, so that this is no answer.
		{"304", status(http.StatusNotModified), wantCode(http.StatusNotModified)},
		{"429", func(w http.ResponseWriter, _ *httptest.ResponseRecorder) {
			w.Header().Set("Retry-After", "17")
			w.WriteHeader(http.StatusTooManyRequests)
		}, func(err error) error {
			if got, ok := errors.AsType[*collectors.RetryAfterError](err); !ok || got.After != wait {
				return fmt.Errorf("the error does not ask to wait %s: %w", wait, err)
			}
			return nil
		}},
		{"truncated", func(w http.ResponseWriter, good *httptest.ResponseRecorder) {
			w.WriteHeader(good.Code)
			_, _ = w.Write(good.Body.Bytes()[:good.Body.Len()/2])
		}, func(error) error { return nil }},
	}
}

// maxFailAt bounds how many requests of one reading are made to fail in turn.
const maxFailAt = 12

// CheckFailures reads a system that fails at its first, second, … request with a
// wrong token, a server error, a rate limit, an answer of 304 that nobody asked for and
// an answer that is cut off. Each
// time the poller must say so without its secret, and a new poller must read on
// from the cursor and end with every event. The poller is made anew each time.
func CheckFailures(t *testing.T, api *API, secret string, newPoller func() collectors.Poller) {
	t.Helper()
	var clean Publisher
	api.Requests()
	if _, err := CatchUp(t, newPoller(), nil, &clean); err != nil {
		t.Fatal(err)
	}
	asked := len(api.Requests())
	for _, f := range failures() {
		t.Run(f.name, func(t *testing.T) {
			for n := range min(asked, maxFailAt) {
				var p Publisher
				api.fail(&f, n)
				cursor, err := CatchUp(t, newPoller(), nil, &p)
				api.fail(nil, 0)
				if err == nil {
					t.Errorf("request %d fails and the poller hides it", n)
					continue
				}
				if strings.Contains(err.Error(), secret) {
					t.Errorf("request %d: the error holds the secret: %v", n, err)
				}
				if err := f.check(err); err != nil {
					t.Errorf("request %d: %v", n, err)
				}
				if _, err := CatchUp(t, newPoller(), cursor, &p); err != nil {
					t.Errorf("after request %d failed: %v", n, err)
				}
				if d := cmp.Diff(ids(clean.Events()), ids(p.Events())); d != "" {
					t.Errorf("after request %d failed, ids are not accounted for:\n%s", n, d)
				}
			}
		})
	}
}

// CheckResumes fails the n-th request (from 0) of a reading, reads on from the
// cursor, and demands fewer requests than from the beginning.
func CheckResumes(t *testing.T, api *API, n int, newPoller func() collectors.Poller) {
	t.Helper()
	api.Requests()
	if _, err := CatchUp(t, newPoller(), nil, &Publisher{}); err != nil {
		t.Fatal(err)
	}
	whole := len(api.Requests())
	api.fail(&failures()[1], n)
	cursor, err := CatchUp(t, newPoller(), nil, &Publisher{})
	api.fail(nil, 0)
	if err == nil || cursor == nil {
		t.Fatalf("request %d of %d fails: cursor %s, error %v", n, whole, cursor, err)
	}
	if _, err := CatchUp(t, newPoller(), cursor, &Publisher{}); err != nil {
		t.Fatal(err)
	}
	if rest := len(api.Requests()); rest >= whole {
		t.Errorf("%d requests from the cursor in the middle, %d from the beginning", rest, whole)
	}
}

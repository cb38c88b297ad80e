// Package telemetry says how Headway itself is doing: readiness, Prometheus
// metrics and the log. It knows nothing of what it reports on.
package telemetry

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"sync"
	"time"
)

// Check says whether a part can do its work now; the error names why not.
type Check func(ctx context.Context) error

// Health answers /healthz and /readyz. The zero value has no checks and is ready.
type Health struct {
	mu     sync.Mutex
	checks map[string]Check
}

// Add registers a readiness check under the name of its part.
func (h *Health) Add(name string, c Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.checks == nil {
		h.checks = map[string]Check{}
	}
	h.checks[name] = c
}

// Live answers 200 as long as the process serves.
func (*Health) Live(w http.ResponseWriter, _ *http.Request) { writeStatus(w, http.StatusOK, nil) }

// Ready answers 200 when every check passes, else 503 with the reason by part.
func (h *Health) Ready(w http.ResponseWriter, r *http.Request) {
	problems := h.Problems(r.Context())
	if len(problems) > 0 {
		writeStatus(w, http.StatusServiceUnavailable, problems)
		return
	}
	writeStatus(w, http.StatusOK, nil)
}

// checkTimeout keeps a hanging part from hanging the answer.
const checkTimeout = 2 * time.Second

// Problems runs the checks side by side and returns what is wrong, by part.
func (h *Health) Problems(ctx context.Context) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	h.mu.Lock()
	checks := make(map[string]Check, len(h.checks))
	maps.Copy(checks, h.checks)
	h.mu.Unlock()

	var mu sync.Mutex
	var wg sync.WaitGroup
	problems := map[string]string{}
	for name, check := range checks {
		wg.Go(func() {
			if err := check(ctx); err != nil {
				mu.Lock()
				defer mu.Unlock()
				problems[name] = err.Error()
			}
		})
	}
	wg.Wait()
	return problems
}

func writeStatus(w http.ResponseWriter, code int, problems map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	status := "ok"
	if code != http.StatusOK {
		status = "not ready"
	}
	// The client may be gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(struct {
		Status   string            `json:"status"`
		Problems map[string]string `json:"problems,omitempty"`
	}{status, problems})
}

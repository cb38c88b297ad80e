package collectors

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// rejection is an answer other than 2xx. Its code is one of a bounded set, for
// the metric's label: signature, too_large, rate, invalid, body, busy, unavailable, panic.
type rejection struct {
	status     int
	code       string
	message    string
	retryAfter string
	err        error
}

func reject(status int, code, message string, err error) *rejection {
	return &rejection{status: status, code: code, message: message, err: err}
}

func tooLarge(limit int64, err error) *rejection {
	return reject(http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("a body has at most %d MB", limit>>20), err)
}

func unavailable(code, retryAfter, message string, err error) *rejection {
	return &rejection{http.StatusServiceUnavailable, code, message, retryAfter, err}
}

// level of the log line: what the operator must mend is a warning or worse.
func (r *rejection) level() slog.Level {
	if r.status >= http.StatusInternalServerError {
		return slog.LevelError
	}
	return slog.LevelWarn
}

func writeError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]map[string]string{"error": {"code": code, "message": message}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The only error left is a sender that is gone.
	_ = json.NewEncoder(w).Encode(v)
}

type serverMetrics struct {
	received *prometheus.CounterVec
	rejected *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newServerMetrics(reg prometheus.Registerer) (*serverMetrics, error) {
	m := &serverMetrics{
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "headway_webhook_events_total",
			Help: "Events received by webhook and stored in Kafka.",
		}, []string{"source"}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "headway_webhook_rejected_total",
			Help: "Deliveries answered with 4xx or 5xx, by reason.",
		}, []string{"source", "reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "headway_webhook_seconds",
			Help:    "Seconds from a delivery's first byte to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"source"}),
	}
	return m, register(reg, m.received, m.rejected, m.seconds)
}

func register(reg prometheus.Registerer, all ...prometheus.Collector) error {
	for _, c := range all {
		if err := reg.Register(c); err != nil {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}

// Package metricsapi serves the metric catalogue, points and explanations over
// HTTP. It holds no metric logic: what it says is what package metrics says. It
// decides nothing about who may ask; whoever mounts it does.
package metricsapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/headway-metrics/headway/schema/metrics"
)

// handler answers the routes of New.
type handler struct {
	engine *metrics.Engine
	logger *slog.Logger
	page   page
}

// New returns the handler of
//
//	GET /v1/metrics               the catalogue
//	GET /v1/metrics/{id}          points: by, every, from, to, zone, benchmark, format, and one parameter per dimension
//	GET /v1/explain/{id}          the rows behind them: also limit; a page for a browser
//
// An error is {"error":{"field","problem","allowed"}}: 400 for a parameter, 404
// for a metric that does not exist, 503 when the warehouse does not answer.
func New(engine *metrics.Engine, logger *slog.Logger) http.Handler {
	h := &handler{engine, logger, newPage()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/metrics", h.list)
	mux.HandleFunc("GET /v1/metrics/{id}", h.points)
	mux.HandleFunc("GET /v1/explain/{id}", h.explain)
	return mux
}

func (h *handler) list(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, r.URL.Query(), metrics.List(metrics.Catalogue()))
}

func (h *handler) points(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	req, err := h.engine.Parse(r.Context(), r.PathValue("id"), without(v, "format"))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	res, err := h.engine.Get(r.Context(), req)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.answer(w, r, v, res)
}

func (h *handler) explain(w http.ResponseWriter, r *http.Request) {
	v, fail := r.URL.Query(), h.fail
	w.Header().Set("Vary", "Accept")
	if wantsPage(r) {
		fail = h.failPage
	}
	limit := 0
	if s := v.Get("limit"); s != "" {
		var err error
		if limit, err = strconv.Atoi(s); err != nil {
			fail(w, r, &metrics.RequestError{Field: "limit", Problem: strconv.Quote(s) + " is no number"})
			return
		}
	}
	req, err := h.engine.Parse(r.Context(), r.PathValue("id"), without(v, "format", "limit"))
	if err != nil {
		fail(w, r, err)
		return
	}
	if wantsPage(r) {
		h.explainPage(w, r, req, limit)
		return
	}
	x, err := h.engine.Explain(r.Context(), req, limit)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.answer(w, r, v, x)
}

// without returns the parameters that are not the handler's own.
func without(v url.Values, own ...string) url.Values {
	out := maps.Clone(v)
	for _, k := range own {
		out.Del(k)
	}
	return out
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request, v url.Values, a metrics.Answer) {
	f := metrics.Format(v.Get("format"))
	if f == "" {
		f = metrics.JSON
	}
	var b bytes.Buffer
	if err := metrics.Write(&b, f, a); err != nil {
		h.fail(w, r, err)
		return
	}
	h.send(w, r, http.StatusOK, contentType(f), b.Bytes())
}

func contentType(f metrics.Format) string {
	switch f {
	case metrics.CSV:
		return "text/csv; charset=utf-8"
	case metrics.Table:
		return "text/plain; charset=utf-8"
	default:
		return "application/json"
	}
}

type failure struct {
	Field   string   `json:"field,omitempty"`
	Problem string   `json:"problem"`
	Allowed []string `json:"allowed,omitempty"`
}

func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, f := h.fault(r, err)
	b, err := json.Marshal(map[string]failure{"error": f})
	if err != nil {
		h.logger.ErrorContext(r.Context(), "encoding an error failed", "error", err)
	}
	h.send(w, r, status, "application/json", b)
}

// fault is what to answer to an error.
func (h *handler) fault(r *http.Request, err error) (int, failure) {
	status, f := http.StatusServiceUnavailable, failure{Problem: "the warehouse did not answer; try again later"}
	var bad *metrics.RequestError
	switch {
	case errors.As(err, &bad):
		status, f = http.StatusBadRequest, failure{bad.Field, bad.Problem, bad.Allowed}
		if bad.Field == "metric" {
			status = http.StatusNotFound
		}
	case r.Context().Err() == nil:
		h.logger.ErrorContext(r.Context(), "answering a metric request failed", "path", r.URL.Path, "error", err)
	}
	return status, f
}

func (h *handler) send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		h.logger.DebugContext(r.Context(), "the asker is gone", "error", err)
	}
}

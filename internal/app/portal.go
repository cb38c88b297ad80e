package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/dashboards"
	"github.com/headway-metrics/headway/dashboards/preview"
	"github.com/headway-metrics/headway/schema/metrics"
	"github.com/headway-metrics/headway/schema/metrics/metricsapi"
)

// mountPortal serves what people look at: dashboards, numbers and surveys.
func (a *App) mountPortal(run context.Context, r chi.Router) error {
	api := metricsapi.New(metrics.NewEngine(a.read, nil).WithBenchmark(a.opts.Config.Metrics.Benchmark), a.log.With(slog.String("part", "metrics api")))
	r.Handle("/v1/metrics", api)
	r.Handle("/v1/metrics/*", api)
	r.Handle("/v1/explain/*", api)
	r.Get("/v1/sources", a.sourcesStatus)

	boards, err := dashboards.All()
	if err != nil {
		return err
	}
	list := make([]preview.Dashboard, 0, len(boards))
	for _, b := range boards {
		list = append(list, preview.Dashboard{Raw: b.JSON, Model: b.Model})
	}
	pages, err := preview.New(preview.Options{
		Querier: a.read, Logger: a.log.With(slog.String("part", "preview")), Dashboards: list,
	})
	if err != nil {
		return err
	}
	r.Handle("/preview", pages)
	r.Handle("/preview/*", pages)
	r.Get("/", http.RedirectHandler("/preview/", http.StatusFound).ServeHTTP)

	portal, err := newSurveyPortal(a.opts.Config, a.addr, a.opts.Sample, a.publisher, a.read, a.log)
	if err != nil {
		return err
	}
	a.portal = portal
	r.Handle("/survey", portal)
	r.Handle("/survey/*", portal)
	a.work(run, "surveys", portal.Run)
	return nil
}

// SourceStatus is how one source is doing.
type SourceStatus struct {
	Source string `json:"source"`
	// Poll is nil for a source that only receives.
	Poll *collectors.PollStatus `json:"poll,omitempty"`
}

func (a *App) sourcesStatus(w http.ResponseWriter, _ *http.Request) {
	polls := map[string]*collectors.PollStatus{}
	if runner := a.runner.Load(); runner != nil {
		for _, s := range runner.Status() {
			polls[s.Source] = &s
		}
	}
	out := make([]SourceStatus, 0, len(a.sources.list))
	for _, s := range a.sources.list {
		out = append(out, SourceStatus{Source: s.Name(), Poll: polls[s.Name()]})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // The client may be gone.
}

package pipeline_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/pipeline/pipelinetest"
	"github.com/headway-metrics/headway/schema"
)

func TestMetricsCountWhatBecameOfEvents(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m, err := pipeline.NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(o *pipeline.Options) { o.Metrics = m })
	batch := []schema.Event{
		event("1", script{Facts: []scriptFact{{ID: "d"}}}),
		event("2", script{Ignore: "star"}),
		event("3", script{Fail: "x"}),
		sourceEvent("any name from outside", "4", script{}),
		event("5", script{Facts: []scriptFact{{ID: "bad", Note: refusedNote}}}),
	}
	r.faults.Fail(pipelinetest.BeforeInsert, 1)
	if err := r.Handle(t.Context(), batch); err == nil {
		t.Fatal("want the injected error")
	}
	if err := r.Handle(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			words := []string{f.GetName()}
			for _, l := range metric.GetLabel() {
				words = append(words, l.GetValue())
			}
			name := strings.Join(words, " ")
			if h := metric.GetHistogram(); h != nil {
				got[name] = float64(h.GetSampleCount())
			} else {
				got[name] = metric.GetCounter().GetValue()
			}
		}
	}
	for name, want := range map[string]float64{
		"headway_pipeline_events_total facts alpha":                  1,
		"headway_pipeline_events_total ignored alpha":                1,
		"headway_pipeline_events_total dead alpha":                   2,
		"headway_pipeline_events_total dead unknown":                 1,
		"headway_pipeline_dead_events_total unparsable alpha":        1,
		"headway_pipeline_dead_events_total rejected_by_store alpha": 1,
		"headway_pipeline_dead_events_total unknown_source unknown":  1,
		"headway_pipeline_insert_errors_total retryable":             1,
		"headway_pipeline_insert_errors_total permanent":             2,
		"headway_pipeline_batch_events":                              1,
		"headway_pipeline_handle_seconds":                            1,
		"headway_pipeline_visible_seconds alpha":                     1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v; all: %v", name, got[name], want, got)
		}
	}
}

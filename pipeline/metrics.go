package pipeline

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/headway-metrics/headway/schema"
)

// Metrics of loading. A nil *Metrics counts nothing.
type Metrics struct {
	events  *prometheus.CounterVec
	dead    *prometheus.CounterVec
	rows    prometheus.Counter
	errors  *prometheus.CounterVec
	batch   prometheus.Histogram
	handle  prometheus.Histogram
	insert  prometheus.Histogram
	visible *prometheus.HistogramVec
}

// NewMetrics registers the metrics of loading, once per registry.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	seconds := prometheus.ExponentialBuckets(0.001, 2, 16)
	m := &Metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "headway_pipeline_events_total", Help: "Events handled, by source and outcome (facts, ignored, dead).",
		}, []string{"source", "outcome"}),
		dead: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "headway_pipeline_dead_events_total", Help: "Events sent to the dead-letter topic, by source and reason.",
		}, []string{"source", "reason"}),
		rows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "headway_pipeline_rows_total", Help: "Rows stored, receipts included.",
		}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "headway_pipeline_insert_errors_total", Help: "Inserts that failed, by kind (retryable, permanent).",
		}, []string{"kind"}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "headway_pipeline_batch_events", Help: "Events per flush.", Buckets: prometheus.ExponentialBuckets(1, 4, 10),
		}),
		handle: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "headway_pipeline_handle_seconds", Help: "Duration of a successful flush.", Buckets: seconds,
		}),
		insert: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "headway_pipeline_insert_seconds", Help: "Duration of one insert into all its tables.", Buckets: seconds,
		}),
		visible: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "headway_pipeline_visible_seconds", Help: "From receiving a live event until its facts are stored.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 16),
		}, []string{"source"}),
	}
	for _, c := range []prometheus.Collector{m.events, m.dead, m.rows, m.errors, m.batch, m.handle, m.insert, m.visible} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Metrics) inserted(rows int, took time.Duration, err error) {
	switch {
	case m == nil:
	case err == nil:
		m.rows.Add(float64(rows))
		m.insert.Observe(took.Seconds())
	case IsPermanent(err):
		m.errors.WithLabelValues("permanent").Inc()
	default:
		m.errors.WithLabelValues("retryable").Inc()
	}
}

func (m *Metrics) flushed(results []*result, took time.Duration, replay bool) {
	if m == nil {
		return
	}
	m.batch.Observe(float64(len(results)))
	m.handle.Observe(took.Seconds())
	now := time.Now()
	for _, r := range results {
		source := r.event.Source
		if r.reason == ReasonUnknownSource || r.reason == ReasonInvalidEvent {
			// Such a name comes from outside and may be anything.
			source = unknown
		}
		switch {
		case r.dead():
			m.events.WithLabelValues(source, schema.OutcomeDead).Inc()
			m.dead.WithLabelValues(source, string(r.reason)).Inc()
		case r.ignored != "":
			m.events.WithLabelValues(source, schema.OutcomeIgnored).Inc()
		default:
			m.events.WithLabelValues(source, schema.OutcomeFacts).Inc()
			if !replay {
				m.visible.WithLabelValues(source).Observe(now.Sub(r.event.Time).Seconds())
			}
		}
	}
}

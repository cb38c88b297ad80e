package dashboards

import (
	"fmt"

	"github.com/headway-metrics/headway/schema/metrics"
)

// need looks metrics up by id. A dashboard without one of its metrics is an
// error, so that a renamed metric is seen when dashboards are generated.
func need(ids ...string) (map[string]metrics.Metric, error) {
	out := map[string]metrics.Metric{}
	for _, id := range ids {
		m, ok := metrics.ByID(id)
		if !ok {
			return nil, fmt.Errorf("no metric %s in the catalogue", id)
		}
		out[id] = m
	}
	return out, nil
}

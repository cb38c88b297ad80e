package dashboards

import (
	"fmt"

	"github.com/headway-metrics/headway/schema/metrics"
)

// figure is a metric as a dashboard shows it: choices are the dimensions that
// the dashboard's variables choose.
type figure struct {
	metrics.Metric
	choices []metrics.Dimension
}

// choices of a dashboard.
type choices int

const (
	teamOnly choices = iota
	teamAndService
	teamAndCapability
	teamServiceAndCapability
)

func (c choices) dimensions() []metrics.Dimension {
	switch c {
	case teamAndService:
		return []metrics.Dimension{metrics.Team, metrics.Service}
	case teamAndCapability:
		return []metrics.Dimension{metrics.Team, metrics.Capability}
	case teamServiceAndCapability:
		return []metrics.Dimension{metrics.Team, metrics.Service, metrics.Capability}
	default:
		return []metrics.Dimension{metrics.Team}
	}
}

// need looks metrics up by id. A dashboard without one of its metrics is an
// error, so that a renamed metric is seen when dashboards are generated.
func need(c choices, ids ...string) (map[string]figure, error) {
	out := map[string]figure{}
	for _, id := range ids {
		m, ok := metrics.ByID(id)
		if !ok {
			return nil, fmt.Errorf("no metric %s in the catalogue", id)
		}
		out[id] = figure{Metric: m, choices: c.dimensions()}
	}
	return out, nil
}

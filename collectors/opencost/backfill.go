package opencost

import (
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// Backfill implements collectors.Backfiller; how far back it comes depends on how long
// the clusters' Prometheus keeps what it knows.
func (s *Source) Backfill(from time.Time) (collectors.Poller, error) {
	own := *s
	own.cfg.History = s.now().Sub(from)
	return &own, nil
}

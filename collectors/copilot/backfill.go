package copilot

import (
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// Backfill implements collectors.Backfiller; what GitHub no longer keeps is not asked for.
func (s *Source) Backfill(from time.Time) (collectors.Poller, error) {
	own := *s
	own.cfg.History = min(s.now().Sub(from), kept)
	return &own, nil
}

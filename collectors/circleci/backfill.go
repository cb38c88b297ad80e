package circleci

import (
	"errors"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// Backfill implements collectors.Backfiller.
func (s *Source) Backfill(from time.Time) (collectors.Poller, error) {
	if s.cfg.Token == "" {
		return nil, errors.New("sources.circleci.token is not set, so nothing can be asked")
	}
	own := *s
	own.cfg.History = s.now().Sub(from)
	return &own, nil
}

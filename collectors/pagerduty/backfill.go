package pagerduty

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// Backfill implements collectors.Backfiller.
func (s *Source) Backfill(from time.Time) (collectors.Poller, error) {
	if s.cfg.Token == "" {
		return nil, errors.New("sources.pagerduty.token is not set, so nothing can be asked")
	}
	own := *s
	own.cfg.History = s.now().Sub(from)
	return &backfiller{&own, from}, nil
}

// backfiller knows where it began.
type backfiller struct {
	*Source
	from time.Time
}

// Progress implements collectors.Estimator.
func (b *backfiller) Progress(saved collectors.Cursor) (done, total int64, unit string) {
	const day = 24 * time.Hour
	c := cursor{Until: b.from}
	if len(saved) > 0 && json.Unmarshal(saved, &c) != nil {
		return 0, 0, "days"
	}
	return int64(c.Until.Sub(b.from) / day), int64(b.now().Sub(b.from) / day), "days"
}

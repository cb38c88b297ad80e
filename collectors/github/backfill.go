package github

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// backfiller reads the past of every repository once, and nothing that happens now.
type backfiller struct{ *Source }

// Backfill implements collectors.Backfiller.
func (s *Source) Backfill(from time.Time) (collectors.Poller, error) {
	if s.poller == nil {
		return nil, errors.New("sources.github names nothing to read: set organisations or repositories, and token_file or app")
	}
	own, p := *s, *s.poller
	p.backfill, p.backfillOnly, p.redeliver = p.now().Sub(from), true, false
	p.repositories, p.discovered, p.checked = nil, time.Time{}, map[string]time.Time{}
	own.poller = &p
	return &backfiller{&own}, nil
}

// Progress implements collectors.Estimator: the lists that were read to their end,
// of all lists of all repositories.
func (b *backfiller) Progress(saved collectors.Cursor) (done, total int64, unit string) {
	var cur cursor
	if len(saved) == 0 || json.Unmarshal(saved, &cur) != nil {
		return 0, 0, "lists"
	}
	for _, lists := range cur.Repositories {
		for _, pos := range lists {
			if pos.Live {
				done++
			}
		}
	}
	repositories := max(len(cur.Repositories), len(b.poller.repositories))
	return done, int64(repositories * len(resources())), "lists"
}

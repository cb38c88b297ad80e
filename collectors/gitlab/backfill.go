package gitlab

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// backfiller reads the past of every project once, and nothing that happens now.
type backfiller struct{ *Source }

// Backfill implements collectors.Backfiller.
func (s *Source) Backfill(from time.Time) (collectors.Poller, error) {
	if s.poller == nil {
		return nil, errors.New("sources.gitlab names nothing to read: set groups or projects, and token_file")
	}
	own, p := *s, *s.poller
	p.backfill, p.backfillOnly = p.now().Sub(from), true
	p.projects, p.discovered, p.checked = nil, time.Time{}, map[string]time.Time{}
	own.poller = &p
	return &backfiller{&own}, nil
}

// Progress implements collectors.Estimator: the lists that were read to their end,
// of all lists of all projects.
func (b *backfiller) Progress(saved collectors.Cursor) (done, total int64, unit string) {
	var cur cursor
	if len(saved) == 0 || json.Unmarshal(saved, &cur) != nil {
		return 0, 0, "lists"
	}
	for _, lists := range cur.Projects {
		for _, pos := range lists {
			if pos.Live {
				done++
			}
		}
	}
	projects := max(len(cur.Projects), len(b.poller.projects))
	return done, int64(projects * len(resources())), "lists"
}

package backstage

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// Backfill implements collectors.Backfiller.
func (s *Source) Backfill(from time.Time) (collectors.Poller, error) {
	if s.cfg.URL == "" {
		return nil, errors.New("sources.backstage.url is not set, so nothing can be asked")
	}
	own := *s
	own.cfg.History, own.progress = s.now().Sub(from), &progress{}
	return &backfiller{&own}, nil
}

// backfiller knows how far its reading is. All is read in one poll, so that this is no
// matter of its cursor: a reading that was interrupted lists everything again.
type backfiller struct{ *Source }

// Progress implements collectors.Estimator. Tasks of before the backfill's beginning are
// counted and not read, for the backend does not say how many they are.
func (b *backfiller) Progress(collectors.Cursor) (done, total int64, unit string) {
	p := b.progress
	if p.entities == 0 {
		return 0, 0, "entities and tasks"
	}
	return p.done, max(p.entities+p.tasks, p.done), "entities and tasks"
}

// progress is what was listed, and how much the backend has: 0 when it does not say.
type progress struct{ done, entities, tasks int64 }

// begin asks how many tasks there are, before the catalog is listed: the whole is then
// known from the first page on. No backfill fails for it: what really is in the way the
// reading meets too.
func (p *progress) begin(ctx context.Context, r *reader) {
	if p == nil {
		return
	}
	*p = progress{}
	raw, err := r.client.Get(ctx, tasksPath, url.Values{"limit": {"1"}, "offset": {"0"}})
	var page taskList
	if err == nil && json.Unmarshal(raw, &page) == nil {
		p.tasks = page.Total
	}
}

// catalog notes what the catalog has in all.
func (p *progress) catalog(total int64) {
	if p != nil {
		p.entities = total
	}
}

// listed notes a page that was published.
func (p *progress) listed(n int) {
	if p != nil {
		p.done += int64(n)
	}
}

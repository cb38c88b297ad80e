package jira

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// Backfill implements collectors.Backfiller.
func (s *Source) Backfill(from time.Time) (collectors.Poller, error) {
	if s.cfg.Token == "" {
		return nil, errors.New("sources.jira.token is not set, so nothing can be asked")
	}
	own := *s
	own.cfg.History, own.estimates = s.now().Sub(from), true
	return &backfiller{&own}, nil
}

// backfiller knows of how many issues it has read how many.
type backfiller struct{ *Source }

// Progress implements collectors.Estimator. An issue that changes meanwhile may come into
// the search or leave it.
func (*backfiller) Progress(saved collectors.Cursor) (done, total int64, unit string) {
	var c cursor
	if len(saved) == 0 || json.Unmarshal(saved, &c) != nil || c.Total == 0 {
		return 0, 0, "issues"
	}
	return int64(c.Read), int64(max(c.Total, c.Read)), "issues"
}

// estimate is about how many issues a search finds, 0 when the Cloud does not say, where
// the search itself tells no total. No backfill fails for it: what really is in the way
// the search meets too.
func (s *Source) estimate(ctx context.Context, jql string) int {
	bounded, _, _ := strings.Cut(jql, orderBy)
	raw, err := s.client.Post(ctx, s.api()+"/search/approximate-count", map[string]string{"jql": bounded})
	var found struct {
		Count int `json:"count"`
	}
	if err != nil || json.Unmarshal(raw, &found) != nil {
		return 0
	}
	return found.Count
}

package pagerduty

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
)

// Test implements collectors.Tester: the key, and the newest incident.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.cfg.Token == "" {
		return []collectors.Check{{What: "REST API", Detail: "nothing is asked: no token is set"}}
	}
	client := rest.Client{HTTP: s.http, Base: s.cfg.URL, Authorize: func(r *http.Request) {
		r.Header.Set("Authorization", "Token token="+s.cfg.Token.Reveal())
	}}
	raw, err := client.Get(ctx, "/incidents", url.Values{"limit": {"1"}, "date_range": {"all"}, "sort_by": {"created_at:desc"}})
	if err != nil {
		return []collectors.Check{{What: "permission incidents: read", Problem: fmt.Sprintf(
			"%v; make a read-only key under Integrations → API Access Keys and set sources.pagerduty.token_file, and url for Europe", err)}}
	}
	out := []collectors.Check{{What: "permission incidents: read", Detail: "granted"}}
	var found struct {
		Incidents []json.RawMessage `json:"incidents"`
	}
	if err := json.Unmarshal(raw, &found); err != nil {
		return append(out, collectors.Check{What: "sample", Problem: fmt.Sprintf("reading incidents: %v", err)})
	}
	a := &asker{emit: sample, now: s.now, open: map[string]bool{}}
	_ = a.publish(ctx, found.Incidents...) // A sample's only error is that one is enough.
	return out
}

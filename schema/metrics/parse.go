package metrics

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Parse reads a request for a metric from text: the parameters by, every, from,
// to, zone and benchmark, and one per dimension to filter by. Lists are separated by commas
// or given several times. Times are RFC 3339, or dates, which begin at midnight in the
// reporting zone. A parameter that is wrong is a *RequestError.
func (e *Engine) Parse(ctx context.Context, metric string, v url.Values) (Request, error) {
	m, ok := ByID(metric)
	if !ok {
		return Request{}, unknownMetric(metric)
	}
	r := Request{Metric: metric, Zone: v.Get("zone"), Every: Every(v.Get("every")), Benchmark: v.Get("benchmark"), Filters: map[Dimension][]string{}}
	for _, d := range list(v["by"]) {
		r.By = append(r.By, Dimension(d))
	}
	for _, key := range slices.Sorted(maps.Keys(v)) {
		switch {
		case slices.Contains(requestParameters(), key):
		case m.Has(Dimension(key)):
			r.Filters[Dimension(key)] = list(v[key])
		default:
			return Request{}, &RequestError{key, "is no parameter of " + m.ID, append(requestParameters(), texts(m.Dimensions)...)}
		}
	}
	if v.Get("from") == "" && v.Get("to") == "" {
		return r, nil
	}
	zone, err := e.Location(ctx, r.Zone)
	if err != nil {
		return Request{}, err
	}
	if r.From, err = parseTime("from", v.Get("from"), zone); err != nil {
		return Request{}, err
	}
	if r.To, err = parseTime("to", v.Get("to"), zone); err != nil {
		return Request{}, err
	}
	return r, nil
}

func requestParameters() []string { return []string{"by", "every", "from", "to", "zone", "benchmark"} }

func list(values []string) []string {
	var out []string
	for _, v := range values {
		for s := range strings.SplitSeq(v, ",") {
			if s = strings.TrimSpace(s); s != "" {
				out = append(out, s)
			}
		}
	}
	return out
}

func parseTime(field, s string, zone *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, zone)
	if err != nil {
		return time.Time{}, &RequestError{Field: field, Problem: fmt.Sprintf("%q is neither a date such as 2026-03-29 nor a time such as 2026-03-29T12:00:00Z", s)}
	}
	return t, nil
}

package metricsapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/schema/metrics"
)

// querier answers with one point, or one row, or an error.
type querier struct{ err error }

func (q querier) Query(_ context.Context, sql string, _ map[string]any) ([]string, [][]any, error) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	switch {
	case strings.Contains(sql, "FROM annotations") && q.err == nil:
		return []string{"at"}, [][]any{{now}}, nil
	case strings.HasPrefix(sql, "SELECT bucket_from") && q.err == nil:
		return []string{"bucket_from", "bucket_to", "team", "value", "p90", "n", "numerator", "denominator", "low", "high", "provisional", "mean", "censored"},
			[][]any{{now, now, "pay", 0.25, nil, uint64(4), 1., 4., 0.1, 0.5, uint64(1), nil, uint64(0)}}, nil
	case strings.HasPrefix(sql, "SELECT at") && q.err == nil:
		return []string{"at", "team", "service", "repo", "environment", "value", "numerator", "denominator", "censored", "subject", "title", "url", "rule", "evidence", "excluded"},
			[][]any{
				{now, "pay", "shop", "acme/shop", "eu, us", nil, 1., 1., uint64(0), "r1", "shop v1", "https://example.com", "rollback", "r2", ""},
				{now, "pay", "shop", "acme/shop", "eu, us", nil, 0., 1., uint64(0), "r2", "<script>alert(1)</script>", "javascript:alert(2)", "", "", ""},
			}, nil
	case q.err == nil:
		return []string{"zone"}, [][]any{{"UTC"}}, nil
	}
	return nil, nil, q.err
}

func ask(t *testing.T, q querier, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	New(metrics.NewEngine(q, nil), slog.New(slog.DiscardHandler)).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, target, nil))
	return rec
}

// TestPage: a browser gets a page that runs nothing and loads nothing; what others
// wrote is text on it, and only web addresses are links.
func TestPage(t *testing.T) {
	t.Parallel()
	get := func(q querier, target, accept string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "GET", target, nil)
		r.Header.Set("Accept", accept)
		New(metrics.NewEngine(q, nil), slog.New(slog.DiscardHandler)).ServeHTTP(rec, r)
		return rec
	}
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	res := get(querier{}, "/v1/explain/change_failure_rate?service=shop&from=2026-06-01&to=2026-06-08", browser)
	body := res.Body.String()
	for _, want := range []string{
		"Change failure rate", "25.0 %", "only service shop", `href="https://example.com"`, "rollback: r2", "&lt;script&gt;", "left out",
		`href="?format=json&amp;from=2026-06-01`, "in force since 1 June 2026",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
	policy := res.Header().Get("Content-Security-Policy")
	if res.Code != 200 || res.Header().Get("Content-Type") != "text/html; charset=utf-8" || res.Header().Get("Vary") != "Accept" || !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("%d %v", res.Code, res.Header())
	}
	for _, forbidden := range []string{"<script", "javascript:", "src="} {
		if strings.Contains(body, forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
	for _, tt := range []struct {
		name, target, accept, want string
		querier                    querier
		status                     int
	}{
		{"a program", "/v1/explain/change_failure_rate", "*/*", "application/json", querier{}, 200},
		{"JSON before HTML", "/v1/explain/change_failure_rate", "application/json, text/html", "application/json", querier{}, 200},
		{"a format that is named", "/v1/explain/change_failure_rate?format=csv", browser, "text/csv; charset=utf-8", querier{}, 200},
		{"unknown metric", "/v1/explain/velocity", browser, "text/html; charset=utf-8", querier{}, 404},
		{"bad limit", "/v1/explain/lead_time?limit=many", browser, "text/html; charset=utf-8", querier{}, 400},
		{"warehouse down", "/v1/explain/lead_time?zone=UTC", browser, "text/html; charset=utf-8", querier{err: errors.New("password s3cret refused")}, 503},
	} {
		res := get(tt.querier, tt.target, tt.accept)
		if res.Code != tt.status || res.Header().Get("Content-Type") != tt.want || strings.Contains(res.Body.String(), "s3cret") {
			t.Errorf("%s: %d %s: %s", tt.name, res.Code, res.Header().Get("Content-Type"), res.Body)
		}
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, method, target string
		querier              querier
		status               int
		contentType          string
		want                 []string
	}{
		{"catalogue", "GET", "/v1/metrics", querier{}, 200, "application/json", []string{`"id": "lead_time"`, `"how_to_read"`}},
		{"catalogue as table", "GET", "/v1/metrics?format=table", querier{}, 200, "text/plain; charset=utf-8", []string{"lead_time  "}},
		{
			"points", "GET", "/v1/metrics/change_failure_rate?by=team&every=week&from=2026-06-01&to=2026-06-08",
			querier{},
			200, "application/json",
			[]string{`"metric": "change_failure_rate"`, `"version_since": "2026-06-01T00:00:00Z"`, `"value": 0.25`, `"p90": null`, `"low": 0.1`, `"provisional": true`, `"team": "pay"`},
		},
		{
			"points beside an edition", "GET", "/v1/metrics/change_failure_rate?by=team&benchmark=2024",
			querier{},
			200, "application/json",
			[]string{`"benchmark": []`, `"edition": "2024"`, `"words": "20 %"`},
		},
		{"edition without levels", "GET", "/v1/metrics/lead_time?benchmark=2025", querier{}, 400, "application/json", []string{`"field":"benchmark"`, "seven profiles", `"allowed":["2023","2024","off"]`}},
		{"rows beside an edition", "GET", "/v1/explain/lead_time?benchmark=2024", querier{}, 400, "application/json", []string{`"field":"benchmark"`}},
		{"points as CSV", "GET", "/v1/metrics/change_failure_rate?by=team&format=csv", querier{}, 200, "text/csv; charset=utf-8", []string{"pay,0.25,,,4,1,4,0.1,0.5,true,0"}},
		{"rows", "GET", "/v1/explain/change_failure_rate?limit=5", querier{}, 200, "application/json", []string{`"subject": "r1"`, `"rule": "rollback"`, `"excluded": []`}},
		{"unknown metric", "GET", "/v1/metrics/velocity", querier{}, 404, "application/json", []string{`"field":"metric"`, `"allowed":["lead_time"`}},
		{"unknown dimension", "GET", "/v1/metrics/lead_time?by=person", querier{}, 400, "application/json", []string{`"field":"by"`, `"allowed":["team"`}},
		{"unknown parameter", "GET", "/v1/metrics/lead_time?limit=1", querier{}, 400, "application/json", []string{`"field":"limit"`}},
		{"unknown format", "GET", "/v1/metrics/lead_time?by=team&format=xml", querier{}, 400, "application/json", []string{`"field":"format"`, `"allowed":["table","json","csv"]`}},
		{"bad limit", "GET", "/v1/explain/lead_time?limit=many", querier{}, 400, "application/json", []string{`"field":"limit"`}},
		{"limit too large", "GET", "/v1/explain/lead_time?limit=1000000", querier{}, 400, "application/json", []string{`"field":"limit"`}},
		{"warehouse down", "GET", "/v1/metrics/lead_time", querier{err: errors.New("password s3cret refused")}, 503, "application/json", []string{"did not answer"}},
		{"warehouse down, rows", "GET", "/v1/explain/lead_time?zone=UTC", querier{err: errors.New("password s3cret refused")}, 503, "application/json", []string{"did not answer"}},
		{"other method", "POST", "/v1/metrics", querier{}, 405, "text/plain; charset=utf-8", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := ask(t, tt.querier, tt.method, tt.target)
			body := res.Body.String()
			if res.Code != tt.status || res.Header().Get("Content-Type") != tt.contentType {
				t.Errorf("%d %s: %s", res.Code, res.Header().Get("Content-Type"), body)
			}
			for _, s := range tt.want {
				if !strings.Contains(body, s) {
					t.Errorf("the answer lacks %s:\n%s", s, body)
				}
			}
			if strings.Contains(body, "s3cret") {
				t.Errorf("an error of the warehouse reaches the asker: %s", body)
			}
			if tt.contentType == "application/json" && !json.Valid([]byte(body)) {
				t.Errorf("no JSON: %s", body)
			}
		})
	}
}

package preview_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/dashboards/model"
	"github.com/headway-metrics/headway/dashboards/preview"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder remembers what was run.
type recorder struct {
	mu   sync.Mutex
	seen []string
	fail string
}

func (r *recorder) Query(_ context.Context, sql string, _ map[string]any) ([]string, [][]any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, sql)
	switch {
	case r.fail != "" && strings.Contains(sql, r.fail):
		return nil, nil, errors.New("table is on fire")
	case strings.Contains(sql, "FROM teams"):
		return []string{"id"}, [][]any{{"alpha"}, {"o'brien"}}, nil
	case strings.Contains(sql, "FROM settings"):
		return []string{"zone"}, [][]any{{"Europe/Berlin"}}, nil
	}
	return []string{"time", "v"}, [][]any{{time.UnixMilli(1_700_000_000_000), 1.5}, {time.UnixMilli(1_700_000_060_000), nil}}, nil
}

const board = `{"uid": "board", "title": "Board <&>", "time": {"from": "now-7d", "to": "now"},
 "templating": {"list": [
   {"name": "timezone", "type": "query", "hide": 2, "query": "SELECT zone FROM settings"},
   {"name": "team", "type": "query", "multi": true, "includeAll": true, "query": "SELECT id FROM teams"}]},
 "annotations": {"list": []},
 "panels": [{"id": 1, "type": "text", "options": {"content": "hello"}},
   {"id": 2, "type": "timeseries", "title": "P", "description": "d", "targets": [
     {"refId": "A", "format": 0, "rawSql": "SELECT time, v FROM t WHERE z = '${timezone}' AND $__timeFilter(at) AND $__conditionalAll(team IN (${team:singlequote}), $team)"}]}]}`

var built = fstest.MapFS{"preview.js": {Data: []byte("1")}, "preview.css": {Data: []byte("a{}")}}

func serve(t *testing.T, r *recorder, assets fstest.MapFS) *httptest.Server {
	t.Helper()
	d, err := model.Parse([]byte(board))
	if err != nil {
		t.Fatal(err)
	}
	h, err := preview.New(preview.Options{
		Querier: r, Logger: slog.New(slog.DiscardHandler), Dashboards: []preview.Dashboard{{Raw: []byte(board), Model: d}}, Assets: assets,
		Now: func() time.Time { return time.UnixMilli(1_700_000_000_000).UTC() },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// reply is an answer whose body has been read.
type reply struct {
	status int
	header http.Header
}

func fetch(t *testing.T, s *httptest.Server, method, path, kind, body string) (reply, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	client := *s.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header}, string(raw)
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := serve(t, &recorder{}, built)
	tests := []struct {
		path   string
		status int
		want   string
	}{
		{"/preview", http.StatusFound, ""},
		{"/preview/", http.StatusFound, ""},
		{"/preview/d/board", http.StatusOK, "<title>Board &lt;&amp;&gt; · Headway preview</title>"},
		{"/preview/d/board/slug", http.StatusOK, "/preview/assets/preview.js"},
		{"/preview/d/nothing", http.StatusNotFound, "no dashboard"},
		{"/preview/api/dashboards", http.StatusOK, `"uid":"board"`},
		{"/preview/api/dashboards/board", http.StatusOK, `"uid": "board"`},
		{"/preview/assets/preview.js", http.StatusOK, "1"},
		{"/preview/assets/README", http.StatusNotFound, ""},
		{"/preview/assets/..%2Fpreview.go", http.StatusNotFound, ""},
	}
	for _, tt := range tests {
		res, body := fetch(t, s, http.MethodGet, tt.path, "", "")
		if res.status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %q, want %d %q", tt.path, res.status, body, tt.status, tt.want)
		}
		policy := res.header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: content security policy %q", tt.path, policy)
		}
	}
}

// A binary built without the bundle says how to build it, and does not pretend.
func TestMissingBundle(t *testing.T) {
	t.Parallel()
	s := serve(t, &recorder{}, fstest.MapFS{"README": {Data: []byte("x")}})
	res, body := fetch(t, s, http.MethodGet, "/preview/d/board", "", "")
	if res.status != http.StatusServiceUnavailable || !strings.Contains(body, "npm ci &amp;&amp; npm run build") {
		t.Errorf("%d %s", res.status, body)
	}
}

// answer is one line of a run.
type answer struct {
	Variables []struct {
		Name   string
		All    bool
		Chosen []string
	}
	Panel  int
	Frames []struct {
		Columns []struct{ Name, Type string }
		Rows    [][]any
	}
	Annotations []any
	Error       string
}

func run(t *testing.T, s *httptest.Server, body string) []answer {
	t.Helper()
	res, text := fetch(t, s, http.MethodPost, "/preview/api/run", "application/json", body)
	if res.status != http.StatusOK {
		t.Fatalf("%d %s", res.status, text)
	}
	var out []answer
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

func (r *recorder) panelSQL(t *testing.T) string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, sql := range r.seen {
		if strings.Contains(sql, "FROM t ") {
			return sql
		}
	}
	t.Fatal("the panel's query was not run")
	return ""
}

func TestRun(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	lines := run(t, serve(t, r, built), `{"uid": "board", "from": "now-1h", "to": "now", "variables": {"team": ["o'brien"]}}`)
	want := `SELECT time, v FROM t WHERE z = 'Europe/Berlin' AND at >= toDateTime(1699996400) AND at <= toDateTime(1700000000) AND team IN ('o\'brien')`
	if got := r.panelSQL(t); got != want {
		t.Errorf("ran\n%s, want\n%s", got, want)
	}
	if len(lines) != 3 || len(lines[0].Variables) != 2 {
		t.Fatalf("lines %+v", lines)
	}
	for _, l := range lines[1:] {
		switch {
		case l.Panel == 2:
			if f := l.Frames[0]; f.Columns[0].Type != "time" || f.Columns[1].Type != "number" || f.Rows[0][0] != 1.7e12 || f.Rows[1][1] != nil {
				t.Errorf("frame %+v: a gap must stay null", f)
			}
		case l.Annotations == nil:
			t.Errorf("line %+v is neither the panel nor the annotations", l)
		}
	}
}

// Whatever the browser sends, what runs is the model's SQL with values that the
// database itself offered.
func TestInjection(t *testing.T) {
	t.Parallel()
	attacks := []string{
		`{"uid": "board", "variables": {"team": ["x') OR 1=1 --"]}}`,
		`{"uid": "board", "variables": {"timezone": ["' OR sleep(3) OR '"]}}`,
		`{"uid": "board", "variables": {"timezone": ["UTC"], "team": ["$__all", "${timezone}"]}}`,
		`{"uid": "board", "variables": {"nobody": ["1; DROP TABLE t"]}}`,
	}
	for _, body := range attacks {
		r := &recorder{}
		run(t, serve(t, r, built), body)
		want := `SELECT time, v FROM t WHERE z = 'Europe/Berlin' AND at >= toDateTime(1699395200) AND at <= toDateTime(1700000000) AND 1=1`
		if got := r.panelSQL(t); got != want {
			t.Errorf("%s ran\n%s", body, got)
		}
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	s := serve(t, &recorder{}, built)
	tests := []struct {
		name, kind, body string
		want             int
	}{
		{"a form of another site", "text/plain", `{"uid": "board"}`, http.StatusUnsupportedMediaType},
		{"SQL", "application/json", `{"uid": "board", "rawSql": "SELECT 1"}`, http.StatusBadRequest},
		{"unknown dashboard", "application/json", `{"uid": "nothing"}`, http.StatusNotFound},
		{"time that is no time", "application/json", `{"uid": "board", "from": "now()", "to": "now"}`, http.StatusBadRequest},
		{"time backwards", "application/json", `{"uid": "board", "from": "now", "to": "now-1d"}`, http.StatusBadRequest},
		{"no JSON", "application/json", `uid=board`, http.StatusBadRequest},
		{"two objects", "application/json", `{"uid": "board"} {}`, http.StatusBadRequest},
		{"too large", "application/json", `{"uid": "` + strings.Repeat("x", 300<<10) + `"}`, http.StatusBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if res, body := fetch(t, s, http.MethodPost, "/preview/api/run", tt.kind, tt.body); res.status != tt.want {
				t.Errorf("%d %s, want %d", res.status, body, tt.want)
			}
		})
	}
}

// A query that fails is an error of its panel; variables that fail stop the page.
func TestErrorsAreShown(t *testing.T) {
	t.Parallel()
	lines := run(t, serve(t, &recorder{fail: "FROM t "}, built), `{"uid": "board"}`)
	found := false
	for _, l := range lines {
		found = found || l.Panel == 2 && strings.Contains(l.Error, "on fire") && len(l.Frames) == 0
	}
	if !found {
		t.Errorf("no line says that the panel failed: %+v", lines)
	}
	lines = run(t, serve(t, &recorder{fail: "FROM teams"}, built), `{"uid": "board"}`)
	if len(lines) != 1 || !strings.Contains(lines[0].Error, "variable team") {
		t.Errorf("lines %+v", lines)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := preview.New(preview.Options{}); err == nil {
		t.Error("a preview without a querier")
	}
	if _, err := preview.New(preview.Options{Querier: &recorder{}, Logger: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("a preview without dashboards")
	}
}

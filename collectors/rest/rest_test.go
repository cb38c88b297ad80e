package rest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		want   string
		wait   time.Duration
	}{
		"good":      {func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"a":1}`)) }, "", 0},
		"304":       {func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotModified) }, "/p answers 304 (not modified, although it was not asked", 0},
		"401":       {func(w http.ResponseWriter) { http.Error(w, "no", http.StatusUnauthorized) }, "/p answers 401 (the token is wrong or has expired) no", 0},
		"404":       {func(w http.ResponseWriter) { http.Error(w, "", http.StatusNotFound) }, "(check the url)", 0},
		"500":       {func(w http.ResponseWriter) { http.Error(w, strings.Repeat("x", 5000), http.StatusInternalServerError) }, "answers 500", 0},
		"truncated": {func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"a":`)) }, "cut off or no JSON", 0},
		"cut connection": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{}`))
		}, "unexpected EOF", 0},
		"429": {func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "7")
			http.Error(w, "", http.StatusTooManyRequests)
		}, "answers 429", 7 * time.Second},
		"429 with date": {func(w http.ResponseWriter) {
			w.Header().Set("Date", "Mon, 02 Jan 2006 15:04:05 GMT")
			w.Header().Set("Retry-After", "Mon, 02 Jan 2006 15:05:05 GMT")
			http.Error(w, "", http.StatusTooManyRequests)
		}, "answers 429", time.Minute},
		"429 for years": {func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "999999999999")
			http.Error(w, "", http.StatusTooManyRequests)
		}, "answers 429", time.Hour},
		"429 of PagerDuty": {func(w http.ResponseWriter) {
			w.Header().Set("Ratelimit-Reset", "30")
			http.Error(w, "", http.StatusTooManyRequests)
		}, "answers 429", 30 * time.Second},
		"503": {func(w http.ResponseWriter) { http.Error(w, "", http.StatusServiceUnavailable) }, "answers 503", DefaultRetryAfter},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer hunter2" || r.URL.Query().Get("q") != "secret-query" {
					t.Errorf("request %s with %q", r.URL, r.Header.Get("Authorization"))
				}
				c.answer(w)
			}))
			t.Cleanup(srv.Close)
			client := Client{Base: srv.URL + "/", Authorize: func(r *http.Request) { r.Header.Set("Authorization", "Bearer hunter2") }}
			body, err := client.Get(t.Context(), "/p", url.Values{"q": {"secret-query"}})
			if c.want == "" {
				if err != nil || string(body) != `{"a":1}` {
					t.Errorf("%s (%v)", body, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret-query") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error is %v, want %q", err, c.want)
			}
			var retry *collectors.RetryAfterError
			if errors.As(err, &retry) != (c.wait > 0) || retry != nil && retry.After != c.wait {
				t.Errorf("wait is %v, want %v", retry, c.wait)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	_, err := Client{Base: "http://127.0.0.1:1"}.Post(t.Context(), "/p", map[string]string{"token": "hunter2"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error is %v", err)
	}
}

func TestCheckBase(t *testing.T) {
	t.Parallel()
	for base, ok := range map[string]bool{"https://a.example": true, "http://127.0.0.1:1/x": true, "": false, "a.example": false, "ftp://a": false, "https://u:p@a": false, "https://a?x=1": false} {
		if err := CheckBase(base); (err == nil) != ok {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestNoContentIsNoAnswer(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(srv.Close)
	if body, err := (Client{Base: srv.URL}).Get(t.Context(), "/p", nil); body != nil || err != nil {
		t.Errorf("%q (%v)", body, err)
	}
}

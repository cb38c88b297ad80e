package collectortest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/collectors"
)

// Try runs a source's Test against handler and compares the checks that failed by
// what they tried; every Problem must be more than a few words. It returns
// the trial. connect gets the address of the system.
func Try(t *testing.T, handler http.HandlerFunc, connect func(url string) collectors.Source, failed ...string) collectors.Trial {
	t.Helper()
	srv := httptest.NewServer(handler)
	defer srv.Close()
	trial := collectors.Try(t.Context(), connect(srv.URL))
	var got []string
	for _, c := range trial.Checks {
		if c.Problem == "" {
			continue
		}
		got = append(got, c.What)
		if len(strings.Fields(c.Problem)) < 5 {
			t.Errorf("%s: problem %q does not say what, why and how to mend it", c.What, c.Problem)
		}
	}
	if !slices.Equal(got, failed) {
		t.Errorf("failed checks %q, want %q: %+v", got, failed, trial.Checks)
	}
	return trial
}

// Answers serves fixed JSON by path, and 404 elsewhere; a body that begins with a
// status ("403 no") is answered with it.
func Answers(byPath map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, ok := byPath[r.URL.Path]
		if !ok {
			body = "404 {}"
		}
		for code, status := range map[string]int{"401": http.StatusUnauthorized, "403": http.StatusForbidden, "404": http.StatusNotFound, "410": http.StatusGone} {
			if rest, found := strings.CutPrefix(body, code+" "); found {
				w.WriteHeader(status)
				body = rest
				break
			}
		}
		_, _ = w.Write([]byte(body))
	}
}

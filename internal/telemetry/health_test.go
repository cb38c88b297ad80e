package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/internal/telemetry"
)

func TestReadyNamesThePartThatIsNot(t *testing.T) {
	t.Parallel()
	var h telemetry.Health
	get := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.Ready(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		return w
	}
	if w := get(); w.Code != http.StatusOK {
		t.Fatalf("no checks: got %d, want 200", w.Code)
	}
	h.Add("kafka", func(context.Context) error { return nil })
	h.Add("clickhouse", func(context.Context) error { return errors.New("connection refused") })
	w := get()
	if w.Code != http.StatusServiceUnavailable {
		t.Fatalf("a failing check: got %d, want 503", w.Code)
	}
	if body := w.Body.String(); !strings.Contains(body, `"clickhouse":"connection refused"`) || strings.Contains(body, "kafka") {
		t.Fatalf("body must name the part that failed and no other: %s", body)
	}
}

func TestReadyDoesNotHangWithAHangingPart(t *testing.T) {
	t.Parallel()
	var h telemetry.Health
	h.Add("slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	if p := h.Problems(t.Context()); p["slow"] == "" {
		t.Fatalf("a hanging part must be a problem: %v", p)
	}
}

func TestNewLogger(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l, err := telemetry.NewLogger(&b, "info", "json")
	if err != nil {
		t.Fatal(err)
	}
	l.Debug("hidden")
	l.Info("shown")
	if got := b.String(); strings.Contains(got, "hidden") || !strings.Contains(got, `"msg":"shown"`) {
		t.Fatalf("level not honoured: %s", got)
	}
	for _, bad := range [][2]string{{"loud", "json"}, {"info", "xml"}} {
		if _, err := telemetry.NewLogger(&b, bad[0], bad[1]); err == nil {
			t.Errorf("%v must be refused", bad)
		}
	}
}

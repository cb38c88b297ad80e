package listing_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/listing"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/schema"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// pages is a list of so many pages, the n-th of which fails with err.
func pages(n int, fails string, err error) listing.List {
	return listing.List{
		Source: "there", System: "There", Begin: now.AddDate(0, 0, -1), Now: now,
		Page: func(_ context.Context, p *listing.Place, _ collectors.Emit) error {
			at := 1
			if p.After != "" {
				_, _ = fmt.Sscan(p.After, &at)
			}
			if err != nil && fails == p.After {
				return err
			}
			if p.After = ""; at < n {
				p.After = strconv.Itoa(at + 1)
			}
			return nil
		},
		Forgotten: func(s *rest.StatusError) bool { return s.Code == http.StatusBadRequest },
	}
}

func TestPoll(t *testing.T) {
	t.Parallel()
	const whole, begun = `{"since":"2026-06-01T12:00:00Z"}`, `{"since":"2026-05-31T12:00:00Z","started":"2026-06-01T12:00:00Z"`
	gone, broken := &rest.StatusError{Code: http.StatusBadRequest}, &rest.StatusError{Code: http.StatusBadGateway}
	patience := &collectors.RetryAfterError{After: time.Second, Err: gone}
	for name, tt := range map[string]struct {
		list     listing.List
		from, to string
		want     error
	}{
		"one page":               {pages(1, "", nil), "", whole, nil},
		"as many as a poll":      {pages(10, "", nil), "", whole, nil},
		"one more":               {pages(11, "", nil), "", begun + `,"after":"11"}`, collectors.ErrMore},
		"the rest of it":         {pages(11, "", nil), begun + `,"after":"11"}`, whole, nil},
		"broken inside":          {pages(3, "3", broken), "", begun + `,"after":"3"}`, broken},
		"broken at the first":    {pages(3, "", gone), "", begun + `}`, gone},
		"forgotten inside":       {pages(3, "2", gone), "", `{"since":"2026-05-31T12:00:00Z"}`, gone},
		"patience is no failure": {pages(3, "2", patience), "", begun + `,"after":"2"}`, patience},
	} {
		to, err := tt.list.Poll(t.Context(), collectors.Cursor(tt.from), nil)
		if d := cmp.Diff(tt.to, string(to)); d != "" {
			t.Errorf("%s: cursor (-want +got):\n%s", name, d)
		}
		if !errors.Is(err, tt.want) || (err != nil && !errors.Is(err, collectors.ErrMore) && !strings.HasPrefix(err.Error(), "asking There: ")) {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
	}
	if to, err := pages(1, "", nil).Poll(t.Context(), collectors.Cursor("{"), nil); to != nil || err == nil || !strings.Contains(err.Error(), "cursor of there") {
		t.Errorf("a damaged cursor gives %s, %v", to, err)
	}
}

func TestEmit(t *testing.T) {
	t.Parallel()
	var got []schema.Event
	keep := func(_ context.Context, events ...schema.Event) error { got = append(got, events...); return nil }
	if err := listing.Emit(t.Context(), keep, "there", "there.listed", "issue", now, nil); err != nil || got != nil {
		t.Errorf("nothing becomes %+v, %v", got, err)
	}
	objects := []json.RawMessage{json.RawMessage(`{"id":"7"}`), json.RawMessage(`{"id":7}`)}
	if err := listing.Emit(t.Context(), keep, "there", "there.listed", "issue", now, objects); err != nil {
		t.Fatal(err)
	}
	want := []schema.Event{
		{ID: schema.EventID("issue", "7", `{"id":"7"}`), Source: "there", Type: "there.listed", Subject: "7", Key: "7", Time: now, Data: objects[0]},
		{ID: schema.EventID("issue", "", `{"id":7}`), Source: "there", Type: "there.listed", Time: now, Data: objects[1]},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	lost := errors.New("lost")
	if err := listing.Emit(t.Context(), func(context.Context, ...schema.Event) error { return lost }, "there", "there.listed", "issue", now, objects); !errors.Is(err, lost) {
		t.Errorf("error %v", err)
	}
}

package metrics

import (
	"testing"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// TestCalendar: days, weeks and months are cut in the reporting zone, whatever
// the clocks do.
func TestCalendar(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.insert(t, schema.ReleaseTable, []schema.Release{
		// The day on which Berlin's clocks go forward has 23 hours, from 23:00 UTC to 22:00 UTC.
		release("s", "t", "before", "2025-03-29T22:59:59Z"),
		release("s", "t", "first", "2025-03-29T23:00:00Z"),
		release("s", "t", "last", "2025-03-30T21:59:59Z"),
		release("s", "t", "after", "2025-03-30T22:00:00Z"),
		// The week of new year begins on Monday 29 December 2025.
		release("s", "t", "monday", "2025-12-28T23:00:00Z"),
		release("s", "t", "new year", "2026-01-04T22:59:59Z"),
		release("s", "t", "next week", "2026-01-04T23:00:00Z"),
		// A 29 February.
		release("s", "t", "leap", "2024-02-29T12:00:00Z"),
		release("s", "t", "march", "2024-02-29T23:00:00Z"),
	})
	type bucket struct {
		from, to string
		n        uint64
		days     float64
	}
	for _, tt := range []struct {
		name     string
		from, to string
		every    Every
		want     []bucket
	}{
		{"clocks go forward", "2025-03-29T23:00:00Z", "2025-03-31T22:00:00Z", Day, []bucket{
			{"2025-03-30T00:00:00+01:00", "2025-03-31T00:00:00+02:00", 2, 1},
			{"2025-03-31T00:00:00+02:00", "2025-04-01T00:00:00+02:00", 1, 1},
		}},
		{"clocks go back", "2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z", Day, []bucket{
			{"2025-10-26T00:00:00+02:00", "2025-10-27T00:00:00+01:00", 0, 1},
		}},
		{"a week over new year", "2025-12-28T23:00:00Z", "2026-01-11T23:00:00Z", Week, []bucket{
			{"2025-12-29T00:00:00+01:00", "2026-01-05T00:00:00+01:00", 2, 7},
			{"2026-01-05T00:00:00+01:00", "2026-01-12T00:00:00+01:00", 1, 7},
		}},
		{"a leap year's February", "2024-01-31T23:00:00Z", "2024-03-31T22:00:00Z", Month, []bucket{
			{"2024-02-01T00:00:00+01:00", "2024-03-01T00:00:00+01:00", 1, 29},
			{"2024-03-01T00:00:00+01:00", "2024-04-01T00:00:00+02:00", 1, 31},
		}},
		{"29 February", "2024-02-28T23:00:00Z", "2024-02-29T23:00:00Z", Day, []bucket{
			{"2024-02-29T00:00:00+01:00", "2024-03-01T00:00:00+01:00", 1, 1},
		}},
		{"cut at the window, half open", "2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z", Total, []bucket{
			{"2025-03-30T00:00:00+01:00", "2025-03-31T00:00:00+02:00", 2, 1},
		}},
		{"cut inside buckets", "2025-03-30T10:00:00Z", "2025-04-01T10:00:00Z", Week, []bucket{
			{"2025-03-30T12:00:00+02:00", "2025-03-31T00:00:00+02:00", 1, 1},
			{"2025-03-31T00:00:00+02:00", "2025-04-01T12:00:00+02:00", 1, 2},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			points := w.get(t, Request{Metric: "deployment_frequency", Every: tt.every, From: at(tt.from), To: at(tt.to), Zone: "Europe/Berlin"})
			if len(points) != len(tt.want) {
				t.Fatalf("%d buckets, want %d: %+v", len(points), len(tt.want), points)
			}
			for i, p := range points {
				got := bucket{p.From.Format(time.RFC3339), p.To.Format(time.RFC3339), p.N, *p.Denominator}
				if got != tt.want[i] {
					t.Errorf("bucket %d is %+v, want %+v", i, got, tt.want[i])
				}
			}
		})
	}
}

// TestZoneSetting: without a zone of its own a request is cut in the configured one.
func TestZoneSetting(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	r := Request{Metric: "deployment_frequency", Every: Day, From: at("2026-06-01T00:00:00Z"), To: at("2026-06-02T00:00:00Z")}
	if points := w.get(t, r); len(points) != 1 {
		t.Errorf("UTC without a setting: %+v", points)
	}
	w.insert(t, "settings", []struct {
		Key     string `ch:"key"`
		Value   string `ch:"value"`
		Version uint64 `ch:"version"`
	}{{"timezone", "Asia/Kolkata", 1}, {"timezone", "Europe/Berlin", 2}})
	res, err := w.engine.Get(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Points) != 2 || res.Zone != "Europe/Berlin" || res.Points[0].From.Format(time.RFC3339) != "2026-06-01T02:00:00+02:00" {
		t.Errorf("%s: %+v", res.Zone, res.Points)
	}
	// Dashboards leave the zone to the query.
	m, _ := ByID("deployment_frequency")
	_, rows, err := w.Reader.Query(t.Context(), m.PointsSQL(Slice{From: "'2026-06-01 00:00:00'", To: "'2026-06-02 00:00:00'", Every: Day}), nil)
	if err != nil || len(rows) != 2 {
		t.Errorf("%d rows, error %v", len(rows), err)
	}
}

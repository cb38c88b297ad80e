package derive_test

import (
	"testing"

	"github.com/headway-metrics/headway/schema"
)

func TestIncidentsAreFoldedFromUpdates(t *testing.T) {
	t.Parallel()
	const (
		triggered, resolved = schema.IncidentTriggered, schema.IncidentResolved
		reopened, deleted   = schema.IncidentReopened, schema.IncidentDeleted
	)
	type update struct{ kind, at string }
	for name, c := range map[string]struct {
		updates           []update
		started, resolved string
		reopened          uint32
		excluded          string
	}{
		"open":                             {[]update{{triggered, "10:00"}}, "10:00", "", 0, ""},
		"resolved":                         {[]update{{triggered, "10:00"}, {schema.IncidentAcknowledged, "10:05"}, {resolved, "11:00"}}, "10:00", "11:00", 0, ""},
		"resolved twice":                   {[]update{{triggered, "10:00"}, {resolved, "11:00"}, {resolved, "12:00"}}, "10:00", "12:00", 0, ""},
		"reopened":                         {[]update{{triggered, "10:00"}, {resolved, "11:00"}, {reopened, "12:00"}}, "10:00", "", 1, ""},
		"reopened and resolved":            {[]update{{triggered, "10:00"}, {resolved, "11:00"}, {reopened, "12:00"}, {resolved, "13:00"}}, "10:00", "13:00", 1, ""},
		"out of order":                     {[]update{{resolved, "13:00"}, {reopened, "12:00"}, {resolved, "11:00"}, {triggered, "10:00"}}, "10:00", "13:00", 1, ""},
		"noticed before it was triggered":  {[]update{{schema.IncidentUpdated, "09:00"}, {triggered, "10:00"}}, "10:00", "", 0, ""},
		"never seen to be triggered":       {[]update{{schema.IncidentAcknowledged, "10:00"}, {resolved, "11:00"}}, "10:00", "11:00", 0, ""},
		"resolved before it was triggered": {[]update{{resolved, "09:00"}, {triggered, "10:00"}}, "10:00", "09:00", 0, schema.ExcludedNegative},
		"withdrawn":                        {[]update{{triggered, "10:00"}, {deleted, "11:00"}}, "", "", 0, ""},
		"withdrawn and brought back":       {[]update{{triggered, "10:00"}, {deleted, "11:00"}, {reopened, "12:00"}}, "10:00", "", 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, u := range c.updates {
				w.incident("i1", u.kind, u.at)
			}
			out := w.derive()
			if c.started == "" {
				if len(out.Incidents) != 0 {
					t.Errorf("%+v", out.Incidents)
				}
				return
			}
			i := out.Incidents[0]
			if !i.StartedAt.Equal(at(t, c.started)) || (i.ResolvedAt == nil) != (c.resolved == "") || i.Reopened != c.reopened || i.Excluded != c.excluded {
				t.Errorf("%+v", i)
			}
			if c.resolved != "" && !i.ResolvedAt.Equal(at(t, c.resolved)) {
				t.Errorf("resolved %v", i.ResolvedAt)
			}
		})
	}
}

func TestWhatAnUpdateLeavesOutStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.incident("i1", schema.IncidentTriggered, "10:00")
	u.Title, u.Severity, u.URL, u.Source = "checkout is down", "sev2", "https://pager.example/1", "pagerduty"
	began := at(t, "09:30")
	w.incident("i1", schema.IncidentUpdated, "10:10").StartedAt = &began
	w.incident("i1", schema.IncidentUpdated, "10:20").Severity = "sev1"
	i := w.derive().Incidents[0]
	if i.Title != "checkout is down" || i.Severity != "sev1" || i.URL != "https://pager.example/1" || i.Source != "pagerduty" || !i.StartedAt.Equal(began) || i.ServiceID != service {
		t.Errorf("%+v", i)
	}
}

func TestAbsurdIncidentsAreFlagged(t *testing.T) {
	t.Parallel()
	w := broken(t)
	w.incident("i1", schema.IncidentTriggered, "10:30").At = schema.MinTime
	w.incident("i2", schema.IncidentTriggered, "10:30")
	w.incident("i2", schema.IncidentResolved, "10:40").At = day.AddDate(5, 0, 0)
	out := w.derive()
	for _, i := range out.Incidents {
		if i.Excluded != schema.ExcludedAbsurd || i.ReleaseID != "" {
			t.Errorf("%+v", i)
		}
	}
}

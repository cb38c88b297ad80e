package announce

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// metricContent says that rows of a metric changed.
type metricContent struct {
	Metric string `json:"metric"`
	// Version of the metric's definition.
	Version int    `json:"version"`
	Service string `json:"service"`
	// Teams that owned the service when the rows happened.
	Teams []string `json:"teams"`
	// Days, in UTC, on which rows that changed lie: the buckets to ask for anew.
	Days []string `json:"days"`
	// Rows that are new or changed, and Withdrawn rows that no longer follow, of which
	// the day is not known.
	Rows      int `json:"rows"`
	Withdrawn int `json:"withdrawn,omitempty"`
}

// touched is what changed of one derived table for one service.
type touched struct {
	teams, days     map[string]bool
	rows, withdrawn int
	// newest is when the rows were derived.
	newest uint64
	// prints tell one change from another.
	prints []string
}

// metrics makes an event for each metric and service of which rows changed.
func (a *Announcer) metrics(rows derive.Output) []cdevent {
	by := map[string]map[string]*touched{}
	touch := func(table, id string, m schema.DerivedMeta, at ...*time.Time) {
		if by[table] == nil {
			by[table] = map[string]*touched{}
		}
		t := by[table][m.ServiceID]
		if t == nil {
			t = &touched{teams: map[string]bool{}, days: map[string]bool{}}
			by[table][m.ServiceID] = t
		}
		t.newest = max(t.newest, m.Version)
		t.prints = append(t.prints, fmt.Sprintf("%s %d %x", id, m.Deleted, m.Content))
		if m.Deleted == 1 {
			t.withdrawn++
			return
		}
		t.rows++
		if m.TeamID != "" {
			t.teams[m.TeamID] = true
		}
		for _, day := range at {
			if day != nil {
				t.days[day.UTC().Format(time.DateOnly)] = true
			}
		}
	}
	for i := range rows.Releases {
		r := &rows.Releases[i]
		touch(schema.ReleaseTable, r.ReleaseID, r.DerivedMeta, &r.FinishedAt)
	}
	for i := range rows.Changes {
		c := &rows.Changes[i]
		touch(schema.ChangeDeployedTable, c.ChangeID, c.DerivedMeta, &c.DeployedAt)
	}
	for i := range rows.Incidents {
		n := &rows.Incidents[i]
		touch(schema.IncidentTable, n.IncidentID, n.DerivedMeta, &n.StartedAt, n.ResolvedAt)
	}
	var out []cdevent
	for _, table := range slices.Sorted(maps.Keys(by)) {
		for _, service := range slices.Sorted(maps.Keys(by[table])) {
			t := by[table][service]
			slices.Sort(t.prints)
			for _, m := range a.of[table] {
				// A row's version is the warehouse's clock in milliseconds.
				at := time.UnixMilli(int64(t.newest)) //nolint:gosec // A time of this era.
				e := newEvent(typeMetric, m.ID+"/"+service, at, schema.DerivedMeta{ServiceID: service}, metricContent{
					Metric: m.ID, Version: m.Version, Service: service, Teams: sorted(t.teams), Days: sorted(t.days), Rows: t.rows, Withdrawn: t.withdrawn,
				})
				e.key = append([]string{table, service, m.ID}, t.prints...)
				out = append(out, e)
			}
		}
	}
	return out
}

// sorted lists a set; none is an empty list, not null.
func sorted(set map[string]bool) []string {
	return slices.AppendSeq([]string{}, slices.Values(slices.Sorted(maps.Keys(set))))
}

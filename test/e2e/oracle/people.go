package oracle

import (
	"slices"
	"time"

	"github.com/headway-metrics/headway/internal/sample"
)

// groups are the sizes of the teams of a time, those of few people together, and
// nothing when those are few too.
func groups[T any](teams map[string][]T) map[string][]T {
	out := map[string][]T{}
	unnamed := hide(teams)
	for team, people := range teams {
		if slices.Contains(unnamed, team) {
			team = hidden
		}
		out[team] = append(out[team], people...)
	}
	if len(out[hidden]) < fewest {
		delete(out, hidden)
	}
	return out
}

// visitors are the people of each week, of whom the portal tells by their pages
// and by the runs that were completed in it.
func (o *Oracle) visitors(from, to time.Time) []row {
	weeks := map[time.Time]map[string][]string{}
	see := func(team, person string, at time.Time) {
		monday := at.Truncate(24 * time.Hour)
		for monday.Weekday() != time.Monday {
			monday = monday.AddDate(0, 0, -1)
		}
		if weeks[monday] == nil {
			weeks[monday] = map[string][]string{}
		}
		if !slices.Contains(weeks[monday][team], person) {
			weeks[monday][team] = append(weeks[monday][team], person)
		}
	}
	for _, u := range o.history.Uses {
		see(u.Team, u.Actor, u.At)
	}
	for _, r := range o.history.Requests {
		if !r.ByCommand && r.Status == "completed" {
			see(r.Team, r.Actor, r.CompletedAt)
		}
	}
	var out []row
	for monday, teams := range weeks {
		if !within(monday, from, to) {
			continue
		}
		for team, people := range groups(teams) {
			out = append(out, row{at: monday, dims: map[string]string{"team": team}, num: float64(len(people))})
		}
	}
	return out
}

// newcomers are those of each quarter and team with the time to their nth merged
// request, or 90 days.
func (o *Oracle) newcomers(nth int) func(from, to time.Time) []row {
	return func(from, to time.Time) []row {
		quarters := map[time.Time]map[string][]float64{}
		for _, p := range o.history.Newcomers {
			month := time.Month(3*((int(p.Joined.Month())-1)/3) + 1)
			begins := time.Date(p.Joined.Year(), month, 1, 0, 0, 0, 0, time.UTC)
			if quarters[begins] == nil {
				quarters[begins] = map[string][]float64{}
			}
			quarters[begins][p.Team] = append(quarters[begins][p.Team], o.settling(p, nth))
		}
		var out []row
		for begins, teams := range quarters {
			if !within(begins, from, to) {
				continue
			}
			for team, times := range groups(teams) {
				line := row{at: begins, dims: map[string]string{"team": team}, den: float64(len(times))}
				for _, t := range times {
					line.num += t
				}
				out = append(out, line)
			}
		}
		return out
	}
}

// settling is the time from joining to the nth merge, in seconds.
func (o *Oracle) settling(p sample.Person, nth int) float64 {
	var merged []time.Time
	for _, r := range o.history.Repos {
		for _, pull := range r.Pulls {
			if pull.Author == p.Login && !pull.MergedAt.IsZero() {
				merged = append(merged, pull.MergedAt)
			}
		}
	}
	slices.SortFunc(merged, time.Time.Compare)
	longest := (90 * 24 * time.Hour).Seconds()
	if len(merged) < nth {
		return longest
	}
	return min(merged[nth-1].Sub(p.Joined).Seconds(), longest)
}

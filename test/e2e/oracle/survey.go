package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/headway-metrics/headway/internal/sample"
)

// fewest is how many answers a group needs to be shown.
const fewest = 5

// survey are the metrics of the questions with a score.
func (o *Oracle) survey() []metric {
	split := []string{"question", "question_version"}
	nps := func(a sample.Answer) float64 {
		switch {
		case a.NPS >= 9:
			return 1
		case a.NPS <= 6:
			return -1
		}
		return 0
	}
	satisfied := func(a sample.Answer) float64 { return truth(a.Satisfaction >= 4) }
	working := func(a sample.Answer) float64 { return nps(sample.Answer{NPS: a.Work}) }
	portal := func(a sample.Answer) float64 { return truth(a.Portal >= 4) }
	ease := func(a sample.Answer) float64 { return float64(a.Ease) }
	infrastructure := func(a sample.Answer) float64 { return a.Infrastructure }
	return []metric{
		{id: "infrastructure_time", aggregation: ratio, dims: []string{"team", "wave"}, always: split, rows: o.answers("infrastructure", infrastructure)},
		{id: "platform_nps", aggregation: score, dims: []string{"team", "wave"}, always: split, rows: o.answers("recommend", nps)},
		{id: "developer_satisfaction", aggregation: ratio, dims: []string{"team", "wave"}, always: split, rows: o.answers("satisfaction", satisfied)},
		{id: "portal_satisfaction", aggregation: ratio, dims: []string{"team", "wave"}, always: split, rows: o.answers("portal", portal)},
		{id: "ease_of_use", aggregation: ratio, dims: []string{"team", "wave"}, always: split, rows: o.answers("ease", ease)},
		{id: "employee_nps", aggregation: score, dims: []string{"team", "wave"}, always: split, rows: o.answers("work", working)},
	}
}

// quarter is the wave of a time, and the Monday on which it stands: the first of
// the quarter.
func quarter(at time.Time) (name string, monday time.Time) {
	n := (int(at.Month()) - 1) / 3
	monday = time.Date(at.Year(), time.Month(3*n+1), 1, 0, 0, 0, 0, time.UTC)
	for monday.Weekday() != time.Monday {
		monday = monday.AddDate(0, 0, 1)
	}
	return fmt.Sprintf("%d-Q%d", at.Year(), n+1), monday
}

// answers to a question by wave, the teams with few of them together.
func (o *Oracle) answers(question string, value func(sample.Answer) float64) func(from, to time.Time) []row {
	return func(from, to time.Time) []row {
		waves := map[string]map[string][]sample.Answer{}
		begins := map[string]time.Time{}
		for _, a := range o.history.Answers {
			name, monday := quarter(a.At)
			if waves[name] == nil {
				waves[name] = map[string][]sample.Answer{}
			}
			waves[name][a.Team] = append(waves[name][a.Team], a)
			begins[name] = monday
		}
		var out []row
		for name, teams := range waves {
			if !within(begins[name], from, to) {
				continue
			}
			unnamed := hide(teams)
			for team, answers := range teams {
				if slices.Contains(unnamed, team) {
					team = hidden
				}
				for _, a := range answers {
					dims := map[string]string{"team": team, "wave": name, "question": question, "question_version": "1"}
					out = append(out, row{at: begins[name], dims: dims, num: value(a), den: 1})
				}
			}
		}
		return out
	}
}

// hide chooses the teams whose answers are shown together: those with few, and
// where one or few answers would show by subtraction the next smallest too.
func hide[T any](teams map[string][]T) []string {
	var names []string
	for t := range teams {
		names = append(names, t)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(teams[a]), len(teams[b])), cmp.Compare(a, b))
	})
	var out []string
	if len(teams[names[0]]) < fewest {
		total := 0
		for _, t := range names {
			if len(teams[t]) >= fewest && len(out) >= 2 && total >= fewest {
				break
			}
			out = append(out, t)
			total += len(teams[t])
		}
	}
	if _, nameless := teams[""]; nameless && !slices.Contains(out, "") {
		out = append(out, "")
	}
	return out
}

package metrics

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Report is an explanation with the number that it explains, for people to read.
type Report struct {
	Metric Metric
	// From and To bound the window, and Filters say what of it was asked for.
	From, To time.Time
	Zone     *time.Location
	Filters  map[Dimension][]string
	// Result has the points of the whole window; one, unless the metric is always
	// split.
	Result      Result
	Explanation Explanation
}

// Report explains a request as Explain does, with the number itself.
func (e *Engine) Report(ctx context.Context, r Request, limit int) (Report, error) {
	// Both questions are about the same window.
	if r.To.IsZero() {
		r.To = e.now()
	}
	if r.From.IsZero() {
		r.From = r.To.Add(-DefaultWindow)
	}
	x, err := e.Explain(ctx, r, limit)
	if err != nil {
		return Report{}, err
	}
	whole := r
	whole.By, whole.Every, whole.Benchmark = nil, Total, BenchmarkOff
	points, err := e.Get(ctx, whole)
	if err != nil {
		return Report{}, err
	}
	zone, err := e.Location(ctx, points.Zone)
	if err != nil {
		return Report{}, err
	}
	m, _ := ByID(x.Metric)
	return Report{Metric: m, From: r.From.In(zone), To: r.To.In(zone), Zone: zone, Filters: r.Filters, Result: points, Explanation: x}, nil
}

// Line is one number of a report in words: what of, and the number.
type Line struct{ Of, Value, Note string }

// Numbers are the report's points in words.
func (r Report) Numbers() []Line {
	out := make([]Line, 0, len(r.Result.Points))
	for _, p := range r.Result.Points {
		var of, notes []string
		if r.Metric.Aggregation == Median {
			notes = append(notes, "median")
		}
		for _, d := range r.Result.dims {
			of = append(of, strings.ReplaceAll(string(d), "_", " ")+" "+p.Dims[string(d)])
		}
		value := "no data"
		if p.Value != nil {
			value = r.Metric.Unit.people(*p.Value)
		}
		if p.P90 != nil {
			notes = append(notes, "90th percentile "+r.Metric.Unit.people(*p.P90))
		}
		if p.Interval != nil {
			notes = append(notes, fmt.Sprintf("95 %% interval %s to %s", r.Metric.Unit.people(p.Interval.Low), r.Metric.Unit.people(p.Interval.High)))
		}
		if p.Numerator != nil && p.Denominator != nil && (r.Metric.Aggregation == Ratio || r.Metric.Aggregation == PerHundred) {
			notes = append(notes, fmt.Sprintf("%s of %s", Unit("").Format(*p.Numerator), Unit("").Format(*p.Denominator)))
		} else {
			notes = append(notes, "n "+strconv.FormatUint(p.N, 10))
		}
		if p.Censored > 0 {
			notes = append(notes, fmt.Sprintf("%d still open beside", p.Censored))
		}
		if p.Provisional {
			notes = append(notes, "provisional")
		}
		out = append(out, Line{strings.Join(of, ", "), value, strings.Join(notes, "; ")})
	}
	return out
}

// people is Format with the unit where the number alone does not say it.
func (u Unit) people(x float64) string {
	switch u {
	case UnitPerDay:
		return u.Format(x) + " per day"
	case UnitPerHundred:
		return u.Format(x) + " per 100 workloads"
	case UnitPerMonth:
		return u.Format(x) + " per month"
	default:
		return u.Format(x)
	}
}

// Asked says in words what of the window was asked for, "" for everything.
func (r Report) Asked() string {
	var out []string
	for _, d := range r.Metric.Dimensions {
		if values := r.Filters[d]; len(values) > 0 {
			out = append(out, strings.ReplaceAll(string(d), "_", " ")+" "+strings.Join(values, ", "))
		}
	}
	return strings.Join(out, "; ")
}

// Window is the report's window in words.
func (r Report) Window() string {
	return fmt.Sprintf("%s to %s, %s", moment(r.From, true), moment(r.To, true), r.Zone)
}

// Entry is a row of a report in words.
type Entry struct {
	At, Value, What, Whose, Why, URL string
}

// Left are the rows that do not count for one reason.
type Left struct {
	Reason string
	Rows   []Entry
}

// Counted are the rows that the number is made of, the latest first.
func (r Report) Counted() []Entry {
	out := make([]Entry, 0, len(r.Explanation.Counted))
	for _, row := range r.Explanation.Counted {
		out = append(out, r.entry(row))
	}
	return out
}

// Excluded are the rows that do not count, by reason, the most frequent first.
func (r Report) Excluded() []Left {
	var out []Left
	for _, row := range r.Explanation.Excluded {
		reason := strings.ReplaceAll(row.Excluded, "_", " ")
		i := slices.IndexFunc(out, func(l Left) bool { return l.Reason == reason })
		if i < 0 {
			i = len(out)
			out = append(out, Left{Reason: reason})
		}
		out[i].Rows = append(out[i].Rows, r.entry(row))
	}
	slices.SortStableFunc(out, func(a, b Left) int { return cmp.Compare(len(b.Rows), len(a.Rows)) })
	return out
}

// shortIDs cuts the ids of commits to what people compare.
func shortIDs(s string) string {
	return regexp.MustCompile(`\b[0-9a-f]{40}\b`).ReplaceAllStringFunc(s, func(id string) string { return id[:12] })
}

func (r Report) entry(row Row) Entry {
	e := Entry{At: moment(row.At, true), What: shortIDs(cmp.Or(row.Title, row.Subject)), URL: row.URL}
	if row.URL == "" && row.Title != "" && !strings.Contains(row.Subject, row.Title) && !strings.Contains(row.Title, row.Subject) {
		e.What += " (" + shortIDs(row.Subject) + ")"
	}
	var whose []string
	for _, d := range r.Metric.Dimensions {
		// The repository is in the link, and what alone was asked for is above.
		if v := row.Dims[string(d)]; d != Repo && len(r.Filters[d]) != 1 && v != "" && v != None && !slices.Contains(whose, v) {
			whose = append(whose, v)
		}
	}
	e.Whose = strings.Join(whose, ", ")
	var why []string
	for _, s := range []string{strings.ReplaceAll(row.Rule, "_", " "), row.Evidence} {
		if s != "" {
			why = append(why, s)
		}
	}
	e.Why = shortIDs(strings.Join(why, ": "))
	switch {
	case row.Censored:
		e.Value = "still open"
	case row.Value != nil:
		e.Value = r.Metric.Unit.Format(*row.Value)
	case row.Numerator != nil && row.Denominator != nil && r.Metric.Aggregation == Ratio && *row.Denominator == 1:
		e.Value = map[bool]string{true: "yes", false: "no"}[*row.Numerator > 0]
	case row.Numerator != nil && row.Denominator != nil && r.Metric.countsOnly():
		e.Value = fmt.Sprintf("%s of %s", Unit("").Format(*row.Numerator), Unit("").Format(*row.Denominator))
	case row.Numerator != nil:
		e.Value = Unit("").Format(*row.Numerator)
	}
	if row.Excluded != "" && row.Value == nil {
		e.Value = "" // What it would add is not counted.
	}
	return e
}

// table makes a report an answer; people get its text, see WriteText.
func (r Report) table(people bool) ([]string, [][]string) { return r.Explanation.table(people) }

package metrics

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// MaxExplainRows is the most rows that one explanation lists.
const MaxExplainRows = 10_000

// Explanation is what a number rests on: the rows that it aggregates, and those
// that it does not, with the reason.
type Explanation struct {
	Metric     string `json:"metric"`
	Version    int    `json:"version"`
	Unit       Unit   `json:"unit"`
	Definition string `json:"definition"`
	// Counted and Excluded, the latest first.
	Counted  []Row `json:"counted"`
	Excluded []Row `json:"excluded"`
	// Truncated is true when there are more rows than were asked for.
	Truncated bool `json:"truncated"`

	dims []Dimension
}

// Row is one contributing row.
type Row struct {
	At          time.Time         `json:"at"`
	Dims        map[string]string `json:"dims"`
	Value       *float64          `json:"value"`
	Numerator   *float64          `json:"numerator"`
	Denominator *float64          `json:"denominator"`
	// Censored rows are open intervals: counted beside the median.
	Censored bool `json:"censored"`
	// Subject is the id of what the row is about.
	Subject string `json:"subject"`
	Title   string `json:"title"`
	URL     string `json:"url"`
	// Rule and Evidence say why the row is what it is.
	Rule     string `json:"rule"`
	Evidence string `json:"evidence"`
	// Excluded is why the row does not count, or "".
	Excluded string `json:"excluded"`
}

// Explain returns the rows behind the points of a request, at most limit of
// them; 0 is MaxExplainRows.
func (e *Engine) Explain(ctx context.Context, r Request, limit int) (Explanation, error) {
	if limit < 0 || limit > MaxExplainRows {
		return Explanation{}, &RequestError{"limit", fmt.Sprintf("%d is not between 1 and %d", limit, MaxExplainRows), nil}
	}
	if r.Benchmark != "" {
		return Explanation{}, &RequestError{"benchmark", "rows are not held against a benchmark, only points", nil}
	}
	if limit == 0 {
		limit = MaxExplainRows
	}
	q, err := e.resolve(ctx, r)
	if err != nil {
		return Explanation{}, err
	}
	m := q.metric
	cols, rows, err := e.querier.Query(ctx, fmt.Sprintf("%s\nLIMIT %d", m.RowsSQL(q.slice), limit+1), q.args)
	if err != nil {
		return Explanation{}, fmt.Errorf("explaining %s: %w", m.ID, err)
	}
	out := Explanation{
		Metric: m.ID, Version: m.Version, Unit: m.Unit, Definition: m.Definition,
		Counted: []Row{}, Excluded: []Row{}, Truncated: len(rows) > limit, dims: slices.Clone(m.Dimensions),
	}
	for _, raw := range rows[:min(len(rows), limit)] {
		row, err := explained(scan(cols, raw), m.Dimensions, q.zone)
		if err != nil {
			return Explanation{}, fmt.Errorf("reading a row of %s: %w", m.ID, err)
		}
		if row.Excluded == "" {
			out.Counted = append(out.Counted, row)
		} else {
			out.Excluded = append(out.Excluded, row)
		}
	}
	return out, nil
}

func explained(r record, dims []Dimension, zone *time.Location) (Row, error) {
	row := Row{
		At: r.time("at").In(zone), Dims: make(map[string]string, len(dims)),
		Value: r.number("value"), Numerator: r.number("numerator"), Denominator: r.number("denominator"),
		Censored: r.count("censored") == 1, Subject: r.text("subject"), Title: r.text("title"), URL: r.text("url"),
		Rule: r.text("rule"), Evidence: r.text("evidence"), Excluded: r.text("excluded"),
	}
	for _, d := range dims {
		row.Dims[string(d)] = r.text(string(d))
	}
	return row, r.err()
}

// Package verify runs every query of every dashboard, as Grafana would, and
// names what Grafana would only show as an empty or broken panel.
//
// It judges the generated JSON. It knows no metric and no table.
package verify

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/dashboards/live"
	"github.com/headway-metrics/headway/dashboards/macro"
	"github.com/headway-metrics/headway/dashboards/model"
)

// Options of a verification.
type Options struct {
	// Sample is true for the sample organisation, where no query may be empty.
	Sample bool
	// From and To bound the window, as in Grafana's URLs; empty means each
	// dashboard's own.
	From, To string
	// Variables chosen, by name; what is not named takes everything.
	Variables map[string][]string
	// Now is the present, the zero time for the clock's.
	Now time.Time
	// Timeout of one query, 60 s if zero.
	Timeout time.Duration
}

// Result is one query's outcome.
type Result struct {
	Dashboard string        `json:"dashboard"`
	Where     string        `json:"where"`
	RefID     string        `json:"ref_id"`
	Rows      int           `json:"rows"`
	Took      time.Duration `json:"took"`
	// Problems are empty when all is well.
	Problems []string `json:"problems"`
}

// Report has one result per query, and those of the dashboards' references.
type Report struct {
	Results []Result `json:"results"`
}

// Err joins every problem, or is nil.
func (r Report) Err() error {
	var all []error
	for _, res := range r.Results {
		for _, p := range res.Problems {
			all = append(all, fmt.Errorf("%s: %s %s: %s", res.Dashboard, res.Where, res.RefID, p))
		}
	}
	return errors.Join(all...)
}

// maxRows of a query that are read; only whether there are any matters.
const maxRows = 100_000

// Verify runs the queries of the dashboards. The error is about running them at
// all, such as a bad time; problems of queries are in the report.
func Verify(ctx context.Context, q live.Querier, dashboards []model.Dashboard, opts Options) (Report, error) {
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	if opts.Timeout == 0 {
		opts.Timeout = time.Minute
	}
	var uids []string
	for _, d := range dashboards {
		uids = append(uids, d.UID)
	}
	var report Report
	for _, d := range dashboards {
		v := verifier{q: q, d: d, opts: opts, uids: uids}
		if err := v.run(ctx); err != nil {
			return report, fmt.Errorf("verifying dashboard %s: %w", d.UID, err)
		}
		report.Results = append(report.Results, v.results...)
	}
	return report, ctx.Err()
}

type verifier struct {
	q       live.Querier
	d       model.Dashboard
	opts    Options
	uids    []string
	results []Result
}

func (v *verifier) run(ctx context.Context) error {
	r, err := v.window()
	if err != nil {
		return err
	}
	variables := v.variables(ctx, r)
	scope := live.Scope(r, variables)
	for _, p := range v.d.AllPanels() {
		where := fmt.Sprintf("panel %d %q", p.ID, p.Title)
		var columns []string
		for i, t := range p.Targets {
			// What stands beside a panel's first query may be off.
			f := v.query(ctx, where, t, scope, i > 0 || p.FieldConfig.Defaults.NoValue != "")
			for _, c := range f.Columns {
				columns = append(columns, c.Name)
			}
		}
		v.check(where, p, columns, variables)
	}
	for _, a := range v.d.Annotations.List {
		// What is marked on all panels, a change of a definition, is rare.
		f := v.query(ctx, fmt.Sprintf("annotation %q", a.Name), a.Target, scope, a.Filter == nil)
		v.need(fmt.Sprintf("annotation %q", a.Name), f, "time", "text")
	}
	return nil
}

func (v *verifier) window() (live.Range, error) {
	from, to := v.opts.From, v.opts.To
	if from == "" || to == "" {
		from, to = v.d.Time.From, v.d.Time.To
	}
	start, err := macro.ParseTime(from, v.opts.Now)
	if err != nil {
		return live.Range{}, err
	}
	end, err := macro.ParseTime(to, v.opts.Now)
	if err != nil {
		return live.Range{}, err
	}
	return live.Range{From: start, To: end, Interval: end.Sub(start) / 300}, nil
}

// variables resolves the variables one by one, so that each has its own result.
func (v *verifier) variables(ctx context.Context, r live.Range) []live.Resolved {
	var out []live.Resolved
	partial := v.d
	for i, variable := range v.d.Templating.List {
		if variable.Type != "query" {
			continue
		}
		partial.Templating.List = v.d.Templating.List[:i+1]
		start := time.Now()
		qctx, cancel := context.WithTimeout(ctx, v.opts.Timeout)
		resolved, err := live.Variables(qctx, v.q, partial, r, v.opts.Variables)
		cancel()
		res := Result{Dashboard: v.d.UID, Where: fmt.Sprintf("variable %q", variable.Name), Took: time.Since(start)}
		if err != nil {
			res.Problems = append(res.Problems, err.Error())
			out = append(out, live.Resolved{Name: variable.Name, All: true})
		} else {
			last := resolved[len(resolved)-1]
			res.Rows = len(last.Options)
			if v.opts.Sample && res.Rows == 0 {
				res.Problems = append(res.Problems, "no option on the sample organisation")
			}
			out = append(out, last)
		}
		v.results = append(v.results, res)
	}
	return out
}

// query runs one query. mayBeEmpty is true where the panel says in words what
// no data means.
func (v *verifier) query(ctx context.Context, where string, t model.Query, scope macro.Scope, mayBeEmpty bool) live.Frame {
	res := Result{Dashboard: v.d.UID, Where: where, RefID: t.RefID}
	ctx, cancel := context.WithTimeout(ctx, v.opts.Timeout)
	defer cancel()
	start := time.Now()
	f, err := live.Run(ctx, v.q, t, scope, maxRows)
	res.Took, res.Rows = time.Since(start), len(f.Rows)
	switch {
	case err != nil:
		res.Problems = append(res.Problems, err.Error())
	case v.opts.Sample && !mayBeEmpty && empty(f):
		res.Problems = append(res.Problems, "no value on the sample organisation")
	}
	if err == nil && t.Format == 0 {
		res.Problems = append(res.Problems, timeSeriesProblems(f)...)
	}
	v.results = append(v.results, res)
	return f
}

// empty says whether a frame has nothing but times, or no rows.
func empty(f live.Frame) bool {
	for _, row := range f.Rows {
		for i, cell := range row {
			if cell != nil && cell != "" && f.Columns[i].Type != live.ColumnTime {
				return false
			}
		}
	}
	return true
}

// timeSeriesProblems: the datasource joins a time series by its time column,
// and refuses one that is not sorted.
func timeSeriesProblems(f live.Frame) []string {
	if len(f.Columns) == 0 || f.Columns[0].Name != "time" {
		return []string{"a time series has no first column named time"}
	}
	if len(f.Rows) > 0 && f.Columns[0].Type != live.ColumnTime {
		return []string{"the column time holds no times"}
	}
	if !slices.IsSortedFunc(f.Rows, func(a, b []any) int { return int(a[0].(int64) - b[0].(int64)) }) {
		return []string{"rows are not sorted by time"}
	}
	return nil
}

func (v *verifier) need(where string, f live.Frame, names ...string) {
	if len(f.Columns) == 0 {
		return // The query failed, which is reported already.
	}
	for _, name := range names {
		if !slices.ContainsFunc(f.Columns, func(c live.Column) bool { return c.Name == name }) {
			v.problem(where, "no column "+name)
		}
	}
}

func (v *verifier) problem(where, text string) {
	for i := len(v.results) - 1; i >= 0; i-- {
		if v.results[i].Where == where {
			v.results[i].Problems = append(v.results[i].Problems, text)
			return
		}
	}
	v.results = append(v.results, Result{Dashboard: v.d.UID, Where: where, Problems: []string{text}})
}

var (
	dataField = regexp.MustCompile(`\$\{__data\.fields(?:\["([^"]+)"\]|\.(\w+))\}`)
	varRef    = regexp.MustCompile(`\$\{(\w+)(?::\w+)?\}`)
	boardURL  = regexp.MustCompile(`^/d/([\w-]+)`)
)

// check looks at what a panel refers to: columns, variables, dashboards.
func (v *verifier) check(where string, p model.Panel, columns []string, variables []live.Resolved) {
	if p.Title != "" && strings.TrimSpace(p.Description) == "" {
		v.problem(where, "no description")
	}
	if len(p.Targets) > 0 && len(columns) == 0 {
		return // The query failed, which is reported already.
	}
	column := func(name, user string) {
		if !slices.Contains(columns, name) {
			v.problem(where, fmt.Sprintf("%s refers to the column %q, which the query does not have", user, name))
		}
	}
	links := slices.Concat(p.Links, p.FieldConfig.Defaults.Links)
	for _, o := range p.FieldConfig.Overrides {
		if name, ok := o.Matcher.Options.(string); ok && o.Matcher.ID == "byName" {
			column(name, "an override")
		}
		for _, property := range o.Properties {
			found, referred := overrideLinks(property.ID, property.Value)
			links = append(links, found...)
			if referred != "" {
				column(referred, "an override")
			}
		}
	}
	if p.Options.XField != "" {
		column(p.Options.XField, "the x axis")
	}
	known := []string{"__url_time_range", "__all_variables", "datasource"}
	for _, variable := range variables {
		known = append(known, variable.Name)
	}
	for _, l := range links {
		for _, m := range dataField.FindAllStringSubmatch(l.URL, -1) {
			column(m[1]+m[2], "a link")
		}
		for _, m := range varRef.FindAllStringSubmatch(l.URL, -1) {
			if !slices.Contains(known, m[1]) {
				v.problem(where, "a link refers to the unknown variable "+m[1])
			}
		}
		if m := boardURL.FindStringSubmatch(l.URL); m != nil && !slices.Contains(v.uids, m[1]) {
			v.problem(where, "a link opens the unknown dashboard "+m[1])
		}
	}
	for _, m := range varRef.FindAllStringSubmatch(p.Options.Content, -1) {
		if !slices.Contains(known, m[1]) {
			v.problem(where, "the text refers to the unknown variable "+m[1])
		}
	}
}

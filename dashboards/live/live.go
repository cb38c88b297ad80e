// Package live runs the queries of a dashboard model as Grafana would: it
// resolves the variables, expands the macros and reads the rows.
//
// The preview and the verification share it, so that a query that verifies is
// a query that draws. It knows no metric and no table.
package live

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/headway-metrics/headway/dashboards/macro"
	"github.com/headway-metrics/headway/dashboards/model"
)

// Querier runs SQL as a user that can only read.
type Querier interface {
	Query(ctx context.Context, sql string, args map[string]any) (columns []string, rows [][]any, err error)
}

// Range is a dashboard's time range and the interval between points.
type Range struct {
	From, To time.Time
	Interval time.Duration
}

// Option is one choice of a variable.
type Option struct {
	Value string `json:"value"`
	Text  string `json:"text"`
}

// Resolved is a variable with its options and what is chosen.
type Resolved struct {
	Name   string `json:"name"`
	Label  string `json:"label"`
	Hidden bool   `json:"hidden"`
	Multi  bool   `json:"multi"`
	// IncludeAll says that everything can be chosen.
	IncludeAll bool     `json:"include_all"`
	All        bool     `json:"all"`
	Chosen     []string `json:"chosen"`
	Options    []Option `json:"options"`
}

// AllValue is how Grafana's URLs write the choice of everything.
const AllValue = "$__all"

// hideVariable is Grafana's VariableHide for a variable that is not shown.
const hideVariable = 2

// MaxOptions of one variable that are read.
const MaxOptions = 5000

// Variables resolves the query variables of a dashboard in order, each seeing
// those before it. chosen holds values by variable name; what is not among the
// options is dropped, and a variable left without a choice takes all or the
// first option, as Grafana does. Hidden variables cannot be chosen.
func Variables(ctx context.Context, q Querier, d model.Dashboard, r Range, chosen map[string][]string) ([]Resolved, error) {
	var out []Resolved
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		options, err := readOptions(ctx, q, v, Scope(r, out))
		if err != nil {
			return nil, err
		}
		rv := Resolved{Name: v.Name, Label: v.Label, Hidden: v.Hide == hideVariable, Multi: v.Multi, IncludeAll: v.IncludeAll, Options: options}
		for _, o := range options {
			if !rv.Hidden && slices.Contains(chosen[v.Name], o.Value) {
				rv.Chosen = append(rv.Chosen, o.Value)
			}
		}
		switch {
		case v.IncludeAll && (len(rv.Chosen) == 0 || slices.Contains(chosen[v.Name], AllValue)):
			rv.All, rv.Chosen = true, nil
			for _, o := range options {
				rv.Chosen = append(rv.Chosen, o.Value)
			}
		case len(rv.Chosen) == 0 && len(options) > 0:
			rv.Chosen = []string{options[0].Value}
		case !v.Multi && len(rv.Chosen) > 1:
			rv.Chosen = rv.Chosen[:1]
		}
		out = append(out, rv)
	}
	return out, nil
}

// readOptions runs a variable's query: one column is value and text, of two
// the first is the value, as the datasource has it.
func readOptions(ctx context.Context, q Querier, v model.Variable, s macro.Scope) ([]Option, error) {
	f, err := Run(ctx, q, model.Query{RefID: v.Name, RawSQL: v.SQL(), Format: 1}, s, MaxOptions)
	if err != nil {
		return nil, fmt.Errorf("variable %s: %w", v.Name, err)
	}
	var out []Option
	for _, row := range f.Rows {
		o := Option{Value: fmt.Sprint(row[0])}
		o.Text = o.Value
		if len(row) > 1 {
			o.Text = fmt.Sprint(row[1])
		}
		out = append(out, o)
	}
	return out, nil
}

// Scope is what a query of the dashboard is expanded with.
func Scope(r Range, variables []Resolved) macro.Scope {
	s := macro.Scope{From: r.From, To: r.To, Interval: r.Interval, Variables: map[string]macro.Variable{}}
	for _, v := range variables {
		s.Variables[v.Name] = macro.Variable{Values: v.Chosen, All: v.All}
	}
	return s
}

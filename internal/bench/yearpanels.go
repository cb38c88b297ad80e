package bench

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/dashboards"
	"github.com/headway-metrics/headway/dashboards/model"
	"github.com/headway-metrics/headway/dashboards/verify"
)

// Query is one query of a dashboard: a panel's, a variable's or an annotation's.
type Query struct {
	Name string
	// Took is each run's time, sorted.
	Took []time.Duration
	// Problem is why it failed, or "".
	Problem string
}

// Median of the runs.
func (q Query) Median() time.Duration { return q.Took[len(q.Took)/2] }

// panels runs every query of every dashboard over the whole year, with what the
// dashboard chooses by itself, one after the other.
func (y *yearRun) panels(ctx context.Context) error {
	all, err := dashboards.All()
	if err != nil {
		return err
	}
	models := make([]model.Dashboard, 0, len(all))
	for _, d := range all {
		models = append(models, d.Model)
	}
	millis := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	o := verify.Options{From: millis(y.Year.End.AddDate(-1, 0, 0)), To: millis(y.Year.End), Now: y.Year.End}
	for run := range y.Runs + 1 {
		y.OnStep(fmt.Sprintf("Running every query of every dashboard, %d of %d", run+1, y.Runs+1))
		report, err := verify.Verify(ctx, y.read, models, o)
		if err != nil {
			return err
		}
		if run == 0 {
			y.report.Queries = queries(report.Results)
			continue
		}
		for i, r := range report.Results {
			q := &y.report.Queries[i]
			q.Took = append(q.Took, r.Took)
			q.Problem = strings.Join(r.Problems, "; ")
		}
	}
	for i := range y.report.Queries {
		slices.Sort(y.report.Queries[i].Took)
	}
	// Results without a time are problems of the dashboards' references.
	y.report.Queries = slices.DeleteFunc(y.report.Queries, func(q Query) bool { return q.Took[len(q.Took)-1] == 0 })
	return nil
}

func queries(results []verify.Result) []Query {
	out := make([]Query, len(results))
	for i, r := range results {
		out[i].Name = strings.TrimPrefix(r.Dashboard, "headway-") + ": " + strings.TrimSpace(r.Where+" "+r.RefID)
	}
	return out
}

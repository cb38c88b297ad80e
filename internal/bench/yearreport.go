package bench

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/headway-metrics/headway/internal/bench/year"
)

// YearReport is what was measured of a year; what was not measured is zero.
type YearReport struct {
	Year                                  year.Options
	Cores                                 int
	Loaded                                []year.Loaded
	Loading, Merging, Deriving, Resolving time.Duration
	LoadMemory, DeriveMemory              Memory
	Sizes                                 []Size
	Derived                               []Derived
	Services                              uint64
	// DeployedShare is the share of merged requests that a release deployed.
	DeployedShare float64
	Queries       []Query
	Late          *Late
}

// Limits that the measurements are compared with.
const (
	limitDeriving = 60 * time.Second
	limitP95      = 300 * time.Millisecond
	limitWorst    = time.Second
	limitLate     = 5 * time.Second
)

// slowest is how many queries are named.
const slowest = 10

func (r *YearReport) describe(o year.Options) { r.Year, r.Cores = o, runtime.NumCPU() }

// Write prints the report as a table.
func (r YearReport) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", what, fmt.Sprintf(format, args...)) }
	row("machine", "%d cores, %s/%s, %s", r.Cores, runtime.GOOS, runtime.GOARCH, processor())
	row("year", "scale %g, seed %d, until %s", r.Year.Scale, r.Year.Seed, r.Year.End.Format(time.DateOnly))
	if r.Loading > 0 {
		r.writeLoad(row)
	}
	if r.Deriving > 0 {
		row("derive", "%s (%.2f of the limit %s), %.0f services/s", round(r.Deriving), ratio(r.Deriving, limitDeriving), limitDeriving, float64(r.Services)/r.Deriving.Seconds())
		for _, d := range r.Derived {
			row("", "%d rows of %s", d.Rows, d.Table)
		}
		row("", "%s more to say whose every fact is", round(r.Resolving))
		row("", "%.1f %% of merged requests are deployed", 100*r.DeployedShare)
		row("", "%d MB peak of Headway, %d MB of ClickHouse", r.DeriveMemory.Headway>>20, r.DeriveMemory.ClickHouse>>20)
	}
	if len(r.Queries) > 0 {
		r.writeQueries(row)
	}
	if l := r.Late; l != nil {
		row("late event", "visible after %s (%.2f of the limit %s)", round(l.Visible), ratio(l.Visible, limitLate), limitLate)
		row("", "derived rows written, by service: %v (it concerns %s)", l.Rewritten, l.Service)
	}
	return t.Flush()
}

func (r YearReport) writeLoad(row func(what, format string, args ...any)) {
	var rows int64
	before := map[string]int64{}
	for _, l := range r.Loaded {
		n := l.Rows - before[l.Table]
		before[l.Table] = l.Rows
		rows += n
		row("load "+l.Table, "%d rows in %s, %.0f rows/s", n, round(l.Took), float64(n)/l.Took.Seconds())
	}
	row("load", "%d rows in %s, %.0f rows/s; merges went on for %s", rows, round(r.Loading), float64(rows)/r.Loading.Seconds(), round(r.Merging))
	var bytes uint64
	for _, s := range r.Sizes {
		bytes += s.Bytes
		if s.Bytes >= 1<<20 {
			row("disk "+s.Table, "%d MB, %d rows, %d parts", s.Bytes>>20, s.Rows, s.Parts)
		}
	}
	row("disk", "%d MB", bytes>>20)
	row("", "%d MB peak of Headway, %d MB of ClickHouse", r.LoadMemory.Headway>>20, r.LoadMemory.ClickHouse>>20)
}

func (r YearReport) writeQueries(row func(what, format string, args ...any)) {
	var all []time.Duration
	failed, slow := 0, 0
	for _, q := range r.Queries {
		all = append(all, q.Took...)
		if q.Problem != "" {
			failed++
		}
		if q.Median() > limitP95 {
			slow++
		}
	}
	p95, worst := quantile(all, 0.95), quantile(all, 1)
	row("panels", "%d queries, %d runs: p50 %s, p95 %s (%.2f of the limit %s), worst %s (%.2f of the limit %s)", len(r.Queries), len(all),
		quantile(all, 0.5), p95, ratio(p95, limitP95), limitP95, worst, ratio(worst, limitWorst), limitWorst)
	row("", "%d queries have a median above %s, %d failed", slow, limitP95, failed)
	named := slices.SortedFunc(slices.Values(r.Queries), func(a, b Query) int { return int(b.Median() - a.Median()) })
	for _, q := range named[:min(slowest, len(named))] {
		row("", "median %s, worst %s  %s %s", round(q.Median()), round(q.Took[len(q.Took)-1]), q.Name, q.Problem)
	}
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

func ratio(d, limit time.Duration) float64 { return d.Seconds() / limit.Seconds() }

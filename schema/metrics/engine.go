package metrics

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Querier runs a SELECT with a read-only user. args are query parameters, all of
// them strings: {"from": "0"} fills {from:Int64}. Values come back as nil for
// NULL, string, float64, int64, uint64, bool or time.Time.
type Querier interface {
	Query(ctx context.Context, sql string, args map[string]any) (columns []string, rows [][]any, err error)
}

// Engine answers questions about metrics.
type Engine struct {
	querier Querier
	now     func() time.Time
	// edition is the default of Request.Benchmark.
	edition string
}

// NewEngine returns an engine that asks q. now is the clock that decides which
// values are provisional; nil is time.Now.
func NewEngine(q Querier, now func() time.Time) *Engine {
	if now == nil {
		now = time.Now
	}
	return &Engine{querier: q, now: now}
}

// WithBenchmark makes an edition the default of points of metrics that it has
// ranges of; "" is none, as without.
func (e *Engine) WithBenchmark(edition string) *Engine {
	return &Engine{querier: e.querier, now: e.now, edition: edition}
}

// Request asks for points of a metric, or for the rows behind them.
type Request struct {
	Metric string
	By     []Dimension
	// Every is the length of a bucket, "" for Total.
	Every Every
	// From and To bound the window [From, To). A zero To is now, a zero From is
	// DefaultWindow before To.
	From, To time.Time
	// Zone is the IANA name of the reporting zone; "" is the configured one.
	Zone string
	// Filters keep the rows whose dimension has one of the values.
	Filters map[Dimension][]string
	// Benchmark is the edition whose ranges points are shown beside, BenchmarkOff
	// for none, "" for the default. An explanation has none.
	Benchmark string
}

// DefaultWindow is how far a request without From looks back.
const DefaultWindow = 90 * 24 * time.Hour

// Result are the points of a metric.
type Result struct {
	Metric  string `json:"metric"`
	Version int    `json:"version"`
	// VersionSince is from when on this version of the definition holds, for all of
	// history; nil when no other was there before.
	VersionSince *time.Time `json:"version_since,omitempty"`
	Unit         Unit       `json:"unit"`
	// Zone is the reporting zone in which the buckets are cut.
	Zone   string  `json:"zone"`
	Points []Point `json:"points"`
	// Benchmark is there when one was asked for.
	Benchmark *Benchmark `json:"benchmark,omitempty"`

	dims []Dimension
}

// Point is the value of a metric in one bucket [From, To) for one group. Numbers
// that there is no data for are nil, never 0 (invariant 4).
type Point struct {
	From time.Time         `json:"from"`
	To   time.Time         `json:"to"`
	Dims map[string]string `json:"dims"`
	// Value in the unit of the metric, and for medians the 90th percentile and
	// the mean.
	Value *float64 `json:"value"`
	P90   *float64 `json:"p90"`
	Mean  *float64 `json:"mean,omitempty"`
	// N is how many rows the value rests on.
	N           uint64   `json:"n"`
	Numerator   *float64 `json:"numerator"`
	Denominator *float64 `json:"denominator"`
	// Interval is the 95 % interval of a ratio or a score.
	Interval *Interval `json:"interval"`
	// Provisional values may still change, because evidence arrives late.
	Provisional bool `json:"provisional"`
	// Censored counts open intervals, which are not in a median.
	Censored uint64 `json:"censored,omitempty"`
	// Benchmark names the levels of Result.Benchmark whose range the value lies in;
	// none is [], and there is nothing without a value.
	Benchmark []string `json:"benchmark,omitzero"`
}

// Interval is a 95 % confidence interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Get returns the points that a request asks for. A request that cannot be
// answered is a *RequestError.
func (e *Engine) Get(ctx context.Context, r Request) (Result, error) {
	q, err := e.resolve(ctx, r)
	if err != nil {
		return Result{}, err
	}
	m := q.metric
	bench, err := e.benchmark(m, r.Benchmark)
	if err != nil {
		return Result{}, err
	}
	cols, rows, err := e.querier.Query(ctx, m.PointsSQL(q.slice), q.args)
	if err != nil {
		return Result{}, fmt.Errorf("computing %s: %w", m.ID, err)
	}
	out := Result{Metric: m.ID, Version: m.Version, Unit: m.Unit, Zone: q.zone.String(), Points: make([]Point, 0, len(rows)), Benchmark: bench, dims: m.split(q.slice)}
	if out.VersionSince, err = e.versionSince(ctx, m, q.zone); err != nil {
		return Result{}, err
	}
	for _, row := range rows {
		p, err := point(scan(cols, row), out.dims, q.zone)
		if err != nil {
			return Result{}, fmt.Errorf("reading a point of %s: %w", m.ID, err)
		}
		if bench != nil && p.Value != nil {
			p.Benchmark = bench.Levels(*p.Value)
		}
		out.Points = append(out.Points, p)
	}
	return out, nil
}

// versionSince reads when `headway recompute` put the metric's version in force.
func (e *Engine) versionSince(ctx context.Context, m Metric, zone *time.Location) (*time.Time, error) {
	cols, rows, err := e.querier.Query(ctx, "SELECT at FROM annotations WHERE metric = {metric:String} AND version = {version:UInt32} ORDER BY at LIMIT 1",
		map[string]any{"metric": m.ID, "version": strconv.Itoa(m.Version)})
	if err != nil || len(rows) == 0 {
		return nil, wrap(err, "reading since when the definition of "+m.ID+" holds")
	}
	r := scan(cols, rows[0])
	at := r.time("at").In(zone)
	return &at, wrap(r.err(), "reading since when the definition of "+m.ID+" holds")
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func point(r record, dims []Dimension, zone *time.Location) (Point, error) {
	p := Point{
		From: r.time("bucket_from").In(zone), To: r.time("bucket_to").In(zone), Dims: make(map[string]string, len(dims)),
		Value: r.number("value"), P90: r.number("p90"), Mean: r.number("mean"), N: r.count("n"),
		Numerator: r.number("numerator"), Denominator: r.number("denominator"),
		Provisional: r.count("provisional") == 1, Censored: r.count("censored"),
	}
	for _, d := range dims {
		p.Dims[string(d)] = r.text(string(d))
	}
	if low, high := r.number("low"), r.number("high"); low != nil && high != nil {
		p.Interval = &Interval{*low, *high}
	}
	return p, r.err()
}

// finite tells numbers from what a division by zero leaves behind.
func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

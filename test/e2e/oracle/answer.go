package oracle

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/internal/sample"
)

// Labels of what has no name of its own, and of teams with few answers.
const (
	none   = "(none)"
	hidden = "(hidden)"
)

// Point is the value of a metric for one group in one bucket. Pointers are nil
// where there is no data.
type Point struct {
	From, To               time.Time
	Dims                   map[string]string
	Value, P90             *float64
	N                      int
	Numerator, Denominator *float64
	Censored               int
}

// Key identifies a point among those of one question.
func (p Point) Key() string {
	var dims []string
	for _, k := range slices.Sorted(maps.Keys(p.Dims)) {
		dims = append(dims, k+"="+p.Dims[k])
	}
	return p.From.UTC().Format(time.DateTime) + " " + strings.Join(dims, " ")
}

// Question asks for a metric of the window [From, To), in UTC.
type Question struct {
	Metric   string
	By       []string
	Every    string // week, month, quarter or total
	From, To time.Time
}

// row is one thing that counts.
type row struct {
	at       time.Time
	dims     map[string]string
	subject  string
	value    *float64
	num, den float64
	open     bool
}

// aggregation is how rows become a value.
type aggregation int

const (
	median aggregation = iota
	ratio
	perDay
	perHundred
	score
	sum
	perMonth
	perWeek
	share
)

// metric is one line of the table of answers.
type metric struct {
	id          string
	aggregation aggregation
	dims        []string
	// always are dimensions that points are always split by.
	always []string
	// rows are those of one bucket.
	rows func(from, to time.Time) []row
	// once names what counts once in a bucket and group: "subject" or a dimension.
	once string
	// months is the length of a bucket for one currency; of perMonth only.
	months func(b bucket, currency string) float64
}

// Oracle answers questions about one organisation.
type Oracle struct {
	history *sample.History
	metrics map[string]metric
	// services are what became of each service.
	services []*service
}

// New looks at a history.
func New(h *sample.History) *Oracle {
	o := &Oracle{history: h, metrics: map[string]metric{}}
	for _, s := range h.Services {
		o.services = append(o.services, o.follow(s))
	}
	for _, m := range slices.Concat(o.delivery(), o.stability(), o.platform(), o.success(), o.survey(), o.security(), o.cost()) {
		o.metrics[m.id] = m
	}
	return o
}

// Metrics are the ids that it can answer, sorted.
func (o *Oracle) Metrics() []string { return slices.Sorted(maps.Keys(o.metrics)) }

// Dimensions of a metric.
func (o *Oracle) Dimensions(id string) []string { return o.metrics[id].dims }

// Answer computes the points of a question, without those of groups that have
// nothing in the whole window.
func (o *Oracle) Answer(q Question) []Point {
	m := o.metrics[q.Metric]
	split := append(slices.Clone(q.By), m.always...)
	groups := map[string]map[string]string{}
	see := func(r row) string {
		dims := map[string]string{}
		for _, d := range split {
			dims[d] = r.dims[d]
		}
		key := fmt.Sprint(dims)
		groups[key] = dims
		return key
	}
	if m.aggregation == perDay {
		// Who has released before deploys zero times a day.
		for _, r := range m.rows(time.Time{}, q.From) {
			see(r)
		}
	}
	if len(split) == 0 {
		see(row{})
	}
	buckets := calendar(q)
	found := make([]map[string][]row, len(buckets))
	for i, b := range buckets {
		found[i] = map[string][]row{}
		for _, r := range m.rows(b.from, b.to) {
			key := see(r)
			found[i][key] = append(found[i][key], r)
		}
	}
	var out []Point
	for key, dims := range groups {
		for i, b := range buckets {
			p := m.point(m.counted(found[i][key]), b, dims["currency"])
			p.From, p.To, p.Dims = b.from, b.to, dims
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Point) int { return cmp.Compare(a.Key(), b.Key()) })
	return out
}

// counted keeps one row of each thing that counts once, the best.
func (m metric) counted(rows []row) []row {
	if m.once == "" {
		return rows
	}
	best := map[string]row{}
	for _, r := range rows {
		key := r.subject
		if m.once != "subject" {
			key = r.dims[m.once]
		}
		if have, ok := best[key]; !ok || r.num > have.num {
			best[key] = r
		}
	}
	return slices.Collect(maps.Values(best))
}

type bucket struct{ from, to time.Time }

// calendar cuts the window into buckets; weeks begin on Monday.
func calendar(q Question) []bucket {
	day := q.From.UTC().Truncate(24 * time.Hour)
	next := func(t time.Time) time.Time { return q.To }
	switch q.Every {
	case "week":
		for day.Weekday() != time.Monday {
			day = day.AddDate(0, 0, -1)
		}
		next = func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }
	case "month":
		day = time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC)
		next = func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
	case "quarter":
		day = time.Date(day.Year(), 3*((day.Month()-1)/3)+1, 1, 0, 0, 0, 0, time.UTC)
		next = func(t time.Time) time.Time { return t.AddDate(0, 3, 0) }
	}
	var out []bucket
	for from := day; from.Before(q.To); from = next(from) {
		b := bucket{from, next(from)}
		if b.from.Before(q.From) {
			b.from = q.From
		}
		if b.to.After(q.To) {
			b.to = q.To
		}
		out = append(out, b)
	}
	return out
}

func (m metric) point(rows []row, b bucket, currency string) Point {
	var p Point
	var num, den float64
	var values []float64
	for _, r := range rows {
		num, den = num+r.num, den+r.den
		if r.value != nil {
			values = append(values, *r.value)
		}
		if r.open {
			p.Censored++
		}
	}
	if m.aggregation != median {
		p.Numerator, p.Denominator = &num, &den
	}
	p.N = int(den)
	factor := 1.0
	switch m.aggregation {
	case median:
		p.N = len(values)
		p.Value, p.P90 = quantile(values, 0.5), quantile(values, 0.9)
		return p
	case perDay:
		num, den = float64(len(rows)), b.to.Sub(b.from).Hours()/24
		p.N = len(rows)
	case perHundred:
		p.N, factor = int(num), 100
	case score:
		factor = 100
	case sum:
		return counts(rows, num)
	case perMonth:
		p.N, den = len(rows), m.months(b, currency)
		if len(rows) == 0 {
			return p
		}
	case share:
		p.N = len(rows)
	case perWeek:
		weeks := map[time.Time]bool{}
		for _, r := range rows {
			weeks[r.at] = true
		}
		p.N, den = len(weeks), float64(len(weeks))
	case ratio:
	}
	if den != 0 {
		v := factor * num / den
		p.Value = &v
	}
	return p
}

// counts: there is a value as soon as there is a row, and n are the rows that add
// to it.
func counts(rows []row, num float64) Point {
	p := Point{Numerator: &num}
	for _, r := range rows {
		if r.num != 0 {
			p.N++
		}
	}
	if len(rows) > 0 {
		p.Value = &num
	}
	return p
}

// quantile interpolates between the neighbours.
func quantile(values []float64, q float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	at := q * float64(len(values)-1)
	lo := int(math.Floor(at))
	hi := min(lo+1, len(values)-1)
	v := values[lo] + (values[hi]-values[lo])*(at-float64(lo))
	return &v
}

// within says that a time lies in [from, to).
func within(t, from, to time.Time) bool { return !t.Before(from) && t.Before(to) }

// believable is the earliest time that can be meant: there was no version control
// before it.
func believable() time.Time { return time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC) }

// seconds between two times; nil when one is missing or unbelievable, or the
// order is wrong.
func seconds(from, to time.Time) *float64 {
	if from.Before(believable()) || to.Before(believable()) || to.Before(from) {
		return nil
	}
	s := to.Sub(from).Seconds()
	return &s
}

package metrics

import (
	"fmt"
	"slices"
	"strings"
)

// Every is the length of a bucket.
type Every string

// Lengths of a bucket. Weeks start on Monday. Total is the whole window.
const (
	Day     Every = "day"
	Week    Every = "week"
	Month   Every = "month"
	Quarter Every = "quarter"
	Total   Every = "total"
)

// Slice says which points of a metric are wanted. From, To, Zone, Now and Where
// are SQL and become part of the query as they are: whoever fills them from
// outside passes query parameters ("{from:Int64}"), never values.
type Slice struct {
	// From and To bound the half-open window [From, To): expressions of a
	// DateTime or DateTime64.
	From, To string
	// Zone is a constant expression of the reporting zone's IANA name; ""
	// reads the setting.
	Zone string
	// Now is the expression of the present, "" for now64(3).
	Now string
	// Every is the length of a bucket, "" for Total. The first and last bucket
	// are cut at the window.
	Every Every
	// By are the dimensions to split by; each becomes a column.
	By []Dimension
	// Where are conditions over the rows' columns: "team IN (${team:singlequote})".
	Where []string
}

// ZoneSetting is the SQL of the reporting time zone that Headway was configured
// with, UTC when none is.
const ZoneSetting = "(SELECT if(max(value) = '', 'UTC', max(value)) FROM settings FINAL WHERE key = 'timezone')"

// window is a Slice with its defaults filled in.
type window struct {
	from, to, zone, now string
	every               Every
}

func (s Slice) window() window {
	w := window{
		from: "toDateTime64(" + s.From + ", 3, 'UTC')", to: "toDateTime64(" + s.To + ", 3, 'UTC')",
		zone: s.Zone, now: s.Now, every: s.Every,
	}
	if w.zone == "" {
		w.zone = ZoneSetting
	}
	if w.now == "" {
		w.now = "now64(3)"
	}
	if w.every == "" {
		w.every = Total
	}
	return w
}

// bucket is the expression of the local date on which the bucket of the time x
// begins; the whole window is one bucket with a date of its own.
func (w window) bucket(x string) string {
	switch w.every {
	case Day:
		return w.day(x)
	case Week:
		return fmt.Sprintf("toDate(toStartOfWeek(%s, 1, %s))", x, w.zone)
	case Month:
		return fmt.Sprintf("toDate(toStartOfMonth(%s, %s))", x, w.zone)
	case Quarter:
		return fmt.Sprintf("toDate(toStartOfQuarter(%s, %s))", x, w.zone)
	default:
		return "toDate(1)"
	}
}

// day is the expression of the local date of the time x.
func (w window) day(x string) string { return fmt.Sprintf("toDate(%s, %s)", x, w.zone) }

// midnight is the instant at which the local date d begins. A day that a change
// of clocks makes shorter or longer is one day.
func (w window) midnight(d string) string {
	return fmt.Sprintf("toTimeZone(toDateTime64(%s, 3, %s), 'UTC')", d, w.zone)
}

// calendar is the expression of the array of all buckets of the window, as
// tuples (bucket, bucket_from, bucket_to, days). days counts the calendar days
// that the bucket touches and that have begun.
func (w window) calendar() string {
	now := w.present()
	return fmt.Sprintf("arrayMap(c -> (c.1, c.2, c.3, if(c.2 >= %[1]s, 0, dateDiff('day', toDate(c.2, %[2]s), toDate(subtractMilliseconds(least(c.3, %[1]s), 1), %[2]s)) + 1)), %[3]s)",
		now, w.zone, w.buckets())
}

// present is the expression of the present as a DateTime64(3, 'UTC').
func (w window) present() string { return "toDateTime64(" + w.now + ", 3, 'UTC')" }

func (w window) buckets() string {
	first, last := w.bucket(w.from), w.bucket("subtractMilliseconds("+w.to+", 1)")
	var add, count string
	switch w.every {
	case Day:
		add, count = "addDays", fmt.Sprintf("dateDiff('day', %s, %s)", first, last)
	case Week:
		add, count = "addWeeks", fmt.Sprintf("intDiv(dateDiff('day', %s, %s), 7)", first, last)
	case Month:
		add, count = "addMonths", fmt.Sprintf("dateDiff('month', %s, %s)", first, last)
	case Quarter:
		add, count = "addQuarters", fmt.Sprintf("dateDiff('quarter', %s, %s)", first, last)
	default:
		return fmt.Sprintf("[(toDate(1), %s, %s)]", w.from, w.to)
	}
	return fmt.Sprintf("arrayMap(d -> (d, greatest(%s, %s), least(%s, %s)), arrayMap(i -> %s(%s, i), range(toUInt32(greatest(0, %s + 1)))))",
		w.from, w.midnight("d"), w.to, w.midnight(add+"(d, 1)"), add, first, count)
}

// expand fills the placeholders of a metric's SQL.
func (w window) expand(sql string) string {
	return strings.NewReplacer(
		"{{from}}", w.from, "{{to}}", w.to, "{{zone}}", w.zone, "{{now}}", w.present(),
		"{{bucket}}", w.bucket("at"), "{{calendar}}", w.calendar(),
	).Replace(strings.TrimSpace(sql))
}

// split returns the dimensions of the points: those asked for, then those that
// the metric is always split by.
func (m Metric) split(s Slice) []Dimension {
	out := slices.Clone(s.By)
	for _, d := range m.SplitBy {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// columns joins dimensions to a list of columns, each followed by a comma.
func columns(ds []Dimension) string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(string(d) + ", ")
	}
	return b.String()
}

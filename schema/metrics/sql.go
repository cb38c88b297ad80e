package metrics

import (
	"fmt"
	"slices"
	"strings"
)

// PointsSQL is the query of the metric's points. Its columns are bucket_from,
// bucket_to, one per dimension of s.By and m.SplitBy, value, p90, n, numerator,
// denominator, low, high, provisional, mean, censored; a point of a bucket
// without data has NULL as its value (invariant 4). Buckets without rows are
// there for every group that has rows; without s.By they are always there.
func (m Metric) PointsSQL(s Slice) string {
	w, dims := s.window(), m.split(s)
	agg := m.aggregate(w)
	return pointsSQL(w, dims, agg.points(), agg, m.counted(s, w, dims))
}

// pointsSQL is the query of what a select list makes of the cells of agg, in every
// bucket of each group of the rows, which have the dimensions and a bucket.
func pointsSQL(w window, dims []Dimension, list string, agg aggregate, rows string) string {
	group := strings.TrimSuffix(columns(dims), ", ")
	outer, order := "", "bucket_from"
	if group != "" {
		outer, order = "\n  GROUP BY "+group, group+", bucket_from"
	}
	return fmt.Sprintf(`SELECT bucket_from, bucket_to, %[1]s%[2]s
FROM (
  SELECT %[1]sslot.2 AS bucket_from, slot.3 AS bucket_to, toInt64(slot.4) AS days,
    cells[indexOf(buckets, slot.1)] AS cell, %[3]s
  FROM (
  SELECT %[1]sgroupArray(bucket) AS buckets, groupArray(cell) AS cells
  FROM (
  SELECT %[1]sbucket, tuple(%[4]s) AS cell
  FROM (
%[5]s
  )
  GROUP BY %[1]sbucket
  )%[6]s
  )
  ARRAY JOIN %[7]s AS slot
)
ORDER BY %[8]s`, columns(dims), list, agg.cellNames(), agg.cellExprs(), rows, outer, w.calendar(), order)
}

// RowsSQL is the query of the rows behind the points of a slice, those that are
// excluded and why included. Its columns are at, one per dimension of the
// metric, value, numerator, denominator, censored, subject, title, url, rule,
// evidence, excluded ("" for a row that counts). A LIMIT may be appended.
func (m Metric) RowsSQL(s Slice) string {
	w := s.window()
	return fmt.Sprintf("SELECT at, %s%s\nFROM (\n%s\n)\nORDER BY at DESC, subject, %sexcluded",
		columns(m.Dimensions), rowColumns, m.selected(s, w, m.split(s), w.from), columns(m.Dimensions))
}

// counted is the query of the rows that points aggregate.
func (m Metric) counted(s Slice, w window, dims []Dimension) string {
	from := w.from
	if m.countsZeroDays() {
		// A team that has deployed before the window and not in it deployed zero
		// times a day: earlier rows say that the group exists.
		from = ""
	}
	if m.distinct != "" && m.countsOnly() {
		// What counts once is chosen without the sorting that an explanation needs.
		return fmt.Sprintf("SELECT bucket, %[1]smax(hit) AS numerator, argMax(of, hit) AS denominator FROM (\n"+
			"SELECT *, numerator AS hit, denominator AS of FROM (\n%[2]s\n) WHERE excluded = ''\n)\nGROUP BY bucket, %[1]s%[3]s",
			columns(dims), m.within(s, w, from), m.distinct)
	}
	return "SELECT * FROM (\n" + m.selected(s, w, dims, from) + "\n) WHERE excluded = ''"
}

// countsOnly says that points need nothing of the rows but their numerators and
// denominators.
func (m Metric) countsOnly() bool { return m.Aggregation == Ratio || m.Aggregation == PerHundred }

// selected is the query of the rows inside the window that meet the conditions,
// with their bucket. With from empty, earlier rows are there too, in a bucket of
// no calendar.
func (m Metric) selected(s Slice, w window, dims []Dimension, from string) string {
	sql := m.within(s, w, from)
	if m.distinct != "" {
		sql += fmt.Sprintf("\nORDER BY numerator DESC, %ssubject LIMIT 1 BY bucket, excluded = '', %s%s",
			columns(m.Dimensions), columns(dims), m.distinct)
	}
	return sql
}

// within is selected before what counts once is chosen.
func (m Metric) within(s Slice, w window, from string) string {
	bucket, conds := w.bucket("at"), []string{"at < " + w.to}
	if from == "" {
		bucket = fmt.Sprintf("if(at < %s, toDate(0), %s)", w.from, bucket)
	} else {
		conds = append([]string{"at >= " + from}, conds...)
	}
	for _, c := range s.Where {
		conds = append(conds, "("+c+")")
	}
	return fmt.Sprintf("SELECT %s AS bucket, * FROM (\n%s\n) WHERE %s", bucket, m.rowsIn(w, s.By...), strings.Join(conds, " AND "))
}

// rowsIn is the SQL of the metric's rows in a window: one for every environment of
// a release when split by it, else one with all of them; and one for every value
// that a row stands beside when split by them, else one.
func (m Metric) rowsIn(w window, by ...Dimension) string {
	environment := "arrayStringConcat(environments, ', ')"
	if slices.Contains(by, Environment) {
		environment = "arrayJoin(environments)"
	}
	rows := strings.ReplaceAll(m.rows, placeEnvironment, environment)
	for d, values := range m.beside {
		one := "'" + All + "'"
		if slices.Contains(by, d) {
			one = "arrayJoin(" + values + ")"
		}
		rows = strings.ReplaceAll(rows, placeBeside(d), one)
	}
	return w.expand(rows)
}

// placeEnvironment is where the rows of a metric of releases have environment.
const placeEnvironment = "{{environment}}"

// placeBeside is where rows have a dimension of which they stand beside every value.
func placeBeside(d Dimension) string { return "{{beside " + string(d) + "}}" }

func (m Metric) countsZeroDays() bool { return m.Aggregation == Rate || m.Aggregation == DayShare }

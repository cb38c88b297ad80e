package metrics

import (
	"cmp"
	"fmt"
	"strings"
)

// z is the 97.5th percentile of the normal distribution: intervals are of 95 %.
const (
	z  = "1.959963984540054"
	zz = "3.841458820694124" // z squared.
)

// surveyThreshold is how many answers a group needs to be shown, and how many
// everybody else together (DEFINITIONS, "Survey statistics").
const surveyThreshold = 5

// cell is one number that an aggregation takes from the rows of a bucket.
type cell struct{ name, expr string }

// aggregate is the SQL of an aggregation: what it takes from the rows, and what
// it makes of that and of the bucket's days.
type aggregate struct {
	cells []cell
	// also are columns computed from the cells, which the others may name.
	also                                             string
	value, p90, n, numerator, denominator, low, high string
	mean, censored, provisional                      string
}

func (a aggregate) cellExprs() string {
	out := make([]string, len(a.cells))
	for i, c := range a.cells {
		out[i] = c.expr
	}
	return strings.Join(out, ", ")
}

func (a aggregate) cellNames() string {
	out := make([]string, len(a.cells))
	for i, c := range a.cells {
		out[i] = fmt.Sprintf("cell.%d AS %s", i+1, c.name)
	}
	if a.also != "" {
		out = append(out, a.also)
	}
	return strings.Join(out, ", ")
}

// points is the select list of the points, typed alike for all aggregations.
func (a aggregate) points() string {
	number := func(x, name string) string {
		if x == "" {
			x = "NULL"
		}
		return fmt.Sprintf("CAST(%s, 'Nullable(Float64)') AS %s", x, name)
	}
	count := func(x, name string) string { return fmt.Sprintf("toUInt64(%s) AS %s", x, name) }
	return strings.Join([]string{
		number(a.value, "value"), number(a.p90, "p90"), count(a.n, "n"),
		number(a.numerator, "numerator"), number(a.denominator, "denominator"),
		number(a.low, "low"), number(a.high, "high"),
		fmt.Sprintf("toUInt8(%s) AS provisional", a.provisional),
		number(a.mean, "mean"), count(a.censored, "censored"),
	}, ",\n  ")
}

// aggregate chooses the SQL of the metric's aggregation.
func (m Metric) aggregate(w window) aggregate {
	a := m.aggregation(w)
	a.provisional, a.censored = "0", cmp.Or(a.censored, "0")
	if m.lateDays > 0 {
		a.provisional = fmt.Sprintf("bucket_to > subtractDays(%s, %d)", w.present(), m.lateDays)
	}
	return a
}

func (m Metric) aggregation(w window) aggregate {
	switch m.Aggregation {
	case Median:
		return aggregate{
			cells: []cell{
				{"c_n", "countIf(value IS NOT NULL)"},
				// One function for both: each would keep and sort all values of its own.
				{"c_q", "quantilesExactInclusive(0.5, 0.9)(value)"},
				{"c_mean", "avgOrNull(value)"},
				{"c_open", "sum(toUInt64(censored))"},
			},
			value: "if(c_n = 0, NULL, c_q[1])", p90: "if(c_n = 0, NULL, c_q[2])", n: "c_n", mean: "c_mean", censored: "c_open",
		}
	case Rate:
		return aggregate{
			cells: []cell{{"c_n", "count()"}},
			value: "c_n / nullIf(days, 0)", n: "c_n", numerator: "c_n", denominator: "days",
		}
	case DayShare:
		return aggregate{
			cells: []cell{{"c_n", "count()"}, {"c_days", "uniqExact(" + w.day("at") + ")"}},
			value: "c_days / nullIf(days, 0)", n: "c_n", numerator: "c_days", denominator: "days",
		}
	case NPS:
		return npsAggregate()
	case Sum:
		return aggregate{
			cells: []cell{{"c_n", "count()"}, {"c_sum", "sum(numerator)"}, {"c_some", "countIf(numerator != 0)"}},
			value: "if(c_n = 0, NULL, c_sum)", n: "c_some", numerator: "c_sum",
		}
	case PerMonth:
		return m.perMonth(w)
	case Mean:
		return m.meanAggregate()
	case PerWeek:
		return aggregate{
			cells: []cell{{"c_sum", "sum(numerator)"}, {"c_weeks", "uniqExact(at)"}},
			value: "c_sum / nullIf(c_weeks, 0)", n: "c_weeks", numerator: "c_sum", denominator: "c_weeks",
		}
	case Share:
		return aggregate{
			cells: []cell{{"c_num", "sum(numerator)"}, {"c_den", "sum(denominator)"}, {"c_n", "count()"}},
			value: "c_num / nullIf(c_den, 0)", n: "c_n", numerator: "c_num", denominator: "c_den",
		}
	case PerHundred:
		return aggregate{
			cells: []cell{{"c_num", "sum(numerator)"}, {"c_den", "sum(denominator)"}},
			value: "100 * c_num / nullIf(c_den, 0)", n: "c_num", numerator: "c_num", denominator: "c_den",
		}
	default:
		return ratioAggregate()
	}
}

// perMonth: the days of a bucket are those of the calendar that lie within the
// metric's spans, so that a cost that is not known yet is not taken for none.
func (m Metric) perMonth(w window) aggregate {
	return aggregate{
		cells: []cell{{"c_n", "count()"}, {"c_sum", "sum(numerator)"}},
		also: fmt.Sprintf("%s AS span, greatest(0, dateDiff('day', greatest(%s, span.1), least(%s, span.2)) + 1) / 30.4375 AS months",
			m.spans, w.day("bucket_from"), w.day("subtractMilliseconds(bucket_to, 1)")),
		value: "if(c_n = 0, NULL, c_sum / nullIf(months, 0))", n: "c_n", numerator: "c_sum", denominator: "months",
	}
}

// ratioAggregate: Wilson's score interval.
func ratioAggregate() aggregate {
	half := fmt.Sprintf("%s * sqrt(share * (1 - share) / trials + %s / (4 * trials * trials))", z, zz)
	bound := func(sign string) string {
		return fmt.Sprintf("(share + %[1]s / (2 * trials) %[2]s %[3]s) / (1 + %[1]s / trials)", zz, sign, half)
	}
	return aggregate{
		cells: []cell{{"c_num", "sum(numerator)"}, {"c_den", "sum(denominator)"}},
		also:  "nullIf(c_den, 0) AS trials, c_num / trials AS share",
		value: "share", n: "c_den", numerator: "c_num", denominator: "c_den",
		low:  "if(share IS NULL, NULL, greatest(0, " + bound("-") + "))",
		high: "if(share IS NULL, NULL, least(1, " + bound("+") + "))",
	}
}

// npsAggregate: the adjusted Wald interval adds three answers, ¾ of them
// promoters and ¾ detractors (measuringu.com).
func npsAggregate() aggregate {
	half := z + " * sqrt((pro + con - pow(pro - con, 2)) / (c_den + 3))"
	return aggregate{
		cells: []cell{{"c_pro", "sumIf(numerator, numerator > 0)"}, {"c_con", "-sumIf(numerator, numerator < 0)"}, {"c_den", "sum(denominator)"}},
		also:  "(c_pro + 0.75) / (c_den + 3) AS pro, (c_con + 0.75) / (c_den + 3) AS con",
		value: "100 * (c_pro - c_con) / nullIf(c_den, 0)", n: "c_den",
		numerator: "c_pro - c_con", denominator: "c_den",
		low:  "greatest(-100, 100 * (pro - con - " + half + "))",
		high: "least(100, 100 * (pro - con + " + half + "))",
	}
}

// meanAggregate: Student's interval of a mean. The quantile of Student's
// distribution is that of the normal one, corrected by the first three terms of
// its expansion in 1/(n−1) (Abramowitz and Stegun, 26.7.5), which is right to
// 0.01 for the five answers that a group has at least.
func (m Metric) meanAggregate() aggregate {
	least, most := 0, 1
	if m.Unit == UnitOfSeven {
		least, most = 1, 7
	}
	student := fmt.Sprintf("(%[1]s + %[2]s / free + %[3]s / pow(free, 2) + %[4]s / pow(free, 3))", z, "2.3723", "2.8225", "2.5558")
	half := student + " * sqrt(greatest(0, c_squares - c_den * average * average) / free / c_den)"
	return aggregate{
		cells: []cell{{"c_num", "sum(numerator)"}, {"c_den", "sum(denominator)"}, {"c_squares", "sum(squares)"}},
		also:  "c_num / nullIf(c_den, 0) AS average, if(c_den > 1, c_den - 1, NULL) AS free",
		value: "average", n: "c_den", numerator: "c_num", denominator: "c_den",
		low:  fmt.Sprintf("greatest(%d, average - %s)", least, half),
		high: fmt.Sprintf("least(%d, average + %s)", most, half),
	}
}

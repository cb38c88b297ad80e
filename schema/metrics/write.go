package metrics

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Format is a way to print an answer.
type Format string

// Formats.
const (
	Table Format = "table"
	JSON  Format = "json"
	CSV   Format = "csv"
)

// Answer is something that all formats can print: a Result, an Explanation, a List.
type Answer interface {
	// table returns the cells. For people, numbers carry their unit.
	table(people bool) (columns []string, rows [][]string)
}

// Write prints an answer. A format that does not exist is a *RequestError.
func Write(w io.Writer, f Format, a Answer) error {
	switch f {
	case JSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(a); err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
		return nil
	case CSV:
		return writeCSV(w, a)
	case Table:
		if r, ok := a.(Report); ok {
			return r.WriteText(w)
		}
		if err := writeTable(w, a); err != nil {
			return err
		}
		return writeCaption(w, a)
	default:
		return &RequestError{"format", fmt.Sprintf("there is no format %q", f), texts([]Format{Table, JSON, CSV})}
	}
}

func writeCSV(w io.Writer, a Answer) error {
	columns, rows := a.table(false)
	out := csv.NewWriter(w)
	if err := out.Write(columns); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	for _, row := range rows {
		for i, s := range row {
			// Titles come from other people's systems; a spreadsheet must not run
			// them as formulas.
			if s != "" && strings.ContainsRune("=+@\t\r", rune(s[0])) {
				row[i] = "'" + s
			}
		}
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	return nil
}

// writeTable aligns the columns that hold anything.
func writeTable(w io.Writer, a Answer) error {
	columns, rows := a.table(true)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var used []int
	for i := range columns {
		for _, row := range rows {
			if row[i] != "" {
				used = append(used, i)
				break
			}
		}
	}
	if len(rows) > 0 {
		rows = append([][]string{columns}, rows...)
	}
	for _, row := range rows {
		picked := make([]string, len(used))
		for j, i := range used {
			picked[j] = printable(row[i])
		}
		if _, err := io.WriteString(out, strings.Join(picked, "\t")+"\n"); err != nil {
			return fmt.Errorf("writing the table: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

// writeCaption prints below a table since when its definition holds, and what its
// cells are held against.
func writeCaption(w io.Writer, a Answer) error {
	r, ok := a.(Result)
	if !ok {
		return nil
	}
	var lines []string
	if r.VersionSince != nil {
		lines = append(lines, fmt.Sprintf("%s by version %d of its definition, in force since %s.", r.Metric, r.Version, moment(*r.VersionSince, true)))
	}
	if r.Benchmark != nil {
		lines = append(lines, r.Benchmark.caption())
	}
	for _, line := range lines {
		if _, err := fmt.Fprintf(w, "\n%s\n", line); err != nil {
			return fmt.Errorf("writing the caption: %w", err)
		}
	}
	return nil
}

// printable keeps control characters of foreign titles away from terminals.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return ' '
		}
		return r
	}, s)
}

func (r Result) table(people bool) ([]string, [][]string) {
	columns := []string{"from", "to"}
	columns = append(columns, texts(r.dims)...)
	columns = append(columns, "value", "p90", "mean", "n", "numerator", "denominator", "low", "high", "provisional", "censored")
	if r.Benchmark != nil {
		columns = append(columns, "dora_"+r.Benchmark.Edition)
	}
	value := func(x *float64) string { return cellOf(x, r.Unit, people) }
	plain := func(x *float64) string { return cellOf(x, "", people) }
	rows := make([][]string, 0, len(r.Points))
	for _, p := range r.Points {
		row := []string{moment(p.From, people), moment(p.To, people)}
		for _, d := range r.dims {
			row = append(row, p.Dims[string(d)])
		}
		low, high := "", ""
		if p.Interval != nil {
			low, high = value(&p.Interval.Low), value(&p.Interval.High)
		}
		row = append(row, noData(value(p.Value), people), value(p.P90), value(p.Mean), strconv.FormatUint(p.N, 10),
			plain(p.Numerator), plain(p.Denominator), low, high, yes(p.Provisional, people), strconv.FormatUint(p.Censored, 10))
		if r.Benchmark != nil {
			row = append(row, levels(p))
		}
		rows = append(rows, row)
	}
	return columns, rows
}

func (x Explanation) table(people bool) ([]string, [][]string) {
	columns := []string{"at"}
	columns = append(columns, texts(x.dims)...)
	columns = append(columns, "value", "numerator", "denominator", "censored", "subject", "title", "rule", "evidence", "url", "excluded")
	var rows [][]string
	for _, group := range [][]Row{x.Counted, x.Excluded} {
		for _, r := range group {
			row := []string{moment(r.At, people)}
			for _, d := range x.dims {
				row = append(row, r.Dims[string(d)])
			}
			rows = append(rows, append(row, cellOf(r.Value, x.Unit, people), cellOf(r.Numerator, "", people), cellOf(r.Denominator, "", people),
				yes(r.Censored, people), r.Subject, r.Title, r.Rule, r.Evidence, r.URL, r.Excluded))
		}
	}
	return columns, rows
}

// List is an answer that lists metrics.
type List []Metric

func (l List) table(bool) ([]string, [][]string) {
	rows := make([][]string, 0, len(l))
	for _, m := range l {
		rows = append(rows, []string{m.ID, m.Title, string(m.Unit), string(m.Direction), strings.Join(texts(m.Dimensions), " "), m.Question})
	}
	return []string{"id", "title", "unit", "better", "dimensions", "question"}, rows
}

// levels names the ranges of a benchmark that a point lies in.
func levels(p Point) string {
	if p.Value != nil && len(p.Benchmark) == 0 {
		return "none"
	}
	return strings.Join(p.Benchmark, ", ")
}

func moment(t time.Time, people bool) string {
	if people {
		return t.Format("2006-01-02 15:04")
	}
	return t.Format(time.RFC3339Nano)
}

func yes(b, people bool) string {
	if !b && people {
		return ""
	}
	return strconv.FormatBool(b)
}

// noData marks a missing value for people; an empty cell says it to programs.
func noData(s string, people bool) string {
	if s == "" && people {
		return "no data"
	}
	return s
}

func cellOf(x *float64, u Unit, people bool) string {
	switch {
	case x == nil:
		return ""
	case people:
		return u.Format(*x)
	default:
		return strconv.FormatFloat(*x, 'f', -1, 64)
	}
}

// Format writes a value for people: "1d 4h", "33.3 %", "+12".
func (u Unit) Format(x float64) string {
	switch u {
	case UnitSeconds:
		return duration(x)
	case UnitRatio:
		return strconv.FormatFloat(100*x, 'f', 1, 64) + " %"
	case UnitNPS:
		return fmt.Sprintf("%+.0f", x)
	case UnitOfSeven:
		return strconv.FormatFloat(x, 'f', 1, 64) + " of 7"
	default:
		return strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64)
	}
}

// duration writes seconds in their two largest units.
func duration(seconds float64) string {
	d := time.Duration(math.Round(seconds)) * time.Second
	days, rest := d/(24*time.Hour), d%(24*time.Hour)
	switch {
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, rest/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm %ds", d/time.Minute, d%time.Minute/time.Second)
	default:
		return fmt.Sprintf("%ds", d/time.Second)
	}
}

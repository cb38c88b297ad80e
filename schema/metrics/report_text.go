package metrics

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// terminalWidth is how wide a report is at most, but for links, which would break.
const terminalWidth = 100

// entryWidths are the columns of a report's rows: at, value, what, whose, why. With
// two spaces between them they fill terminalWidth.
func entryWidths() [5]int { return [5]int{16, 9, 25, 14, 28} }

// WriteText prints the report for a terminal: the number, what it is made of, and
// what is left out and why.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	x := r.Explanation
	fmt.Fprintf(&b, "%s (%s, version %d)\n", r.Metric.Title, x.Metric, x.Version)
	for _, line := range wrapped(r.Metric.Definition, terminalWidth) {
		b.WriteString(line + "\n")
	}
	b.WriteString("\n" + r.Window() + "\n")
	if asked := r.Asked(); asked != "" {
		b.WriteString("Only " + printable(asked) + "\n")
	}
	if s := r.Result.VersionSince; s != nil {
		fmt.Fprintf(&b, "This version of the definition is in force since %s.\n", moment(*s, true))
	}
	for _, n := range r.Numbers() {
		b.WriteString("\n")
		if n.Of != "" {
			b.WriteString(printable(n.Of) + ": ")
		}
		fmt.Fprintf(&b, "%s (%s)\n", n.Value, n.Note)
	}
	excluded := r.Excluded()
	if len(x.Counted)+len(excluded) == 0 {
		b.WriteString("\nNo rows in this window.\n")
	}
	writeEntries(&b, "COUNTED: "+rowsOf(len(x.Counted)), r.Counted())
	for _, l := range excluded {
		writeEntries(&b, fmt.Sprintf("NOT COUNTED, %s: %s", printable(l.Reason), rowsOf(len(l.Rows))), l.Rows)
	}
	if x.Truncated {
		fmt.Fprintf(&b, "\nThese are the latest %d rows; there are more. Ask for them with --limit, or narrow the window.\n", len(x.Counted)+len(x.Excluded))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func rowsOf(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

func writeEntries(b *strings.Builder, head string, entries []Entry) {
	if len(entries) == 0 {
		return
	}
	b.WriteString("\n" + head + "\n")
	writeCells(b, Entry{At: "at", Value: "value", What: "what", Whose: "whose", Why: "why"})
	b.WriteString(strings.Repeat("-", terminalWidth) + "\n")
	for _, e := range entries {
		writeCells(b, e)
		if e.URL != "" {
			b.WriteString("  " + printable(e.URL) + "\n")
		}
	}
}

// writeCells prints an entry's cells beside each other, each wrapped to its width.
func writeCells(b *strings.Builder, e Entry) {
	widths := entryWidths()
	var cells [5][]string
	lines := 1
	for i, s := range []string{e.At, e.Value, e.What, e.Whose, e.Why} {
		cells[i] = wrapped(printable(s), widths[i])
		lines = max(lines, len(cells[i]))
	}
	for n := range lines {
		var line strings.Builder
		for i, cell := range cells {
			text := ""
			if n < len(cell) {
				text = cell[n]
			}
			line.WriteString(text + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// wrapped breaks a text into lines of at most width characters, between words where
// it can.
func wrapped(s string, width int) []string {
	var out []string
	line := []rune{}
	for word := range strings.FieldsSeq(s) {
		next := []rune(word)
		if len(line) > 0 && len(line)+1+len(next) > width {
			out, line = append(out, string(line)), []rune{}
		}
		if len(line) > 0 {
			line = append(line, ' ')
		}
		line = append(line, next...)
		for len(line) > width {
			end := width
			if slash := strings.LastIndexAny(string(line[:width]), "/:"); slash > 0 {
				end = utf8.RuneCountInString(string(line[:width])[:slash+1])
			}
			out, line = append(out, string(line[:end])), line[end:]
		}
	}
	if len(line) > 0 || len(out) == 0 {
		out = append(out, string(line))
	}
	return out
}

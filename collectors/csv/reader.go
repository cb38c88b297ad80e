package csv

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// headerBytes is how much of a file is looked at to tell what separates its cells.
const headerBytes = 64 << 10

// reader reads the rows of a file one at a time.
type reader struct {
	rows    *csv.Reader
	columns []string
}

// row is the cells of one row that are not empty, by column.
type row struct {
	line  int
	cells map[string]string
}

// rowError is what is wrong with one line.
type rowError struct {
	line int
	err  error
}

func (e *rowError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }

// open reads the header of a file whose rows have the known columns.
func open(r io.Reader, known []string) (*reader, error) {
	buffered := bufio.NewReaderSize(r, headerBytes)
	head, err := buffered.Peek(headerBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		head = head[3:]
		if _, err := buffered.Discard(3); err != nil {
			return nil, fmt.Errorf("reading the file: %w", err)
		}
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return nil, errors.New("the file is UTF-16; save it as CSV in UTF-8")
	}
	if len(bytes.TrimSpace(head)) == 0 {
		return nil, errors.New("the file is empty; its first line names the columns")
	}
	rows := csv.NewReader(buffered)
	rows.Comma, rows.FieldsPerRecord, rows.ReuseRecord = separator(head), -1, true
	header, err := rows.Read()
	if err != nil {
		return nil, badLine(err)
	}
	out := &reader{rows: rows}
	for i, name := range header {
		name = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), " ", "_")
		switch {
		case !slices.Contains(known, name):
			return nil, &rowError{1, fmt.Errorf("column %d is called %q; the columns are %s", i+1, header[i], strings.Join(known, ", "))}
		case slices.Contains(out.columns, name):
			return nil, &rowError{1, fmt.Errorf("column %q stands there twice; keep one", name)}
		}
		out.columns = append(out.columns, name)
	}
	return out, nil
}

// separator is the one of comma, semicolon and tab that the first line has most of,
// outside quotes.
func separator(head []byte) rune {
	counts := map[byte]int{}
	quoted := false
	for _, b := range head {
		if b == '"' {
			quoted = !quoted
		}
		if b == '\n' && !quoted {
			break
		}
		if !quoted {
			counts[b]++
		}
	}
	best := byte(',')
	for _, s := range []byte{';', '\t'} {
		if counts[s] > counts[best] {
			best = s
		}
	}
	return rune(best)
}

// next returns the next row that is not empty; io.EOF is the end. After any other
// error nothing more can be read.
func (r *reader) next() (row, error) {
	for {
		record, err := r.rows.Read()
		if errors.Is(err, io.EOF) {
			return row{}, io.EOF
		}
		if err != nil {
			return row{}, badLine(err)
		}
		line, _ := r.rows.FieldPos(0)
		out := row{line: line, cells: map[string]string{}}
		for i, cell := range record {
			if cell = strings.TrimSpace(cell); cell == "" {
				continue
			}
			if i >= len(r.columns) {
				return row{}, &rowError{line, fmt.Errorf("has %d cells, the header %d; put quotes around a cell that holds the separator", len(record), len(r.columns))}
			}
			if !utf8.ValidString(cell) {
				return row{}, &rowError{line, fmt.Errorf("%s: is %q, which is not UTF-8; save the file as CSV in UTF-8", r.columns[i], cell)}
			}
			// The record is used again for the next row.
			out.cells[r.columns[i]] = strings.Clone(cell)
		}
		if len(out.cells) > 0 {
			return out, nil
		}
	}
}

// badLine is an error of encoding/csv with its line.
func badLine(err error) error {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return &rowError{parse.Line, fmt.Errorf("%w; put quotes around a cell that holds quotes, and write them twice", parse.Err)}
	}
	return fmt.Errorf("reading the file: %w", err)
}

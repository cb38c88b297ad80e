// Package macro expands the SQL of a dashboard as Grafana and its ClickHouse
// datasource do: variables in the browser, time macros in the plugin.
//
// It is stricter than Grafana where Grafana would send something dangerous or
// wrong to the database: an unknown variable or macro is an error, and a value
// that is not quoted must be harmless as it stands. Values are inserted once
// and never read again, so a value cannot bring a macro of its own.
package macro

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Variable is the state of a dashboard variable.
type Variable struct {
	// Values chosen; with All, every option.
	Values []string
	// All is true when "All" is chosen.
	All bool
}

// Scope is what SQL is expanded with.
type Scope struct {
	From, To time.Time
	// Interval between two points that the panel's width allows.
	Interval  time.Duration
	Variables map[string]Variable
}

// ErrUnsafe is a value that would stand in the SQL without quotes and is not a
// plain word.
var ErrUnsafe = errors.New("value is not safe without quotes")

var (
	plainWord = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./:+-]*$`)
	token     = regexp.MustCompile(`\$\{(\w+)(?::(\w+))?\}|\$(\w+)`)
)

// Expand returns the SQL that would reach the database.
func Expand(sql string, s Scope) (string, error) {
	var out strings.Builder
	for {
		loc := token.FindStringSubmatchIndex(sql)
		if loc == nil {
			out.WriteString(sql)
			return out.String(), nil
		}
		out.WriteString(sql[:loc[0]])
		name, format := group(sql, loc, 1), group(sql, loc, 2)
		if name == "" {
			name = group(sql, loc, 3)
		}
		rest := sql[loc[1]:]
		var text string
		var err error
		if macro, ok := strings.CutPrefix(name, "__"); ok {
			var args []string
			args, rest, err = arguments(macro, rest)
			if err == nil {
				text, err = s.macro(macro, args)
			}
		} else {
			text, err = s.variable(name, format)
		}
		if err != nil {
			return "", err
		}
		out.WriteString(text)
		sql = rest
	}
}

func group(s string, loc []int, n int) string {
	if loc[2*n] < 0 {
		return ""
	}
	return s[loc[2*n]:loc[2*n+1]]
}

// arguments cuts "(a, b)" off rest for the macros that take arguments.
func arguments(macro, rest string) (args []string, after string, err error) {
	switch macro {
	case "fromTime", "toTime", "interval_s":
		return nil, rest, nil
	}
	if !strings.HasPrefix(rest, "(") {
		return nil, "", fmt.Errorf("$__%s needs arguments in parentheses", macro)
	}
	depth, start := 0, 1
	for i, r := range rest {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 1 {
				args, start = append(args, strings.TrimSpace(rest[start:i])), i+1
			}
		}
		if depth == 0 {
			return append(args, strings.TrimSpace(rest[start:i])), rest[i+1:], nil
		}
	}
	return nil, "", fmt.Errorf("$__%s has no closing parenthesis", macro)
}

func (s Scope) macro(name string, args []string) (string, error) {
	want := map[string]int{
		"fromTime": 0, "toTime": 0, "interval_s": 0,
		"timeFilter": 1, "dateFilter": 1, "timeInterval": 1, "conditionalAll": 2,
	}
	n, known := want[name]
	if !known {
		return "", fmt.Errorf("unknown macro $__%s", name)
	}
	if len(args) != n {
		return "", fmt.Errorf("$__%s takes %d arguments, not %d", name, n, len(args))
	}
	// The plugin ends a macro at the first closing parenthesis.
	if name != "conditionalAll" && n == 1 && strings.ContainsAny(args[0], "()") {
		return "", fmt.Errorf("$__%s takes a column, not an expression: %s", name, args[0])
	}
	switch name {
	case "fromTime":
		return seconds(s.From), nil
	case "toTime":
		return seconds(s.To), nil
	case "interval_s":
		return strconv.Itoa(s.step()), nil
	case "timeFilter":
		return fmt.Sprintf("%s >= %s AND %s <= %s", args[0], seconds(s.From), args[0], seconds(s.To)), nil
	case "dateFilter":
		return fmt.Sprintf("%s >= %s AND %s <= %s", args[0], date(s.From), args[0], date(s.To)), nil
	case "timeInterval":
		return fmt.Sprintf("toStartOfInterval(toDateTime(%s), INTERVAL %d second)", args[0], s.step()), nil
	}
	variable := strings.Trim(args[1], "${}")
	v, ok := s.Variables[variable]
	if !ok {
		return "", fmt.Errorf("$__conditionalAll names the unknown variable %s", args[1])
	}
	if v.All || len(v.Values) == 0 {
		return "1=1", nil
	}
	return Expand(args[0], s)
}

func seconds(t time.Time) string { return fmt.Sprintf("toDateTime(%d)", t.Unix()) }

func date(t time.Time) string { return "toDate('" + t.UTC().Format(time.DateOnly) + "')" }

func (s Scope) step() int { return max(int(s.Interval.Seconds()), 1) }

func (s Scope) variable(name, format string) (string, error) {
	v, ok := s.Variables[name]
	if !ok {
		return "", fmt.Errorf("unknown variable $%s", name)
	}
	parts := make([]string, len(v.Values))
	for i, value := range v.Values {
		switch format {
		case "singlequote":
			parts[i] = "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
		case "sqlstring":
			parts[i] = "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(value) + "'"
		case "", "raw", "csv":
			if !plainWord.MatchString(value) {
				return "", fmt.Errorf("variable $%s: %w", name, ErrUnsafe)
			}
			parts[i] = value
		default:
			return "", fmt.Errorf("variable $%s: unknown format %q", name, format)
		}
	}
	if format == "" && len(parts) > 1 {
		return "", fmt.Errorf("variable $%s has several values and no format", name)
	}
	if len(parts) == 0 {
		if format == "singlequote" || format == "sqlstring" {
			// IN () is an error; no value matches nothing.
			return "''", nil
		}
		return "", fmt.Errorf("variable $%s has no value", name)
	}
	return strings.Join(parts, ","), nil
}

package macro_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headway-metrics/headway/dashboards/macro"
)

func scope() macro.Scope {
	return macro.Scope{
		From: time.Unix(1_700_000_000, 0).UTC(), To: time.Unix(1_700_086_400, 0).UTC(), Interval: time.Hour,
		Variables: map[string]macro.Variable{
			"team":     {Values: []string{"checkout", "o'brien"}},
			"service":  {Values: []string{"a", "b"}, All: true},
			"timezone": {Values: []string{"Europe/Berlin"}},
			"evil":     {Values: []string{"x' OR 1=1 --"}},
			"macro":    {Values: []string{"$__fromTime ${team:singlequote}"}},
			"empty":    {},
		},
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, sql, want string }{
		{"plain", "SELECT 1", "SELECT 1"},
		{"time filter", "$__timeFilter(at)", "at >= toDateTime(1700000000) AND at <= toDateTime(1700086400)"},
		{"date filter", "$__dateFilter(day)", "day >= toDate('2023-11-14') AND day <= toDate('2023-11-15')"},
		{"ends", "[$__fromTime, $__toTime)", "[toDateTime(1700000000), toDateTime(1700086400))"},
		{"interval", "$__timeInterval(at), $__interval_s", "toStartOfInterval(toDateTime(at), INTERVAL 3600 second), 3600"},
		{"quoted", "IN (${team:singlequote})", `IN ('checkout','o\'brien')`},
		{"sqlstring", "IN (${team:sqlstring})", `IN ('checkout','o''brien')`},
		{"condition", "$__conditionalAll(t IN (${team:singlequote}), $team)", `t IN ('checkout','o\'brien')`},
		{"all", "$__conditionalAll(s IN (${service:singlequote}), $service)", "1=1"},
		{"all, quoted", "IN (${service:singlequote})", "IN ('a','b')"},
		{"nothing chosen", "$__conditionalAll(s = ${empty}, $empty)", "1=1"},
		{"plain word", "'${timezone}' '$timezone'", "'Europe/Berlin' 'Europe/Berlin'"},
		{"quoting holds", "= ${evil:singlequote}", `= 'x\' OR 1=1 --'`},
		{"values are not read again", "= ${macro:singlequote}", "= '$__fromTime ${team:singlequote}'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := macro.Expand(tt.sql, scope())
			if err != nil || got != tt.want {
				t.Fatalf("Expand(%q) = %q, %v; want %q", tt.sql, got, err, tt.want)
			}
		})
	}
}

func TestExpandRefuses(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"$nobody", "$__nothing(x)", "$__timeFilter", "$__timeFilter(a, b)", "$__timeFilter(max(a))",
		"$__timeFilter(a", "$__conditionalAll(1, $nobody)", "$team", "${team:json}", "${empty}",
	} {
		if got, err := macro.Expand(sql, scope()); err == nil {
			t.Errorf("Expand(%q) = %q, want an error", sql, got)
		}
	}
	if _, err := macro.Expand("'${evil}'", scope()); !errors.Is(err, macro.ErrUnsafe) {
		t.Errorf("unquoted dangerous value: %v, want ErrUnsafe", err)
	}
}

// A quoted value stays one string literal whatever it holds: read as ClickHouse
// reads a literal, it gives the value back and ends where the SQL goes on.
func TestQuotedValuesStayLiterals(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune(`'\"$(){},;-/ a`)), 0, 12, -1)).Draw(t, "value")
		format := rapid.SampledFrom([]string{"singlequote", "sqlstring"}).Draw(t, "format")
		s := macro.Scope{Variables: map[string]macro.Variable{"v": {Values: []string{value}}}}
		got, err := macro.Expand("x = ${v:"+format+"} END", s)
		if err != nil {
			t.Fatal(err)
		}
		literal, rest := readLiteral(t, strings.TrimPrefix(got, "x = "))
		if literal != value || rest != " END" {
			t.Fatalf("value %q became %q", value, got)
		}
	})
}

func readLiteral(t *rapid.T, sql string) (value, rest string) {
	var out strings.Builder
	if !strings.HasPrefix(sql, "'") {
		t.Fatalf("no literal in %q", sql)
	}
	for i := 1; i < len(sql); i++ {
		switch {
		case sql[i] == '\\' && i+1 < len(sql):
			i++
			out.WriteByte(sql[i])
		case sql[i] == '\'' && i+1 < len(sql) && sql[i+1] == '\'':
			i++
			out.WriteByte('\'')
		case sql[i] == '\'':
			return out.String(), sql[i+1:]
		default:
			out.WriteByte(sql[i])
		}
	}
	t.Fatalf("literal of %q does not end", sql)
	return "", ""
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	tests := map[string]time.Time{
		"now":           now,
		"now-30m":       now.Add(-30 * time.Minute),
		"now-24h":       now.Add(-24 * time.Hour),
		"now-90d":       now.AddDate(0, 0, -90),
		"now-2w":        now.AddDate(0, 0, -14),
		"now-1y":        now.AddDate(-1, 0, 0),
		"1700000000000": time.Unix(1_700_000_000, 0).UTC(),
	}
	for text, want := range tests {
		if got, err := macro.ParseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("ParseTime(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "now-", "now-5x", "-1", "now-1d/d", "99999999999999999"} {
		if got, err := macro.ParseTime(text, now); err == nil {
			t.Errorf("ParseTime(%q) = %v, want an error", text, got)
		}
	}
}

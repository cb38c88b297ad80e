package year

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
	"text/template"
)

//go:embed load.sql
var files embed.FS

// scratch is the database that holds what the statements are made from. Its
// name begins as the embedded users may have it.
const scratch = "headway_bench"

// Work is done on weekdays, ten hours a day.
const (
	weeks       = 52
	days        = weeks * 7
	dayMillis   = 24 * 3600 * 1000
	shiftMillis = 10 * 3600 * 1000
	workMillis  = weeks * 5 * shiftMillis
)

// part is a range of a table's work.
type part struct {
	*plan
	From, Count int64
}

// To ends the range.
func (p part) To() int64 { return p.From + p.Count }

// Scratch is the scratch database.
func (part) Scratch() string { return scratch }

// WorkMillis is the working time of the year.
func (part) WorkMillis() string { return strconv.Itoa(workMillis) }

// Days are the days of the year.
func (part) Days() int64 { return days }

// statement writes the statement of a name for a range of its work.
func (p *plan) statement(name string, from, count int64) (string, error) {
	var b strings.Builder
	if err := p.templates.ExecuteTemplate(&b, name, part{p, from, count}); err != nil {
		return "", fmt.Errorf("writing the statement for %s: %w", name, err)
	}
	return b.String(), nil
}

func (p *plan) parse() error {
	h := func(what string, of ...string) string {
		return fmt.Sprintf("cityHash64(%d, '%s', %s)", p.Seed, what, strings.Join(of, ", "))
	}
	u := func(what string, of ...string) string { return "(" + h(what, of...) + " / 18446744073709551616.)" }
	calendar := func(parts ...string) string {
		x := strings.Join(parts, "")
		return fmt.Sprintf("(%[1]d + intDiv(%[2]s, %[3]d) * %[4]d + intDiv((%[2]s) %% %[3]d, %[5]d) * %[6]d + 28800000 + (%[2]s) %% %[5]d)",
			p.StartMillis, x, 5*shiftMillis, 7*dayMillis, shiftMillis, dayMillis)
	}
	padded := func(prefix string, width int) func(string) string {
		return func(n string) string {
			return fmt.Sprintf("concat('%s', leftPad(toString(%s), %d, '0'))", prefix, n, width)
		}
	}
	service, developer := padded("svc-", 5), padded("github:dev-", 5)
	team := func(n string) string { return padded("team-", 3)(fmt.Sprintf("(%s) %% %d", n, p.Teams)) }
	funcs := template.FuncMap{
		"h": h, "u": u, "calendar": calendar, "service": service, "team": team, "capability": padded("capability-", 2),
		// at is when a slot of the trunk is reached; time goes up with the slot.
		"at": func(j string) string {
			return calendar(fmt.Sprintf("toInt64((starts + (1 - starts) * ((%[1]s) + %[2]s) / slots) * %[3]d)", j, u("jitter", "repo", j), workMillis))
		},
		// slot of the trunk that a service's point releases; the last few stay unreleased.
		"slot": func(i string) string { return fmt.Sprintf("intDiv((%s + 1) * slots, points + 1)", i) },
		"sha": func(j, b string) string {
			return fmt.Sprintf("lower(hex(SHA1(concat('%d', repo, '@', toString(%s), '.', toString(%s)))))", p.Seed, j, b)
		},
		"time": func(ms ...string) string {
			return "fromUnixTimestamp64Milli(toInt64(" + strings.Join(ms, "") + "), 'UTC')"
		},
		"version": func(ms, of string) string {
			return fmt.Sprintf("bitShiftLeft(toUInt64(%s), 22) + (%s) %% 1024", ms, of)
		},
		"word": func(n string) string {
			return "['checkout', 'search', 'basket', 'login', 'payments', 'shipping', 'pricing', 'reports', 'stock', 'mail', 'images', 'routes', 'limits'][toUInt8((" + n + ") % 13) + 1]"
		},
		"developer": func(what, of string) string {
			return developer(fmt.Sprintf("cityHash64(%d, %s, %s) %% %d", p.Seed, what, of, p.Developers))
		},
		"deployment": func(p, n string) string {
			return fmt.Sprintf("concat(repo, '/deployment/', leftPad(toString(%s), 8, '0'), toString(%s))", p, n)
		},
		// moment spreads things over the working time of the year.
		"moment": func(n string, of int64) string {
			return calendar(fmt.Sprintf("toInt64(%s * (%d / %d))", n, workMillis, of))
		},
		// who are the columns team_ref, service_ref and actor.
		"who": func(n string) string {
			return fmt.Sprintf("if(%[1]s %% 3 = 0, %[2]s, ''), if(%[1]s %% 3 = 1, %[3]s, ''), if(%[1]s %% 3 = 2, %[4]s, '')",
				n, team(h("team", n)), service(fmt.Sprintf("%s %% %d", h("service", n), p.Services)), developer(fmt.Sprintf("%s %% %d", h("actor", n), p.Developers)))
		},
	}
	var err error
	p.templates, err = template.New("year").Funcs(funcs).ParseFS(files, "load.sql")
	if err != nil {
		return fmt.Errorf("reading the statements: %w", err)
	}
	return nil
}

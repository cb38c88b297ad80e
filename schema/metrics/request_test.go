package metrics

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// scripted is a Querier with one answer for everything but the zone.
type scripted struct {
	columns []string
	rows    [][]any
	err     error
	args    map[string]any
}

func (s *scripted) Query(_ context.Context, sql string, args map[string]any) ([]string, [][]any, error) {
	if strings.HasPrefix(sql, "SELECT "+ZoneSetting) {
		return []string{"zone"}, [][]any{{"Europe/Berlin"}}, nil
	}
	if strings.Contains(sql, "FROM annotations") {
		return []string{"at"}, nil, nil
	}
	s.args = args
	return s.columns, s.rows, s.err
}

func TestParse(t *testing.T) {
	t.Parallel()
	e := NewEngine(&scripted{}, present)
	r, err := e.Parse(t.Context(), "lead_time", url.Values{
		"by": {"team,service", "repo"}, "every": {"week"}, "from": {"2026-03-29"}, "to": {"2026-03-30T12:00:00Z"}, "team": {"a, b", "c"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.By, []Dimension{Team, Service, Repo}) || r.Every != Week || !slices.Equal(r.Filters[Team], []string{"a", "b", "c"}) {
		t.Errorf("request %+v", r)
	}
	if got := r.From.UTC().Format(time.RFC3339); got != "2026-03-28T23:00:00Z" {
		t.Errorf("a date begins at %s, want midnight in Berlin", got)
	}
}

func TestRequestErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		metric string
		values url.Values
		want   string
	}{
		"unknown metric":    {"velocity", nil, `metric: there is no metric "velocity"; allowed: lead_time, `},
		"unknown parameter": {"lead_time", url.Values{"group": {"x"}}, "group: is no parameter of lead_time; allowed: by, every, from, to, zone, benchmark, team, service, repo, kind"},
		"foreign dimension": {"lead_time", url.Values{"by": {"wave"}}, `by: lead_time has no dimension "wave"; allowed: team, service, repo, kind`},
		"dimension twice":   {"lead_time", url.Values{"by": {"team,team"}}, `by: "team" is given twice`},
		"unknown bucket":    {"lead_time", url.Values{"every": {"hour"}}, `every: "hour" is no length of a bucket; allowed: day, week, month, quarter, total`},
		"unknown zone":      {"lead_time", url.Values{"zone": {"Mars/Olympus"}}, `zone: "Mars/Olympus" is no IANA time zone, such as Europe/Berlin`},
		"the machine's":     {"lead_time", url.Values{"zone": {"Local"}}, `zone: "Local" is no IANA time zone, such as Europe/Berlin`},
		"bad time":          {"lead_time", url.Values{"to": {"soon"}}, `to: "soon" is neither a date such as 2026-03-29 nor a time such as 2026-03-29T12:00:00Z`},
		"empty window":      {"lead_time", url.Values{"from": {"2026-03-29"}, "to": {"2026-03-29"}}, "from: the window from 2026-03-29T00:00:00+01:00 to 2026-03-29T00:00:00+01:00 is empty"},
		"too many buckets":  {"lead_time", url.Values{"every": {"day"}, "from": {"1980-01-01"}}, "every: the window has 16967 buckets, more than 3660: ask for a shorter window or longer buckets"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := NewEngine(&scripted{}, present)
			r, err := e.Parse(t.Context(), tt.metric, tt.values)
			if err == nil {
				_, err = e.Get(t.Context(), r)
			}
			var bad *RequestError
			if !errors.As(err, &bad) || !strings.HasPrefix(bad.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

// TestFiltersAreParameters: what people type never becomes SQL.
func TestFiltersAreParameters(t *testing.T) {
	t.Parallel()
	q := &scripted{}
	hostile := "x') OR 1=1 --"
	if _, err := NewEngine(q, present).Get(t.Context(), Request{Metric: "lead_time", Filters: map[Dimension][]string{Team: {hostile}}}); err != nil {
		t.Fatal(err)
	}
	if q.args["team_0"] != hostile {
		t.Errorf("args %v", q.args)
	}
	_, err := NewEngine(q, present).Get(t.Context(), Request{Metric: "lead_time", Filters: map[Dimension][]string{"1=1 OR team": {"x"}}})
	if _, ok := errors.AsType[*RequestError](err); !ok {
		t.Errorf("a dimension of SQL is accepted: %v", err)
	}
}

func TestEngineErrors(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	if _, err := NewEngine(&scripted{err: down}, present).Get(t.Context(), Request{Metric: "lead_time"}); !errors.Is(err, down) {
		t.Errorf("error %v does not wrap the cause", err)
	}
	short := &scripted{columns: []string{"bucket_from"}, rows: [][]any{{"no time"}}}
	if _, err := NewEngine(short, present).Get(t.Context(), Request{Metric: "lead_time"}); err == nil || !strings.Contains(err.Error(), "has no column value") {
		t.Errorf("a foreign answer gives %v", err)
	}
	if _, err := NewEngine(&scripted{}, present).Explain(t.Context(), Request{Metric: "lead_time"}, MaxExplainRows+1); err == nil {
		t.Error("a limit above the most is accepted")
	}
}

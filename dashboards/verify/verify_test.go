package verify_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/dashboards/model"
	"github.com/headway-metrics/headway/dashboards/verify"
)

// answers gives the same rows for every query that contains a key.
type answers map[string]answer

type answer struct {
	columns []string
	rows    [][]any
}

func (a answers) Query(_ context.Context, sql string, _ map[string]any) ([]string, [][]any, error) {
	for key, answer := range a {
		if strings.Contains(sql, key) {
			return answer.columns, answer.rows, nil
		}
	}
	return nil, nil, errors.New("no such table")
}

const good = `{"uid": "u", "title": "T", "time": {"from": "now-7d", "to": "now"},
 "templating": {"list": [{"name": "team", "type": "query", "query": "SELECT teams", "multi": true, "includeAll": true}]},
 "annotations": {"list": [{"name": "A", "enable": true, "filter": {"ids": [1]}, "target": {"refId": "X", "format": 1, "rawSql": "SELECT marks"}}]},
 "panels": [{"id": 1, "type": "timeseries", "title": "P", "description": "d",
   "targets": [{"refId": "A", "format": 0, "rawSql": "SELECT series WHERE $__timeFilter(at)"}],
   "links": [{"url": "/d/u?${__url_time_range}&${team:queryparam}"}],
   "fieldConfig": {"defaults": {}, "overrides": [{"matcher": {"id": "byName", "options": "v"},
     "properties": [{"id": "links", "value": [{"url": "/d/u?x=${__data.fields[\"v\"]}"}]}]}]}}]}`

func healthy() answers {
	now := time.Now()
	return answers{
		"teams":  {columns: []string{"id"}, rows: [][]any{{"a"}}},
		"marks":  {columns: []string{"time", "text"}, rows: [][]any{{now, "x"}}},
		"series": {columns: []string{"time", "v"}, rows: [][]any{{now, 1.0}, {now.Add(time.Hour), nil}}},
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tests := []struct {
		name, replace, with string
		change              func(answers)
		want                string
	}{
		{name: "healthy"},
		{name: "failing query", change: func(a answers) { delete(a, "series") }, want: "no such table"},
		{name: "empty on the sample", change: func(a answers) { a["series"] = answer{columns: []string{"time", "v"}} }, want: "no value on the sample"},
		{name: "only gaps on the sample", change: func(a answers) { a["series"] = answer{columns: []string{"time", "v"}, rows: [][]any{{now, nil}}} }, want: "no value on the sample"},
		{name: "empty with reason", replace: `"defaults": {}`, with: `"defaults": {"noValue": "None is good"}`, change: func(a answers) { a["series"] = answer{columns: []string{"time", "v"}} }},
		{name: "column of an override", replace: `"options": "v"`, with: `"options": "w"`, want: `column "w"`},
		{name: "column of a link", replace: `fields[\"v\"]`, with: `fields[\"w\"]`, want: `column "w"`},
		{name: "fills to nothing", replace: `{"id": "links", "value": [{"url": "/d/u?x=${__data.fields[\"v\"]}"}]}`, with: `{"id": "custom.fillBelowTo", "value": "low"}`, want: `column "low"`},
		{name: "x axis", replace: `"description": "d",`, with: `"description": "d", "options": {"xField": "band"},`, want: `column "band"`},
		{name: "unknown dashboard", replace: `/d/u?${__url_time_range}`, with: `/d/gone?${__url_time_range}`, want: "unknown dashboard gone"},
		{name: "unknown variable in a link", replace: `${team:queryparam}`, with: `${squad:queryparam}`, want: "unknown variable squad"},
		{name: "unknown macro", replace: `$__timeFilter(at)`, with: `$__timeFliter(at)`, want: "unknown macro"},
		{name: "no description", replace: `"description": "d"`, with: `"description": " "`, want: "no description"},
		{name: "no time column", change: func(a answers) { a["series"] = answer{columns: []string{"t", "v"}, rows: [][]any{{now, 1.0}}} }, want: "named time"},
		{name: "unsorted", change: func(a answers) {
			a["series"] = answer{columns: []string{"time", "v"}, rows: [][]any{{now, 1.0}, {now.Add(-time.Hour), 1.0}}}
		}, want: "not sorted"},
		{name: "variable without options", change: func(a answers) { a["teams"] = answer{columns: []string{"id"}} }, want: "no option"},
		{name: "annotation of some panels without rows", change: func(a answers) { a["marks"] = answer{columns: []string{"time", "text"}} }, want: "no value"},
		{name: "annotation of all panels without rows", replace: `"filter": {"ids": [1]}, `, change: func(a answers) { a["marks"] = answer{columns: []string{"time", "text"}} }},
		{name: "annotation without text", change: func(a answers) { a["marks"] = answer{columns: []string{"time"}, rows: [][]any{{now}}} }, want: "no column text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := good
			if tt.replace != "" {
				if text = strings.Replace(good, tt.replace, tt.with, 1); text == good {
					t.Fatal("the case changes nothing")
				}
			}
			d, err := model.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			a := healthy()
			if tt.change != nil {
				tt.change(a)
			}
			report, err := verify.Verify(t.Context(), a, []model.Dashboard{d}, verify.Options{Sample: true})
			if err != nil {
				t.Fatal(err)
			}
			err = report.Err()
			if tt.want == "" && err != nil {
				t.Fatalf("problems in a healthy dashboard: %v", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("problems %v, want %q", err, tt.want)
			}
		})
	}
}

// Without a sample, empty answers are no problem.
func TestEmptyIsFineWithoutSample(t *testing.T) {
	t.Parallel()
	d, err := model.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	a := answers{"teams": {columns: []string{"id"}}, "marks": {columns: []string{"time", "text"}}, "series": {columns: []string{"time", "v"}}}
	report, err := verify.Verify(t.Context(), a, []model.Dashboard{d}, verify.Options{})
	if err != nil || report.Err() != nil {
		t.Fatalf("problems: %v, %v", err, report.Err())
	}
	if len(report.Results) != 3 {
		t.Fatalf("%d results, want one per query", len(report.Results))
	}
}

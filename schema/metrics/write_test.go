package metrics

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func exampleResult() Result {
	return Result{
		Metric: "change_failure_rate", Version: 1, Unit: UnitRatio, Zone: "UTC", dims: []Dimension{Team},
		Points: []Point{
			{
				From: at("2026-06-01T00:00:00Z"), To: at("2026-06-08T00:00:00Z"), Dims: map[string]string{"team": "pay"}, Value: new(1. / 3), N: 9,
				Numerator: new(3.), Denominator: new(9.), Interval: &Interval{0.12, 0.65}, Provisional: true,
			},
			{
				From: at("2026-06-01T00:00:00Z"), To: at("2026-06-08T00:00:00Z"), Dims: map[string]string{"team": "=cmd|'x'\x1b[31m"},
				Numerator: new(0.), Denominator: new(0.),
			},
		},
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	for f, want := range map[Format]string{
		CSV: `from,to,team,value,p90,mean,n,numerator,denominator,low,high,provisional,censored
2026-06-01T00:00:00Z,2026-06-08T00:00:00Z,pay,0.3333333333333333,,,9,3,9,0.12,0.65,true,0
2026-06-01T00:00:00Z,2026-06-08T00:00:00Z,'=cmd|'x'` + "\x1b" + `[31m,,,,0,0,0,,,false,0
`,
		Table: `from              to                team           value    n  numerator  denominator  low     high    provisional  censored
2026-06-01 00:00  2026-06-08 00:00  pay            33.3 %   9  3          9            12.0 %  65.0 %  true         0
2026-06-01 00:00  2026-06-08 00:00  =cmd|'x' [31m  no data  0  0          0                                         0
`,
	} {
		var b bytes.Buffer
		if err := Write(&b, f, exampleResult()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f, diff)
		}
	}
	var b bytes.Buffer
	since := exampleResult()
	since.Version, since.VersionSince = 2, new(at("2026-05-04T10:00:00Z"))
	if err := Write(&b, Table, since); err != nil {
		t.Fatal(err)
	}
	if want := "\n\nchange_failure_rate by version 2 of its definition, in force since 2026-05-04 10:00.\n"; !strings.HasSuffix(b.String(), want) {
		t.Errorf("the table ends in %q, want %q", b.String(), want)
	}
	var bad *RequestError
	if err := Write(&bytes.Buffer{}, "xml", exampleResult()); !errors.As(err, &bad) || bad.Field != "format" {
		t.Errorf("format xml: %v", err)
	}
}

// TestJSON holds the shape that other programs read: NULL is there as null.
func TestJSON(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Write(&b, JSON, exampleResult()); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	points, ok := got["points"].([]any)
	if !ok || len(points) != 2 {
		t.Fatalf("points: %v", got)
	}
	want := map[string]any{
		"from": "2026-06-01T00:00:00Z", "to": "2026-06-08T00:00:00Z", "dims": map[string]any{"team": "=cmd|'x'\x1b[31m"}, "value": nil, "p90": nil,
		"n": 0., "numerator": 0., "denominator": 0., "interval": nil, "provisional": false,
	}
	if diff := cmp.Diff(want, points[1]); diff != "" {
		t.Errorf("point (-want +got):\n%s", diff)
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"42s": UnitSeconds.Format(42), "1m 5s": UnitSeconds.Format(65), "3h 30m": UnitSeconds.Format(12600), "2d 1h": UnitSeconds.Format(2*86400 + 3601),
		"33.3 %": UnitRatio.Format(1. / 3), "+12": UnitNPS.Format(12.3), "-4": UnitNPS.Format(-4), "0.43": UnitPerDay.Format(3. / 7),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	columns, rows := List(Catalogue()).table(true)
	if len(columns) != len(rows[0]) || !strings.Contains(rows[0][0], "lead_time") {
		t.Errorf("list: %v", rows[0])
	}
}

package clickhousequery_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"

	"github.com/headway-metrics/headway/dashboards/clickhousequery"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		builder *clickhousequery.Builder
		want    string
	}{
		{"time series keeps its zero", clickhousequery.TimeSeries("A", "SELECT 1"), `"queryType":"timeseries","format":0,"rawSql":"SELECT 1"`},
		{"table", clickhousequery.Table("B", "SELECT 2"), `"queryType":"table","format":1,"rawSql":"SELECT 2"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q, err := tt.builder.Build()
			if err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(q)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(raw), tt.want) || !strings.Contains(string(raw), `"uid":"${datasource}"`) {
				t.Errorf("%s does not hold %s", raw, tt.want)
			}
			back, err := clickhousequery.Variant().StrictDataqueryUnmarshaler(raw)
			if err != nil || !q.Equals(back) {
				t.Errorf("read back as %v, %v", back, err)
			}
		})
	}
}

// The SDK's builders panic on any other type of error.
func TestErrorsAreOfTheSDK(t *testing.T) {
	t.Parallel()
	for _, b := range []*clickhousequery.Builder{clickhousequery.Table("A", "  "), clickhousequery.Table("", "SELECT 1")} {
		_, err := b.Build()
		if _, ok := errors.AsType[cog.BuildErrors](err); !ok {
			t.Errorf("error %T %v, want cog.BuildErrors", err, err)
		}
	}
}

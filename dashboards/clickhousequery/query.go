// Package clickhousequery is the query type of Grafana's ClickHouse datasource,
// grafana-clickhouse-datasource, for the Grafana Foundation SDK, which ships none.
//
// It knows the datasource's JSON and nothing of Headway's tables.
package clickhousequery

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
)

// PluginID is the type of the datasource.
const PluginID = "grafana-clickhouse-datasource"

// DatasourceVariable is the dashboard variable that chooses the datasource.
const DatasourceVariable = "datasource"

// PluginVersion is the version of the datasource whose query format is written. Every 4.x reads it.
const PluginVersion = "4.0.0"

// Format says what the datasource turns the rows into.
type Format int

// Formats in use: rows with a time column, joined to one wide frame by their
// string columns; or rows as they are.
const (
	FormatTimeSeries Format = 0
	FormatTable      Format = 1
)

// Query is one query of a panel or an annotation.
type Query struct {
	RefID         string                `json:"refId"`
	Datasource    *common.DataSourceRef `json:"datasource,omitempty"`
	PluginVersion string                `json:"pluginVersion"`
	EditorType    string                `json:"editorType"`
	QueryType     string                `json:"queryType"`
	// Format is never omitted: 0 means time series, absent means something else.
	Format Format `json:"format"`
	RawSQL string `json:"rawSql"`
}

// ImplementsDataqueryVariant marks the type for the SDK.
func (Query) ImplementsDataqueryVariant() {}

// DataqueryType is the datasource the query is for.
func (Query) DataqueryType() string { return PluginID }

// Equals compares the queries as Grafana would store them.
func (q Query) Equals(other variants.Dataquery) bool {
	a, errA := json.Marshal(q)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// Validate refuses a query without SQL or without a name.
func (q Query) Validate() error {
	if strings.TrimSpace(q.RawSQL) == "" {
		return errors.New("query has no SQL")
	}
	if q.RefID == "" {
		return errors.New("query has no refId")
	}
	return nil
}

// Builder builds a Query for the SDK's panel and annotation builders.
type Builder struct{ query Query }

// Table is a query whose rows are shown as they are.
func Table(refID, sql string) *Builder {
	return &Builder{Query{
		RefID: refID, Datasource: new(Ref()), PluginVersion: PluginVersion, EditorType: "sql",
		QueryType: "table", Format: FormatTable, RawSQL: sql,
	}}
}

// TimeSeries is a query whose first column is a time; string columns become
// the labels of the series.
func TimeSeries(refID, sql string) *Builder {
	b := Table(refID, sql)
	b.query.QueryType, b.query.Format = "timeseries", FormatTimeSeries
	return b
}

// Build returns the query. The SDK's panel builders accept no other error than
// cog.BuildErrors: any other type makes them panic.
func (b *Builder) Build() (variants.Dataquery, error) {
	if err := b.query.Validate(); err != nil {
		return nil, cog.MakeBuildErrors("clickhouse query "+b.query.RefID, err)
	}
	return b.query, nil
}

// Variant lets the SDK read dashboards with these queries back as typed values.
func Variant() variants.DataqueryConfig {
	decode := func(raw []byte, strict bool) (variants.Dataquery, error) {
		d := json.NewDecoder(bytes.NewReader(raw))
		if strict {
			d.DisallowUnknownFields()
		}
		var q Query
		if err := d.Decode(&q); err != nil {
			return nil, err
		}
		return q, nil
	}
	return variants.DataqueryConfig{
		Identifier:                 PluginID,
		DataqueryUnmarshaler:       func(raw []byte) (variants.Dataquery, error) { return decode(raw, false) },
		StrictDataqueryUnmarshaler: func(raw []byte) (variants.Dataquery, error) { return decode(raw, true) },
	}
}

// Ref points at the datasource that the dashboard's variable chooses.
func Ref() common.DataSourceRef {
	return common.DataSourceRef{Type: new(PluginID), Uid: new("${" + DatasourceVariable + "}")}
}

package clickhouse_test

import (
	"testing"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

func TestFirst(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	cols, rows, err := db.Query(t.Context(), "SELECT name FROM system.tables WHERE database = {db:String} ORDER BY name", map[string]any{"db": db.Database()})
	t.Log(cols, rows, err)
	cols, rows, err = db.Reader.Query(t.Context(), "SELECT count() FROM commits", nil)
	t.Log(cols, rows, err)
}

package resolve_test

import (
	"testing"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

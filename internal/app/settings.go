package app

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/config"
	"github.com/headway-metrics/headway/schema/migrations"
)

// openAndMigrate opens ClickHouse as the writing user and brings its tables up
// to date.
func openAndMigrate(ctx context.Context, ep endpoints, cfg config.Config) (*clickhouse.Conn, error) {
	conn, err := clickhouse.Open(ctx, ep.Write)
	if err != nil {
		return nil, fmt.Errorf("opening ClickHouse: %w", err)
	}
	opts := clickhouse.MigrateOptions{Database: ep.Write.Database, Cluster: cfg.ClickHouse.Cluster}
	if err := clickhouse.Migrate(ctx, conn, migrations.FS, opts); err != nil {
		_ = conn.Close() // The migration's error is the one to report.
		return nil, err
	}
	return conn, nil
}

type setting struct {
	Key     string `ch:"key"`
	Value   string `ch:"value"`
	Version uint64 `ch:"version"`
}

// writeSettings stores what queries need to know of the configuration.
func (a *App) writeSettings(ctx context.Context) error {
	version := uint64(max(time.Now().UnixMilli(), 0)) //nolint:gosec // max keeps it positive.
	cfg := a.opts.Config
	rows := []setting{
		{"timezone", cfg.Timezone, version},
		{"organisation", cfg.Organisation, version},
		{"sample", strconv.Itoa(map[bool]int{true: 1}[a.opts.Sample]), version},
	}
	if err := a.write.InsertRows(ctx, "settings", rows); err != nil {
		return fmt.Errorf("storing settings: %w", err)
	}
	return nil
}

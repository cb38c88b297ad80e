package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/schema/migrations"
)

// A ClickHouse that does not answer yet is waited for: it may be starting beside us.
const (
	warehouseWait  = time.Minute
	warehouseRetry = 500 * time.Millisecond
)

// openAndMigrate opens ClickHouse as the writing user and brings its tables up
// to date.
func (a *App) openAndMigrate(ctx context.Context) (*clickhouse.Conn, error) {
	deadline := time.Now().Add(warehouseWait)
	for {
		conn, err := a.tryWarehouse(ctx)
		if err == nil || clickhouse.ErrorCode(err) != 0 || !isAway(err) || time.Now().After(deadline) {
			return conn, err
		}
		a.log.Info("waiting for ClickHouse", slog.Any("error", err))
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(warehouseRetry):
		}
	}
}

// isAway says that a server could not be reached, or went away while it answered.
func isAway(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func (a *App) tryWarehouse(ctx context.Context) (*clickhouse.Conn, error) {
	conn, err := clickhouse.Open(ctx, a.ep.Write)
	if err != nil {
		return nil, fmt.Errorf("opening ClickHouse: %w", err)
	}
	opts := clickhouse.MigrateOptions{Database: a.ep.Write.Database, Cluster: a.opts.Config.ClickHouse.Cluster}
	if err := clickhouse.Migrate(ctx, conn, migrations.FS, opts); err != nil {
		return nil, errors.Join(err, conn.Close())
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
	cfg := a.opts.Config
	rows := []setting{
		{Key: "timezone", Value: cfg.Timezone},
		{Key: "organisation", Value: cfg.Organisation},
		{Key: "sample", Value: strconv.Itoa(map[bool]int{true: 1}[a.opts.Sample])},
	}
	if a.opts.Roles.Portal {
		// Links of dashboards lead to the process that has the pages.
		rows = append(rows, setting{Key: "url", Value: cmp.Or(cfg.HTTP.PublicURL, "http://"+a.addr)})
	}
	return a.store(ctx, rows...)
}

// store stores settings as the latest.
func (a *App) store(ctx context.Context, rows ...setting) error {
	for i := range rows {
		rows[i].Version = uint64(max(time.Now().UnixMilli(), 0))
	}
	if err := a.write.InsertRows(ctx, "settings", rows); err != nil {
		return fmt.Errorf("storing settings: %w", err)
	}
	return nil
}

package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/pipeline/recompute"
	"github.com/headway-metrics/headway/schema"
	"github.com/headway-metrics/headway/schema/migrations"
)

// RecomputeRequest says why history is derived anew, and who is told how it goes.
type RecomputeRequest struct {
	recompute.Change
	OnStep     func(step string)
	OnProgress func(done, total int)
}

// Recompute derives the history of the Headway that the client reaches anew with
// this binary's rules and the configured options. It returns the annotation that
// dashboards show, and the number of services derived.
func (c *Client) Recompute(ctx context.Context, req RecomputeRequest) (schema.Annotation, int, error) {
	tools, err := c.tools(ctx)
	if err != nil {
		return schema.Annotation{}, 0, err
	}
	cluster := c.cfg.ClickHouse.Cluster
	// The annotations' table and the columns of this binary may not be there yet.
	if err := clickhouse.Migrate(ctx, tools.conn, migrations.FS, clickhouse.MigrateOptions{Cluster: cluster}); err != nil {
		return schema.Annotation{}, 0, err
	}
	return recompute.Run(ctx, recompute.Options{
		Store: tools.conn, Dirty: dirty{outbox{tools.publisher}, tools.client}, Derive: c.cfg.Derivation(),
		Copy: func(ctx context.Context, tables ...string) (recompute.Copies, error) {
			return clickhouse.NewCopies(ctx, tools.conn, cluster, tables...)
		},
		Now: time.Now, Log: c.log.With(slog.String("part", "recompute")),
		OnStep: req.OnStep, OnProgress: req.OnProgress,
	}, req.Change)
}

// dirty is the topic of dirty keys.
type dirty struct {
	outbox

	client *kafka.Client
}

// DirtySince implements recompute.Dirty.
func (d dirty) DirtySince(ctx context.Context, since time.Time) ([]schema.DirtyKey, error) {
	var out []schema.DirtyKey
	err := d.client.ReadRange(ctx, schema.TopicDirty, since, func(m kafka.Message) error {
		out = append(out, schema.DirtyKey(m.Value))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading dirty keys: %w", err)
	}
	return out, nil
}

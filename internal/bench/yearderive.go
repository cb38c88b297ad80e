package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/headway-metrics/headway/internal/app"
	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/pipeline/resolve"
	"github.com/headway-metrics/headway/schema"
)

func derivedTables() []string {
	return []string{schema.ReleaseTable, schema.ChangeDeployedTable, schema.IncidentTable}
}

// recompute derives the history anew beside the old one, as the command does, and then
// says anew whose every fact is.
func (y *yearRun) recompute(ctx context.Context) error {
	forgetPeak(os.Getpid())
	forgetPeak(childOf(os.Getpid()))
	y.OnStep("Deriving everything")
	began := time.Now()
	_, _, err := y.client.Recompute(ctx, app.RecomputeRequest{OnStep: func(string) {}, OnProgress: func(int, int) {}})
	if err != nil {
		return err
	}
	took := time.Since(began)
	y.report.Deriving, y.report.DeriveMemory = took, memoryNow()
	for _, t := range derivedTables() {
		n, err := y.number(ctx, "SELECT count() AS n FROM "+t)
		if err != nil {
			return err
		}
		y.report.Derived = append(y.report.Derived, Derived{t, n})
	}
	if y.report.Services, err = y.number(ctx, "SELECT count() AS n FROM services FINAL"); err != nil {
		return err
	}
	y.report.DeployedShare, err = y.deployedShare(ctx)
	if err != nil {
		return err
	}
	y.OnStep("Waiting for the pipeline to derive what arrived last")
	if err := y.app.Settle(ctx); err != nil {
		return err
	}
	y.OnStep("Saying whose everything is")
	if y.report.Resolving, err = y.anew(ctx, schema.DirtyNames, resolve.Tables()...); err != nil {
		return err
	}
	y.OnStep("Waiting for ClickHouse to merge")
	return y.awaitMerges(ctx)
}

// anew empties tables, publishes a key and measures until all that follows is done.
func (y *yearRun) anew(ctx context.Context, key schema.DirtyKey, tables ...string) (time.Duration, error) {
	for _, t := range tables {
		if err := y.write.Exec(ctx, "TRUNCATE TABLE "+t, nil); err != nil {
			return 0, err
		}
	}
	client, err := y.client.Kafka()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	publisher := client.NewPublisher()
	err = publisher.PublishMessages(ctx, schema.TopicDirty, kafka.Message{Key: []byte(key.Partition()), Value: []byte(key)})
	if closeErr := publisher.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = y.app.Settle(ctx)
	}
	return time.Since(began), err
}

// deployedShare is the share of merged requests that a release deployed.
func (y *yearRun) deployedShare(ctx context.Context) (float64, error) {
	merged, err := y.number(ctx, "SELECT count() AS n FROM changes FINAL WHERE state = 'merged'")
	if err != nil {
		return 0, err
	}
	deployed, err := y.number(ctx, "SELECT uniqExact(change_id) AS n FROM changes_deployed WHERE kind = 'request'")
	if err != nil {
		return 0, err
	}
	if merged == 0 {
		return 0, fmt.Errorf("no merged request in %s", y.Dir)
	}
	return float64(deployed) / float64(merged), nil
}

// Memory is peaks of resident memory, in bytes: of Headway's process, broker
// and measurement included, and of the ClickHouse child.
type Memory struct{ Headway, ClickHouse int64 }

func memoryNow() Memory {
	return Memory{peakMemory(os.Getpid()), peakMemory(childOf(os.Getpid()))}
}

// Derived is how many rows a derived table has.
type Derived struct {
	Table string
	Rows  uint64
}

package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/headway-metrics/headway/internal/bench/year"
)

func (y *yearRun) load(ctx context.Context) error {
	if err := y.writeManifest(false); err != nil {
		return err
	}
	forgetPeak(childOf(os.Getpid()))
	y.OnStep("Making the year")
	began := time.Now()
	_, err := year.Load(ctx, y.write, y.Year, func(l year.Loaded) {
		y.report.Loaded = append(y.report.Loaded, l)
		y.OnStep(fmt.Sprintf("%s: %d rows after %s", l.Table, l.Rows, l.Took.Round(time.Millisecond)))
	})
	if err != nil {
		return err
	}
	y.report.Loading = time.Since(began)
	y.OnStep("Waiting for ClickHouse to merge")
	if err := y.awaitMerges(ctx); err != nil {
		return err
	}
	y.report.Merging = time.Since(began) - y.report.Loading
	y.report.LoadMemory = memoryNow()
	if err := y.sizes(ctx); err != nil {
		return err
	}
	return y.writeManifest(true)
}

// Merges are over when none is seen several times in a row.
const (
	mergePoll = time.Second
	mergeCalm = 5
)

func (y *yearRun) awaitMerges(ctx context.Context) error {
	tick := time.NewTicker(mergePoll)
	defer tick.Stop()
	for calm := 0; calm < mergeCalm; calm++ {
		n, err := y.number(ctx, "SELECT count() AS n FROM system.merges")
		if err != nil {
			return err
		}
		if n > 0 {
			calm = -1
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// number asks for one number, named n.
func (y *yearRun) number(ctx context.Context, sql string) (uint64, error) {
	var rows []struct {
		N uint64 `ch:"n"`
	}
	if err := y.write.Select(ctx, &rows, sql, nil); err != nil {
		return 0, err
	}
	if len(rows) != 1 {
		return 0, fmt.Errorf("%d rows instead of one number", len(rows))
	}
	return rows[0].N, nil
}

// Size of a table on disk.
type Size struct {
	Table string `ch:"table"`
	Rows  uint64 `ch:"rows"`
	Bytes uint64 `ch:"bytes"`
	Parts uint64 `ch:"parts"`
}

func (y *yearRun) sizes(ctx context.Context) error {
	return y.write.Select(ctx, &y.report.Sizes, `SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, count() AS parts
FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY bytes DESC`, nil)
}

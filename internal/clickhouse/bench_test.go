package clickhouse_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/schema"
)

// BenchmarkInsert: facts a second into one table, acknowledged and synced.
func BenchmarkInsert(b *testing.B) {
	for _, size := range []int{1000, 20_000} {
		b.Run(fmt.Sprintf("rows=%d", size), func(b *testing.B) {
			db := clickhousetest.New(b)
			facts := make([]schema.Fact, size)
			n := 0
			for b.Loop() {
				for i := range facts {
					n++
					facts[i] = &schema.Commit{
						Repo: "github.com/acme/service", SHA: fmt.Sprintf("%040d", n), Parents: []string{fmt.Sprintf("%040d", n-1)},
						CommittedAt: time.UnixMilli(int64(n) * 1000), Title: "Change one thing for a good reason",
					}
				}
				if err := db.Insert(b.Context(), facts); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

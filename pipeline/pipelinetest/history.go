package pipelinetest

import (
	"context"
	"time"

	"github.com/headway-metrics/headway/pipeline"
)

// History is a topic in memory, read partition after partition as Kafka's is.
type History struct {
	// Partitions hold records in order; partition and offset are their indexes.
	Partitions [][]pipeline.Record
	// FailAfter, when positive, ends each reading with ErrDown after that many
	// records.
	FailAfter int
}

// ReadRange reads the records published since a time; the topic's name is not
// looked at.
func (h *History) ReadRange(ctx context.Context, _ string, since time.Time, fn func(pipeline.Record) error) error {
	read := 0
	for p, records := range h.Partitions {
		for offset, rec := range records {
			if rec.Published.Before(since) {
				continue
			}
			if h.FailAfter > 0 && read == h.FailAfter {
				return ErrDown
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			read++
			rec.Partition, rec.Offset = p, int64(offset)
			if err := fn(rec); err != nil {
				return err
			}
		}
	}
	return nil
}

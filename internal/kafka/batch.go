package kafka

import (
	"context"
	"time"
)

// batch is what one call of a handler gets.
type batch struct {
	messages []Message
	bytes    int
	// next is the offset behind the last message of each partition.
	next map[string]map[int]int64
}

func (b *batch) add(m Message) {
	b.messages = append(b.messages, m)
	b.bytes += memory(m)
	if b.next[m.Topic] == nil {
		b.next[m.Topic] = map[int]int64{}
	}
	b.next[m.Topic][m.Partition] = m.Offset + 1
}

// memory is about what a message holds on to.
func memory(m Message) int {
	const overhead, headerOverhead = 160, 48
	n := overhead + len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		n += headerOverhead + len(h.Value)
	}
	return n
}

// collect merges the messages of all partitions into batches. One batch waits
// to be taken while the one before it is handled; then reading stops, so memory
// stays at two batches and the readers' queues.
func collect(ctx context.Context, cfg ConsumerConfig, in <-chan Message, out chan<- *batch) {
	due := time.NewTimer(time.Hour)
	due.Stop()
	defer due.Stop()
	b := newBatch()
	late := false
	for {
		src, dst := in, out
		full := len(b.messages) >= cfg.MaxBatch || b.bytes >= cfg.MaxBytes
		if full {
			src = nil
		}
		if len(b.messages) == 0 || !full && !late {
			dst = nil
		}
		select {
		case <-ctx.Done():
			return
		case m := <-src:
			if len(b.messages) == 0 {
				due.Reset(cfg.FlushEvery)
			}
			b.add(m)
		case <-due.C:
			late = true
		case dst <- b:
			b, late = newBatch(), false
			due.Stop()
		}
	}
}

func newBatch() *batch { return &batch{next: map[string]map[int]int64{}} }

// queueCapacity is how many messages each partition's reader may hold, so that
// all together hold about one batch of 16 KB messages.
func queueCapacity(maxBytes, partitions int) int {
	const typical = 16 << 10
	return min(max(maxBytes/typical/max(partitions, 1), 16), 1000)
}

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
	// continued says that all messages are what ConsumerConfig.Continues means.
	continued bool
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

const (
	// quietParts is into how many parts FlushEvery is cut, one of which without a message
	// lets a batch go early.
	quietParts = 4
	// burstParts is into how many parts that is cut; what is published together comes
	// within one of them.
	burstParts = 8
)

// collect merges the messages of all partitions into batches. One batch waits
// to be taken while the one before it is handled; then reading stops, so memory
// stays at two batches and the readers' queues.
//
// A batch goes FlushEvery after its first message. It goes early when nothing more
// comes for a while, unless that would make batches more frequent than FlushEvery;
// what only continues earlier batches does not count for that.
func collect(ctx context.Context, cfg ConsumerConfig, in <-chan Message, out chan<- *batch) {
	tick := time.NewTimer(time.Hour)
	tick.Stop()
	defer tick.Stop()
	b := newBatch()
	var began, left time.Time
	late, seen := false, 0
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
				began, seen, b.continued = time.Now(), 0, cfg.Continues != nil
				tick.Reset(cfg.FlushEvery / quietParts / burstParts)
			}
			b.add(m)
			b.continued = b.continued && cfg.Continues(m)
		case now := <-tick.C:
			quiet := len(b.messages) == seen && (b.continued || now.Sub(left) >= cfg.FlushEvery)
			if late = quiet || now.Sub(began) >= cfg.FlushEvery; !late {
				seen = len(b.messages)
				tick.Reset(min(cfg.FlushEvery/quietParts, cfg.FlushEvery-now.Sub(began)))
			}
		case dst <- b:
			if !b.continued {
				left = time.Now()
			}
			b, late = newBatch(), false
			tick.Stop()
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

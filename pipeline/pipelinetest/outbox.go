package pipelinetest

import (
	"context"
	"slices"
	"sync"

	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/schema"
)

// Outbox remembers what was published. The zero value is ready to use.
type Outbox struct {
	Faults *Faults

	mu    sync.Mutex
	dirty []schema.DirtyKey
	dead  []pipeline.DeadEvent
}

// PublishDirty remembers keys.
func (o *Outbox) PublishDirty(ctx context.Context, keys ...schema.DirtyKey) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := o.Faults.check(BeforeDirty); err != nil {
		return err
	}
	o.mu.Lock()
	o.dirty = append(o.dirty, keys...)
	o.mu.Unlock()
	return o.Faults.check(AfterDirty)
}

// PublishDead remembers letters.
func (o *Outbox) PublishDead(ctx context.Context, letters ...pipeline.DeadEvent) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := o.Faults.check(BeforeDead); err != nil {
		return err
	}
	o.mu.Lock()
	o.dead = append(o.dead, letters...)
	o.mu.Unlock()
	return o.Faults.check(AfterDead)
}

// Dirty lists the keys published so far, in order, duplicates included.
func (o *Outbox) Dirty() []schema.DirtyKey {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.dirty)
}

// Dead lists the letters published so far, in order, duplicates included.
func (o *Outbox) Dead() []pipeline.DeadEvent {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.dead)
}

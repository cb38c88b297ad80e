package recompute

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// Copies are empty copies of Tables, to be put in their place.
type Copies interface {
	// Name is the name of a table's copy.
	Name(table string) string
	// Switch exchanges every table with its copy; a reader never finds a table
	// missing or empty.
	Switch(ctx context.Context) error
	// Drop removes what has the names of the copies.
	Drop(ctx context.Context) error
}

// Dirty is the topic of dirty keys.
type Dirty interface {
	derive.Outbox
	// DirtySince returns the keys that were published since a time.
	DirtySince(ctx context.Context, since time.Time) ([]schema.DirtyKey, error)
}

// Options of Run. All but OnStep and OnProgress must be set.
type Options struct {
	Store derive.Store
	Dirty Dirty
	// Copy makes empty copies of the tables; it drops those of earlier runs.
	Copy   func(ctx context.Context, tables ...string) (Copies, error)
	Derive derive.Options
	Now    func() time.Time
	Log    *slog.Logger
	// OnStep is told of each step, OnProgress how many services of how many are derived.
	OnStep     func(step string)
	OnProgress func(done, total int)
}

func (o *Options) validate() error {
	if o.Store == nil || o.Dirty == nil || o.Copy == nil || o.Now == nil || o.Log == nil {
		return errors.New("recompute: Store, Dirty, Copy, Now and Log must be set")
	}
	if o.OnStep == nil {
		o.OnStep = func(string) {}
	}
	if o.OnProgress == nil {
		o.OnProgress = func(int, int) {}
	}
	return nil
}

const (
	// batch is how many services are derived between two reports of progress.
	batch = 512
	// clockSkew is by how much the clocks of brokers and this process may differ.
	clockSkew = 2 * time.Minute
	// switchTimeout bounds what is not interrupted: the switch and what follows.
	switchTimeout = 5 * time.Minute
)

// Run derives every service into copies of the tables and exchanges them. It
// returns the annotation that it has written and how many services it derived. After an
// error before the switch the old tables are in force as they were.
func Run(ctx context.Context, o Options, change Change) (schema.Annotation, int, error) {
	if err := o.validate(); err != nil {
		return schema.Annotation{}, 0, err
	}
	if _, err := change.annotation(o.Now()); err != nil {
		return schema.Annotation{}, 0, err
	}
	began := o.Now()
	copies, err := o.Copy(ctx, Tables()...)
	if err != nil {
		return schema.Annotation{}, 0, fmt.Errorf("making empty tables beside the old ones: %w", err)
	}
	services, err := o.fill(ctx, copies, began)
	if err == nil {
		err = ctx.Err() // From here on nothing is interrupted.
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), switchTimeout)
	defer cancel()
	if err != nil {
		return schema.Annotation{}, 0, errors.Join(err, copies.Drop(ctx))
	}
	a, err := o.enforce(ctx, copies, change)
	return a, services, err
}

// fill derives every service into the copies, and then again those that concern what has
// arrived since the beginning.
func (o *Options) fill(ctx context.Context, copies Copies, began time.Time) (int, error) {
	found := &collector{}
	d, err := derive.New(derive.Config{Store: newStore(o.Store, copies), Outbox: found, Options: o.Derive, Now: o.Now, Log: o.Log})
	if err != nil {
		return 0, err
	}
	o.OnStep("Finding the services")
	if err := d.Handle(ctx, []schema.DirtyKey{schema.DirtyAll}); err != nil {
		return 0, fmt.Errorf("finding the services: %w", err)
	}
	all := found.take()
	o.OnStep(fmt.Sprintf("Deriving %d services beside the old history", len(all)))
	if err := o.derive(ctx, d, all); err != nil {
		return 0, err
	}
	late, err := o.Dirty.DirtySince(ctx, began.Add(-clockSkew))
	if err != nil {
		return 0, fmt.Errorf("reading what has arrived meanwhile: %w", err)
	}
	// One fan-out: keys of everything else become keys of services.
	if err := d.Handle(ctx, slices.DeleteFunc(slices.Clone(late), isService)); err != nil {
		return 0, fmt.Errorf("finding what has arrived meanwhile: %w", err)
	}
	if err := found.PublishDirty(ctx, slices.DeleteFunc(late, func(k schema.DirtyKey) bool { return !isService(k) })...); err != nil {
		return 0, err
	}
	if again := found.take(); len(again) > 0 {
		o.OnStep(fmt.Sprintf("Deriving %d services of which something has arrived meanwhile", len(again)))
		if err := o.derive(ctx, d, again); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

func isService(k schema.DirtyKey) bool {
	kind, _ := k.Split()
	return kind == "service"
}

func (o *Options) derive(ctx context.Context, d *derive.Deriver, services []schema.DirtyKey) error {
	done := 0
	o.OnProgress(done, len(services))
	for keys := range slices.Chunk(services, batch) {
		if err := d.Handle(ctx, keys); err != nil {
			return fmt.Errorf("deriving anew: %w", err)
		}
		done += len(keys)
		o.OnProgress(done, len(services))
	}
	return nil
}

// enforce switches, and tells the dashboards and the pipeline.
func (o *Options) enforce(ctx context.Context, copies Copies, change Change) (schema.Annotation, error) {
	o.OnStep("Switching to the new history")
	if err := copies.Switch(ctx); err != nil {
		// Which of the tables were exchanged is not known, so none is dropped; the
		// next run drops what is left.
		return schema.Annotation{}, fmt.Errorf("switching to the new history (run the command again): %w", err)
	}
	a, err := change.annotation(o.Now())
	if err != nil {
		return a, err
	}
	if err := o.Store.InsertRows(ctx, schema.AnnotationTable, []schema.Annotation{a}); err != nil {
		return a, fmt.Errorf("the new history is in force, but its annotation was not written: %w", err)
	}
	if err := o.Dirty.PublishDirty(ctx, schema.DirtyAll); err != nil {
		return a, fmt.Errorf("the new history is in force, but the pipeline was not told to derive what arrived last: %w", err)
	}
	if err := copies.Drop(ctx); err != nil {
		return a, fmt.Errorf("the new history is in force, but the old one was not dropped: %w", err)
	}
	return a, nil
}

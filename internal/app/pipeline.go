package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/pipeline/announce"
	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/pipeline/resolve"
	"github.com/headway-metrics/headway/schema"
)

// Consumer groups of the pipeline.
const (
	groupLoad   = "headway.load"
	groupDerive = "headway.derive"
)

// defaultEventSource is the source of what a Headway publishes that has no public URL.
const defaultEventSource = "/headway"

// startPipeline runs loading and deriving until run ends.
func (a *App) startPipeline(run context.Context) error {
	metrics, err := pipeline.NewMetrics(a.registry)
	if err != nil {
		return err
	}
	out := outbox{a.publisher}
	loader, err := pipeline.NewLoader(pipeline.Options{
		Normalizers: a.sources.normalizers, Sink: a.write, Outbox: out, Metrics: metrics,
		Logger: a.log.With(slog.String("part", "load")),
	})
	if err != nil {
		return err
	}
	derivation := derive.Config{
		Store: a.write, Outbox: out, Options: a.opts.Config.Derivation(), Log: a.log.With(slog.String("part", "derive")),
	}
	if topic := a.opts.Config.Publish.CDEvents.Topic; topic != "" {
		source := cmp.Or(a.opts.Config.HTTP.PublicURL, defaultEventSource)
		if derivation.Announcer, err = announce.New(cloudEvents{a.publisher, topic}, source); err != nil {
			return err
		}
	}
	deriver, err := derive.New(derivation)
	if err != nil {
		return err
	}
	resolver := resolve.New(a.write)
	cfg := a.opts.Config.Pipeline
	// Somebody else may have changed the catalogue, or a new version its views, when
	// no pipeline ran.
	if err := out.PublishDirty(run, schema.DirtyNames); err != nil {
		return err
	}
	if err := a.deriveByNewPaths(run, out, derivation.Options.InfrastructurePaths); err != nil {
		return err
	}
	load := kafka.ConsumerConfig{Group: groupLoad, Topics: a.sources.rawTopics(), MaxBatch: cfg.MaxBatch, FlushEvery: cfg.FlushEvery}
	a.work(run, "loading", func(ctx context.Context) error {
		return a.client.Consume(ctx, load, func(ctx context.Context, batch []kafka.Message) error {
			return loader.Handle(ctx, events(batch))
		})
	})
	derived := kafka.ConsumerConfig{
		Group: groupDerive, Topics: []string{schema.TopicDirty}, FlushEvery: cfg.DeriveEvery,
		// Keys of services come of others, which were gathered.
		Continues: func(m kafka.Message) bool {
			kind, _ := schema.DirtyKey(m.Value).Split()
			return kind == "service"
		},
	}
	a.work(run, "deriving", func(ctx context.Context) error {
		return a.client.Consume(ctx, derived, func(ctx context.Context, batch []kafka.Message) error {
			keys := make([]schema.DirtyKey, 0, len(batch))
			for _, m := range batch {
				keys = append(keys, schema.DirtyKey(m.Value))
			}
			if err := deriver.Handle(ctx, keys); err != nil {
				return err
			}
			return resolver.Handle(ctx, keys)
		})
	})
	return nil
}

// infrastructurePathsSetting is the key of the setting that says by which paths of
// infrastructure changes were derived.
const infrastructurePathsSetting = "infrastructure_paths"

// deriveByNewPaths has everything derived again when the paths of infrastructure are
// not those that it was derived by. It notes them only when that is durable.
func (a *App) deriveByNewPaths(ctx context.Context, out outbox, paths []derive.Pattern) error {
	texts := make([]string, len(paths))
	for i, p := range paths {
		texts[i] = p.String()
	}
	now := strings.Join(texts, "\n")
	var was []struct {
		Value string `ch:"value"`
	}
	if err := a.write.Select(ctx, &was, "SELECT value FROM settings FINAL WHERE key = {key:String}", map[string]any{"key": infrastructurePathsSetting}); err != nil {
		return fmt.Errorf("reading by which paths changes were derived: %w", err)
	}
	if len(was) == 1 && was[0].Value == now {
		return nil
	}
	if err := out.PublishDirty(ctx, schema.DirtyAll); err != nil {
		return err
	}
	return a.store(ctx, setting{Key: infrastructurePathsSetting, Value: now})
}

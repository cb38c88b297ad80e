// Package app wires the parts of Headway together and runs them. It is the only
// place that knows whether the servers are embedded or elsewhere (invariant 11);
// no part of the work itself may enter.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	promcollectors "github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/git"
	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/config"
	"github.com/headway-metrics/headway/internal/embedded"
	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/internal/telemetry"
	"github.com/headway-metrics/headway/surveys"
)

// Roles say which parts run in this process.
type Roles struct {
	// Collect receives webhooks and polls.
	Collect bool
	// Pipeline loads and derives.
	Pipeline bool
	// Portal serves dashboards, the metrics API and surveys.
	Portal bool
	// Servers starts the embedded broker and warehouse where the configuration
	// names no others.
	Servers bool
}

// AllRoles is what 'headway up' runs.
func AllRoles() Roles { return Roles{Collect: true, Pipeline: true, Portal: true, Servers: true} }

// Options of an App.
type Options struct {
	Config config.Config
	Roles  Roles
	// Git are repositories named on the command line, beside those of the configuration.
	Git    []git.Repository
	Logger *slog.Logger
	// Sample marks every page as showing sample data.
	Sample bool
	// OnProgress is told of each long step; it may be nil.
	OnProgress func(step string)
	// OnDownload is told how the engine's download goes; it may be nil.
	OnDownload func(embedded.Progress)
}

// App is a running Headway.
type App struct {
	opts     Options
	log      *slog.Logger
	registry *prometheus.Registry
	health   *telemetry.Health

	addr           string
	clickHouseHTTP string
	surveyURL      string
	portal         *surveys.Portal
	ep             endpoints
	write, read    *clickhouse.Conn
	client         *kafka.Client
	publisher      *kafka.Publisher
	sources        *sourceSet
	runner         atomic.Pointer[collectors.Runner]

	mu       sync.Mutex
	teardown []stopper
	stopOnce sync.Once
	stopErr  error

	cancel  context.CancelFunc
	workers sync.WaitGroup
	failed  chan error
}

type stopper struct {
	name string
	stop func(context.Context) error
}

// New checks the options. It starts nothing and asks nobody.
func New(opts Options) (*App, error) {
	if opts.Logger == nil {
		return nil, errors.New("app: no logger")
	}
	a := &App{
		opts: opts, log: opts.Logger, registry: prometheus.NewRegistry(), health: &telemetry.Health{},
		failed: make(chan error, 1),
	}
	a.registry.MustRegister(promcollectors.NewGoCollector(), promcollectors.NewProcessCollector(promcollectors.ProcessCollectorOpts{}))
	set, err := newSources(opts)
	if err != nil {
		return nil, err
	}
	a.sources = set
	return a, nil
}

// Start brings everything up and returns once it is ready to serve. On an error
// what had been started is stopped again.
func (a *App) Start(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
		}
	}()
	if err := os.MkdirAll(a.opts.Config.DataDir, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	// Ports first: a taken port is found before anything is started.
	ln, err := a.listen(ctx)
	if err != nil {
		return err
	}
	if err := a.checkPorts(ctx); err != nil {
		return err
	}
	if err := a.connect(ctx); err != nil {
		return err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.cancel = cancel
	a.onStop("workers", func(context.Context) error { cancel(); a.workers.Wait(); return nil })
	return a.startRoles(run, ln)
}

func (a *App) startRoles(run context.Context, ln net.Listener) error {
	if a.opts.Roles.Pipeline {
		if err := a.startPipeline(run); err != nil {
			return err
		}
	}
	handler, err := a.handler(run)
	if err != nil {
		return err
	}
	a.serve(run, ln, handler)
	if a.opts.Roles.Collect {
		if err := a.startPollers(run); err != nil {
			return err
		}
	}
	return nil
}

// connect starts or finds the servers, makes topics and tables, and opens the
// clients.
func (a *App) connect(ctx context.Context) error {
	var err error
	if a.opts.Roles.Servers {
		a.ep, err = a.startServers(ctx)
	} else {
		a.ep, err = find(a.opts.Config)
	}
	if err != nil {
		return err
	}
	a.progress("Preparing topics and tables")
	a.ep.Kafka.Logger = a.log.With(slog.String("part", "kafka"))
	if a.client, err = kafka.New(a.ep.Kafka); err != nil {
		return err
	}
	a.onStop("kafka client", func(context.Context) error { a.client.Close(); return nil })
	if err := a.client.EnsureTopics(ctx, a.topics()...); err != nil {
		return err
	}
	if a.opts.Roles != (Roles{Collect: true}) {
		if err := a.openWarehouse(ctx); err != nil {
			return err
		}
	}
	a.publisher = a.client.NewPublisher()
	a.onStop("publisher", func(context.Context) error { return a.publisher.Close() })
	a.health.Add("kafka", a.client.Ping)
	if a.opts.Roles.Servers {
		return a.leaveRunFile(a.ep)
	}
	return nil
}

// openWarehouse waits for ClickHouse, brings its tables up to date, and opens it as
// both users. A process that only collects does without: it needs Kafka alone.
func (a *App) openWarehouse(ctx context.Context) error {
	var err error
	if a.write, err = a.openAndMigrate(ctx); err != nil {
		return err
	}
	a.onStop("clickhouse writer", func(context.Context) error { return a.write.Close() })
	a.health.Add("clickhouse", a.write.Ping)
	if err := a.writeSettings(ctx); err != nil {
		return err
	}
	if a.read, err = clickhouse.Open(ctx, a.ep.Read); err != nil {
		return fmt.Errorf("opening ClickHouse as the reading user: %w", err)
	}
	a.onStop("clickhouse reader", func(context.Context) error { return a.read.Close() })
	return nil
}

// Wait blocks until ctx ends or a part fails for good, and then stops the app.
func (a *App) Wait(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
	case err = <-a.failed:
	}
	return errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
}

// stopTimeout bounds a clean stop.
const stopTimeout = 40 * time.Second

// Stop ends every part, the last started first. It may be called twice.
func (a *App) Stop(ctx context.Context) error {
	a.stopOnce.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, stopTimeout)
		defer cancel()
		a.mu.Lock()
		steps := slices.Clone(a.teardown)
		a.mu.Unlock()
		for _, s := range slices.Backward(steps) {
			if err := s.stop(ctx); err != nil {
				a.stopErr = errors.Join(a.stopErr, fmt.Errorf("stopping the %s: %w", s.name, err))
			}
		}
	})
	return a.stopErr
}

func (a *App) onStop(name string, stop func(context.Context) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.teardown = append(a.teardown, stopper{name, stop})
}

// work runs a part until run ends; an error that is not the end of run ends the app.
func (a *App) work(run context.Context, name string, do func(context.Context) error) {
	a.workers.Go(func() {
		if err := do(run); err != nil && run.Err() == nil {
			select {
			case a.failed <- fmt.Errorf("%s: %w", name, err):
			default: // Another part has failed already; one reason is enough to stop.
			}
		}
	})
}

func (a *App) progress(step string) {
	if a.opts.OnProgress != nil {
		a.opts.OnProgress(step)
	}
}

// Addr is host:port of the HTTP server, once started.
func (a *App) Addr() string { return a.addr }

// Place is where something of a running Headway is found.
type Place struct{ Label, URL string }

// Places lists what a user may want to open, once started.
func (a *App) Places() []Place {
	base := "http://" + a.addr
	out := []Place{}
	if a.opts.Roles.Portal {
		out = append(out, Place{"Dashboards (preview)", base + "/preview/"})
		out = append(out, Place{"Survey", cmp.Or(a.surveyURL, base+"/survey")}, Place{"Metrics API", base + "/v1/metrics"})
	}
	if a.opts.Roles.Collect {
		out = append(out, Place{"Webhooks", base + "/hooks/<source>"})
	}
	if a.clickHouseHTTP != "" {
		out = append(out, Place{"ClickHouse", "http://" + a.clickHouseHTTP})
	}
	return append(out, Place{"Kafka", a.ep.Kafka.Brokers[0]}, Place{"Prometheus metrics", base + "/metrics"})
}

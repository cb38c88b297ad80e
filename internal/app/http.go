package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/headway-metrics/headway/collectors"
)

// drain is how long running requests may take to finish at a stop.
const drain = 10 * time.Second

func (a *App) listen(ctx context.Context) (net.Listener, error) {
	addr := a.opts.Config.HTTP.Listen
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, portHint(fmt.Errorf("listening on %s: %w", addr, err), "http.listen")
	}
	a.addr = ln.Addr().String()
	a.onStop("listener", func(context.Context) error {
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return ln, nil
}

// checkPorts finds out whether the ports of the embedded servers are free, before
// any of them is started.
func (a *App) checkPorts(ctx context.Context) error {
	cfg := a.opts.Config
	if !a.opts.Roles.Servers {
		return nil
	}
	ports := map[string]int{}
	if len(cfg.Kafka.Brokers) == 0 {
		ports["embedded.kafka_port"] = cfg.Embedded.KafkaPort
	}
	if len(cfg.ClickHouse.Addresses) == 0 {
		ports["embedded.clickhouse_port"] = cfg.Embedded.ClickHousePort
		ports["embedded.clickhouse_http_port"] = cfg.Embedded.ClickHouseHTTPPort
	}
	// What an earlier process that was killed has left behind ends with its standard
	// input, but not at once.
	patience, stop := context.WithTimeout(ctx, portPatience)
	defer stop()
	var taken []error
	for key, port := range ports {
		if err := freePort(patience, port); err != nil {
			taken = append(taken, portHint(fmt.Errorf("port %d cannot be used: %w", port, err), key))
		}
	}
	return errors.Join(taken...)
}

// portPatience is how long ports that are taken may become free.
const portPatience = 5 * time.Second

// freePort waits until a port of this machine can be listened on, and returns why it
// cannot once ctx has ended.
func freePort(ctx context.Context, port int) error {
	for {
		ln, err := (&net.ListenConfig{}).Listen(context.WithoutCancel(ctx), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return ln.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// portHint says which key to change when a port is taken.
func portHint(err error, key string) error {
	if errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), "address already in use") {
		return fmt.Errorf("%w; stop whatever uses the port, or set %s in headway.yaml to a free one", err, key)
	}
	return err
}

func (a *App) serve(run context.Context, ln net.Listener, h http.Handler) {
	a.work(run, "http server", func(ctx context.Context) error { return collectors.Serve(ctx, ln, h, drain) })
}

func (a *App) handler(run context.Context) (http.Handler, error) {
	r := chi.NewRouter()
	r.Get("/healthz", a.health.Live)
	r.Get("/readyz", a.health.Ready)
	r.Handle("/metrics", promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{Registry: a.registry}))
	if a.opts.Roles.Collect {
		server, err := collectors.NewServer(collectors.ServerOptions{
			Sources: a.sources.list, Publisher: a.publisher, Registerer: a.registry,
			Limits: a.opts.Config.HTTP.Limits,
			Logger: a.log.With(slog.String("part", "webhooks")),
		})
		if err != nil {
			return nil, err
		}
		for _, p := range server.Paths() {
			if strings.HasSuffix(p, "/") {
				p += "*"
			}
			r.Handle(p, server)
		}
	}
	if a.opts.Roles.Portal {
		if err := a.mountPortal(run, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

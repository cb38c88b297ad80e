package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/config"
	"github.com/headway-metrics/headway/internal/embedded"
	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/internal/secret"
)

// endpoints say where the servers are and who may use them. They are all that
// the two modes differ in (invariant 11).
type endpoints struct {
	Kafka kafka.Config
	Write clickhouse.Config
	Read  clickhouse.Config
	// HTTP is host:port of the running Headway, when it is known.
	HTTP string
}

// runFile is left beside the embedded servers' data while they run, so that
// other commands find them. It holds passwords and is readable by its owner only.
const runFile = "run.json"

type runInfo struct {
	PID           int      `json:"pid"`
	HTTP          string   `json:"http"`
	Brokers       []string `json:"brokers"`
	ClickHouse    string   `json:"clickhouse"`
	WriteUser     string   `json:"write_user"`
	WritePassword string   `json:"write_password"`
	ReadUser      string   `json:"read_user"`
	ReadPassword  string   `json:"read_password"`
}

// ErrNotRunning says that the embedded servers of a data directory are down.
var ErrNotRunning = errors.New("nothing is running")

// find returns the endpoints of servers that run already: those of the
// configuration, or the embedded ones that another process has started.
func find(cfg config.Config) (endpoints, error) {
	ep := configured(cfg)
	if len(ep.Kafka.Brokers) > 0 && len(ep.Write.Addresses) > 0 {
		return ep, nil
	}
	path := filepath.Join(cfg.DataDir, runFile)
	b, err := os.ReadFile(path) //nolint:gosec // The configuration names the directory.
	if errors.Is(err, fs.ErrNotExist) {
		return ep, fmt.Errorf("%w with the data directory %s; start it with 'headway up', or name kafka.brokers and clickhouse.addresses in headway.yaml", ErrNotRunning, cfg.DataDir)
	}
	if err != nil {
		return ep, fmt.Errorf("looking for a running Headway: %w", err)
	}
	var run runInfo
	if err := json.Unmarshal(b, &run); err != nil {
		return ep, fmt.Errorf("reading %s: %w", path, err)
	}
	ep.HTTP = run.HTTP
	if len(ep.Kafka.Brokers) == 0 {
		ep.Kafka.Brokers = run.Brokers
	}
	if len(ep.Write.Addresses) == 0 {
		ep.embeddedWarehouse(run.ClickHouse,
			embedded.Credentials{Username: run.WriteUser, Password: secret.String(run.WritePassword)},
			embedded.Credentials{Username: run.ReadUser, Password: secret.String(run.ReadPassword)})
	}
	return ep, nil
}

func configured(cfg config.Config) endpoints {
	ch, kf := cfg.ClickHouse, cfg.Kafka
	ep := endpoints{Kafka: kafka.Config{Brokers: kf.Brokers}}
	if kf.TLS {
		ep.Kafka.TLS = tlsConfig()
	}
	if kf.SASL.Mechanism != "" {
		ep.Kafka.SASL = kafka.SASL{Mechanism: strings.ToUpper(kf.SASL.Mechanism), Username: kf.SASL.Username, Password: kf.SASL.Password}
	}
	ep.Write = clickhouse.Config{Addresses: ch.Addresses, Database: ch.Database, Username: ch.Username, Password: ch.Password}
	ep.Read = clickhouse.Config{Addresses: ch.Addresses, Database: ch.Database, Username: ch.ReadUsername, Password: ch.ReadPassword}
	if ch.TLS {
		ep.Write.TLS, ep.Read.TLS = tlsConfig(), tlsConfig()
	}
	return ep
}

func (ep *endpoints) embeddedWarehouse(addr string, write, read embedded.Credentials) {
	ep.Write = clickhouse.Config{Addresses: []string{addr}, Database: embedded.Database, Username: write.Username, Password: write.Password}
	ep.Read = clickhouse.Config{Addresses: []string{addr}, Database: embedded.Database, Username: read.Username, Password: read.Password}
}

// startServers starts the embedded servers that the configuration does not
// replace, and says where all of them are.
func (a *App) startServers(ctx context.Context) (endpoints, error) {
	cfg := a.opts.Config
	ep := configured(cfg)
	if len(ep.Kafka.Brokers) == 0 {
		b, err := embedded.StartBroker(ctx, embedded.BrokerOptions{
			Dir: filepath.Join(cfg.DataDir, "kafka"), Port: cfg.Embedded.KafkaPort,
			Partitions: 1, Logger: a.log.With(slog.String("part", "broker")),
		})
		if err != nil {
			return ep, portHint(err, "embedded.kafka_port")
		}
		a.onStop("broker", func(context.Context) error { return b.Stop() })
		ep.Kafka.Brokers, ep.Kafka.BatchBytes = []string{b.Addr()}, embedded.BatchBytes
	}
	if len(ep.Write.Addresses) == 0 {
		w, err := a.startWarehouse(ctx)
		if err != nil {
			return ep, err
		}
		ep.embeddedWarehouse(w.NativeAddr(), w.Writer(), w.Reader())
		a.clickHouseHTTP = w.HTTPAddr()
	}
	return ep, nil
}

func (a *App) startWarehouse(ctx context.Context) (*embedded.Warehouse, error) {
	cfg := a.opts.Config
	a.progress("Fetching the ClickHouse engine (178 MB, once)")
	lib, err := embedded.InstallEngine(ctx, embedded.EngineOptions{
		Library: cfg.Embedded.ClickHouseLibrary, Dir: cfg.Embedded.ClickHouseEngineRoot, OnProgress: a.opts.OnDownload,
	})
	if err != nil {
		return nil, err
	}
	memory, err := config.ParseBytes(cfg.Embedded.ClickHouseMaxMemory)
	if err != nil {
		return nil, err
	}
	a.progress("Starting ClickHouse")
	w, err := embedded.StartWarehouse(ctx, embedded.WarehouseOptions{
		Dir: filepath.Join(cfg.DataDir, "clickhouse"), Library: lib,
		NativePort: cfg.Embedded.ClickHousePort, HTTPPort: cfg.Embedded.ClickHouseHTTPPort,
		MaxMemoryBytes: memory, Logger: a.log.With(slog.String("part", "warehouse")),
	})
	if err != nil {
		return nil, portHint(err, "embedded.clickhouse_port and embedded.clickhouse_http_port")
	}
	a.onStop("warehouse", w.Stop)
	return w, nil
}

// leaveRunFile tells other commands where the embedded servers are.
func (a *App) leaveRunFile(ep endpoints) error {
	path := filepath.Join(a.opts.Config.DataDir, runFile)
	b, err := json.Marshal(runInfo{
		PID: os.Getpid(), HTTP: a.addr, Brokers: ep.Kafka.Brokers, ClickHouse: ep.Write.Addresses[0],
		WriteUser: ep.Write.Username, WritePassword: ep.Write.Password.Reveal(),
		ReadUser: ep.Read.Username, ReadPassword: ep.Read.Password.Reveal(),
	})
	if err != nil {
		return fmt.Errorf("encoding %s: %w", runFile, err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("leaving %s: %w", path, err)
	}
	a.onStop("run file", func(context.Context) error { return os.Remove(path) })
	return nil
}

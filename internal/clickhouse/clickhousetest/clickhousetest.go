// Package clickhousetest gives each test a migrated database of its own on a
// real ClickHouse: an embedded engine shared by the test process, or the server
// named by HEADWAY_TEST_CLICKHOUSE. An engine that is missing fails the test.
package clickhousetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/embedded"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema/migrations"
)

// EnvServer is a server for the tests: clickhouse://user:password@host:port. Its
// user must be able to create databases. EnvReader names the read-only user of
// the same server in the same form; without it the first user reads too.
const (
	EnvServer = "HEADWAY_TEST_CLICKHOUSE"
	EnvReader = "HEADWAY_TEST_CLICKHOUSE_READER"
)

// Database is one test's own database.
type Database struct {
	// Conn is of the user that defines and changes.
	*clickhouse.Conn
	// Reader is of the read-only user that dashboards have.
	Reader *clickhouse.Conn
	// WriteConfig and ReadConfig open more connections of the same kind.
	WriteConfig, ReadConfig clickhouse.Config
}

// engine is the one engine of a test process. It is a package variable because
// testing offers no place between Main and New to hand it through.
var engine struct {
	sync.Mutex
	main      bool
	dir       string
	warehouse *embedded.Warehouse
}

// Main is the TestMain of a package whose tests call New: it runs the tests,
// stops the engine, fails on a leaked goroutine and exits.
func Main(m *testing.M) {
	embedded.RunChildIfAsked()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	engine.Lock()
	engine.main = true
	engine.Unlock()
	code := m.Run()
	if err := errors.Join(stop(), goleak.Find()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func stop() error {
	engine.Lock()
	defer engine.Unlock()
	if engine.warehouse == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return errors.Join(engine.warehouse.Stop(ctx), os.RemoveAll(engine.dir))
}

// New returns a migrated database that nobody else uses; it is dropped when the
// test ends.
func New(tb testing.TB) *Database {
	tb.Helper()
	db := Empty(tb)
	if err := clickhouse.Migrate(tb.Context(), db.Conn, migrations.FS, clickhouse.MigrateOptions{}); err != nil {
		tb.Fatal(err)
	}
	return db
}

// Empty is New before any migration: not even the database exists.
func Empty(tb testing.TB) *Database {
	tb.Helper()
	write, read, err := servers(tb.Context())
	if err != nil {
		tb.Fatalf("these tests need ClickHouse: %v", err)
	}
	name := "headway_test_" + strings.ToLower(rand.Text())
	write.Database, read.Database = name, name
	db := &Database{WriteConfig: write, ReadConfig: read}
	if db.Conn, err = clickhouse.Open(tb.Context(), write); err != nil {
		tb.Fatal(err)
	}
	if db.Reader, err = clickhouse.Open(tb.Context(), read); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := errors.Join(drop(write), db.Close(), db.Reader.Close()); err != nil {
			tb.Errorf("removing the test's database: %v", err)
		}
	})
	return db
}

// drop uses a connection of its own: the test may have closed the other.
func drop(cfg clickhouse.Config) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	name := cfg.Database
	cfg.Database = "default"
	c, err := clickhouse.Open(ctx, cfg)
	if err != nil {
		return fmt.Errorf("opening ClickHouse to drop %s: %w", name, err)
	}
	return errors.Join(c.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" SYNC", nil), c.Close())
}

func servers(ctx context.Context) (write, read clickhouse.Config, err error) {
	if server := os.Getenv(EnvServer); server != "" {
		if write, err = parse(EnvServer, server); err != nil {
			return write, read, err
		}
		read = write
		if reader := os.Getenv(EnvReader); reader != "" {
			read, err = parse(EnvReader, reader)
		}
		return write, read, err
	}
	w, err := start(ctx)
	if err != nil {
		return write, read, err
	}
	config := func(c embedded.Credentials) clickhouse.Config {
		return clickhouse.Config{Addresses: []string{w.NativeAddr()}, Username: c.Username, Password: c.Password}
	}
	return config(w.Writer()), config(w.Reader()), nil
}

// start starts the process's engine the first time.
func start(ctx context.Context) (*embedded.Warehouse, error) {
	engine.Lock()
	defer engine.Unlock()
	if !engine.main {
		return nil, errors.New("the package's TestMain must call clickhousetest.Main: the engine runs in a copy of the test's process")
	}
	if engine.warehouse != nil {
		return engine.warehouse, nil
	}
	lib, err := embedded.InstallEngine(ctx, embedded.EngineOptions{})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "headway-clickhousetest-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w, err := embedded.StartWarehouse(ctx, embedded.WarehouseOptions{Dir: filepath.Join(dir, "warehouse"), Library: lib, Logger: log})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	engine.dir, engine.warehouse = dir, w
	return w, nil
}

// parse reads clickhouse://user:password@host:port,host:port.
func parse(variable, server string) (clickhouse.Config, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.User == nil {
		return clickhouse.Config{}, fmt.Errorf("%s is not of the form clickhouse://user:password@host:port", variable)
	}
	password, _ := u.User.Password()
	return clickhouse.Config{Addresses: strings.Split(u.Host, ","), Username: u.User.Username(), Password: secret.String(password)}, nil
}

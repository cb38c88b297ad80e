// Package clickhouse opens, migrates, fills and asks the warehouse. It is the
// only user of clickhouse-go; what leaves it is Go's plain types. No table name
// and no metric belongs here: those live in schema.
package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	chproto "github.com/ClickHouse/clickhouse-go/v2/lib/proto"

	"github.com/headway-metrics/headway/internal/secret"
)

// Config says where the warehouse is and as whom to enter it.
type Config struct {
	// Addresses are host:port of ClickHouse's native protocol, tried in order.
	Addresses []string
	// Database is the default database of every statement.
	Database string
	Username string
	Password secret.String
	// TLS is nil for a plain connection.
	TLS *tls.Config
	// MaxConnections at once; 0 means 8.
	MaxConnections int
}

func (c Config) validate() error {
	switch {
	case len(c.Addresses) == 0:
		return errors.New("clickhouse: no address is set")
	case c.Database == "":
		return errors.New("clickhouse: no database is set")
	case c.Username == "":
		return errors.New("clickhouse: no username is set")
	}
	return nil
}

func (c Config) options(database string) *driver.Options {
	return &driver.Options{
		Protocol:         driver.Native,
		Addr:             c.Addresses,
		Auth:             driver.Auth{Database: database, Username: c.Username, Password: c.Password.Reveal()},
		TLS:              c.TLS,
		Compression:      &driver.Compression{Method: c.compression()},
		DialTimeout:      5 * time.Second,
		MaxOpenConns:     c.MaxConnections,
		MaxIdleConns:     c.MaxConnections,
		ConnMaxLifetime:  10 * time.Minute,
		ConnOpenStrategy: driver.ConnOpenInOrder,
		ClientInfo: driver.ClientInfo{Products: []struct{ Name, Version string }{
			{Name: "headway", Version: "1"},
		}},
	}
}

// compression saves a network's time; to a server on the same machine it would only
// cost both sides'.
func (c Config) compression() driver.CompressionMethod {
	for _, a := range c.Addresses {
		host, _, err := net.SplitHostPort(a)
		if ip := net.ParseIP(host); err != nil || (host != "localhost" && (ip == nil || !ip.IsLoopback())) {
			return driver.CompressionLZ4
		}
	}
	return driver.CompressionNone
}

// Conn is a pool of connections as one user. It is safe for concurrent use.
type Conn struct {
	cfg Config
	db  driver.Conn
}

// Open connects and checks that the server answers and knows the user. The
// database need not exist yet: Migrate makes it.
func Open(ctx context.Context, cfg Config) (*Conn, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = 8
	}
	boot, err := openBare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := boot.Close(); err != nil {
		return nil, fmt.Errorf("closing the first connection to ClickHouse: %w", err)
	}
	db, err := driver.Open(cfg.options(cfg.Database))
	if err != nil {
		return nil, fmt.Errorf("opening ClickHouse: %w", err)
	}
	return &Conn{cfg: cfg, db: db}, nil
}

// openBare connects without a default database, which may not exist yet.
func openBare(ctx context.Context, cfg Config) (driver.Conn, error) {
	db, err := driver.Open(cfg.options(""))
	if err != nil {
		return nil, fmt.Errorf("opening ClickHouse: %w", err)
	}
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reaching ClickHouse at %s as %s: %w", strings.Join(cfg.Addresses, ", "), cfg.Username, err), db.Close())
	}
	return db, nil
}

// Database is the default database of the connection.
func (c *Conn) Database() string { return c.cfg.Database }

// Ping asks the server whether it is there.
func (c *Conn) Ping(ctx context.Context) error {
	if err := c.db.Ping(ctx); err != nil {
		return fmt.Errorf("pinging ClickHouse: %w", err)
	}
	return nil
}

// Exec runs one statement that returns no rows; args as in Query.
func (c *Conn) Exec(ctx context.Context, sql string, args map[string]any) error {
	if err := c.db.Exec(ctx, sql, named(sql, args)...); err != nil {
		return fmt.Errorf("running a statement: %w", err)
	}
	return nil
}

// Close ends all connections.
func (c *Conn) Close() error {
	if err := c.db.Close(); err != nil {
		return fmt.Errorf("closing ClickHouse: %w", err)
	}
	return nil
}

// ErrorCode is the code of the server's error inside err, such as 60 for an
// unknown table; 0 when the server did not answer at all.
func ErrorCode(err error) int32 {
	if ex, ok := errors.AsType[*chproto.Exception](err); ok {
		return ex.Code
	}
	return 0
}

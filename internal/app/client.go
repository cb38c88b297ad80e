package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/config"
	"github.com/headway-metrics/headway/internal/kafka"
)

// Client reaches the servers of a Headway that runs, for commands that ask or
// mend something and end.
type Client struct {
	ep  endpoints
	cfg config.Config
	log *slog.Logger
	// closers run in reverse order.
	closers []func()
}

// Dial finds the servers; nothing is connected before it is needed.
func Dial(cfg config.Config, log *slog.Logger) (*Client, error) {
	ep, err := find(cfg)
	if err != nil {
		return nil, err
	}
	ep.Kafka.Logger = log
	return &Client{ep: ep, cfg: cfg, log: log}, nil
}

// Close ends what the client has opened.
func (c *Client) Close() {
	for _, end := range slices.Backward(c.closers) {
		end()
	}
}

// Reader is ClickHouse as the user that may only read.
func (c *Client) Reader(ctx context.Context) (*clickhouse.Conn, error) {
	return c.open(ctx, c.ep.Read, "reading")
}

// Writer is ClickHouse as the user that may write.
func (c *Client) Writer(ctx context.Context) (*clickhouse.Conn, error) {
	return c.open(ctx, c.ep.Write, "writing")
}

func (c *Client) open(ctx context.Context, cfg clickhouse.Config, what string) (*clickhouse.Conn, error) {
	conn, err := clickhouse.Open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening ClickHouse for %s: %w", what, err)
	}
	c.closers = append(c.closers, func() {
		if err := conn.Close(); err != nil {
			c.log.Warn("closing ClickHouse", slog.Any("error", err))
		}
	})
	return conn, nil
}

// Kafka is a client of the brokers.
func (c *Client) Kafka() (*kafka.Client, error) {
	client, err := kafka.New(c.ep.Kafka)
	if err != nil {
		return nil, err
	}
	c.closers = append(c.closers, client.Close)
	return client, nil
}

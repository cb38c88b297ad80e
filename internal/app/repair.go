package app

import (
	"context"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/pipeline"
)

// Deadletters are the dead letters of the Headway that the client reaches.
func (c *Client) Deadletters(ctx context.Context) (*pipeline.Deadletters, error) {
	tools, err := c.tools(ctx)
	if err != nil {
		return nil, err
	}
	return pipeline.NewDeadletters(tools.conn, tools.publisher, tools.conn), nil
}

// Replayer applies this binary's parsers to the history of the Headway that the
// client reaches.
func (c *Client) Replayer(ctx context.Context) (*pipeline.Replayer, error) {
	tools, err := c.tools(ctx)
	if err != nil {
		return nil, err
	}
	set, err := newSources(Options{Config: c.cfg, Logger: c.log})
	if err != nil {
		return nil, err
	}
	return pipeline.NewReplayer(pipeline.ReplayerOptions{
		Loader: pipeline.Options{
			Normalizers: set.normalizers, Sink: tools.conn, Outbox: outbox{tools.publisher}, Logger: c.log,
		},
		History: history{tools.client}, Querier: tools.conn, Now: time.Now,
		Letters: pipeline.NewDeadletters(tools.conn, tools.publisher, tools.conn),
	})
}

type tools struct {
	conn      *clickhouse.Conn
	client    *kafka.Client
	publisher *kafka.Publisher
}

func (c *Client) tools(ctx context.Context) (tools, error) {
	conn, err := c.Writer(ctx)
	if err != nil {
		return tools{}, err
	}
	client, err := c.Kafka()
	if err != nil {
		return tools{}, err
	}
	p := client.NewPublisher()
	c.closers = append(c.closers, func() {
		if err := p.Close(); err != nil {
			c.log.Warn("closing the publisher", "error", err)
		}
	})
	return tools{conn, client, p}, nil
}

// history reads raw topics for a replay.
type history struct{ client *kafka.Client }

// ReadRange implements pipeline.History.
func (h history) ReadRange(ctx context.Context, topic string, since time.Time, fn func(pipeline.Record) error) error {
	return h.client.ReadRange(ctx, topic, since, func(m kafka.Message) error {
		return fn(pipeline.Record{Partition: m.Partition, Offset: m.Offset, Published: m.Time, Event: event(m)})
	})
}

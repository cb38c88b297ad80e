package kafka

import (
	"context"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
)

// Ping asks the brokers whether any of them is there.
func (c *Client) Ping(ctx context.Context) error {
	if _, err := c.admin().Metadata(ctx, &kafkago.MetadataRequest{Topics: []string{}}); err != nil {
		return fmt.Errorf("asking the brokers: %w", err)
	}
	return nil
}

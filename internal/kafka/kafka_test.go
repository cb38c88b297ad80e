package kafka_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/internal/kafka/kafkatest"
)

func TestSecuredConnections(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []string{kafka.SASLPlain, kafka.SASLScramSHA256, kafka.SASLScramSHA512} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			b := kafkatest.NewSecured(t, mechanism)
			c := b.Client(t)
			b.Topics(t, c, 2, "a")
			p := publisher(t, c)
			publishNumbers(t, p, "a", 0, 10)
			l := newLedger()
			consume(t, c, kafka.ConsumerConfig{Group: "g", Topics: []string{"a"}}, l.handle)
			eventually(t, 30*time.Second, handled(l, 10))

			wrong := *b
			wrong.Config.SASL.Password = "wrong"
			plaintext := *b
			plaintext.Config.TLS = nil
			for name, bad := range map[string]kafkatest.Broker{"a wrong password": wrong, "no TLS": plaintext} {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				if err := bad.Client(t).EnsureTopics(ctx, kafka.Topic{Name: "b", Partitions: 1}); err == nil {
					t.Errorf("%s was accepted", name)
				}
				cancel()
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cfg  kafka.Config
		want string
	}{
		{kafka.Config{}, "no broker"},
		{kafka.Config{Brokers: []string{"localhost"}}, "host:port"},
		{kafka.Config{Brokers: []string{"a:1"}, SASL: kafka.SASL{Mechanism: "GSSAPI"}}, "GSSAPI"},
	} {
		if _, err := kafka.New(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want an error with %q", tt.cfg, err, tt.want)
		}
	}
}

// TestOffsetOutOfRange: an offset the broker does not have is no end, and no
// silent jump to the newest message.
func TestOffsetOutOfRange(t *testing.T) {
	t.Parallel()
	b := kafkatest.New(t)
	c := b.Client(t)
	b.Topics(t, c, 1, "a")
	p := publisher(t, c)
	publishNumbers(t, p, "a", 0, 20)
	raw := &kafkago.Client{Addr: kafkago.TCP(b.Config.Brokers...), Transport: &kafkago.Transport{}}
	t.Cleanup(raw.Transport.(*kafkago.Transport).CloseIdleConnections)
	eventually(t, 30*time.Second, func() error { // A new cluster makes its groups' topic first.
		res, err := raw.OffsetCommit(t.Context(), &kafkago.OffsetCommitRequest{
			GroupID: b.Config.Prefix + "g", GenerationID: -1,
			Topics: map[string][]kafkago.OffsetCommit{b.Config.Prefix + "a": {{Partition: 0, Offset: 5000}}},
		})
		if err != nil {
			return err
		}
		if err := res.Topics[b.Config.Prefix+"a"][0].Error; err != nil {
			return fmt.Errorf("committing: %w", err)
		}
		return nil
	})
	l := newLedger()
	consume(t, c, kafka.ConsumerConfig{Group: "g", Topics: []string{"a"}}, l.handle)
	eventually(t, 30*time.Second, handled(l, 20))
	eventually(t, 10*time.Second, committed(t, c, "a"))
}

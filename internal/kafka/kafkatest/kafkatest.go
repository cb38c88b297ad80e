// Package kafkatest gives each test a Kafka of its own: the embedded broker, or
// the cluster named by HEADWAY_TEST_KAFKA with topics and groups under a name
// that nobody else uses.
package kafkatest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/embedded"
	"github.com/headway-metrics/headway/internal/kafka"
)

// EnvBrokers names a cluster for the tests: host:port,host:port.
const EnvBrokers = "HEADWAY_TEST_KAFKA"

// Broker is a Kafka for one test.
type Broker struct {
	// Config reaches it.
	Config kafka.Config
	// Real is true for the cluster of HEADWAY_TEST_KAFKA.
	Real bool
	// Replication is what topics of the test should have.
	Replication int

	dir     string
	current *embedded.Broker
}

// New returns a broker with no topic of the test yet.
func New(tb testing.TB) *Broker {
	tb.Helper()
	brokers := os.Getenv(EnvBrokers)
	if brokers == "" {
		return NewEmbedded(tb)
	}
	list := strings.Split(brokers, ",")
	return &Broker{
		Real: true, Replication: min(len(list), 3),
		Config: kafka.Config{Brokers: list, Prefix: "t" + strings.ToLower(rand.Text()) + ".", Logger: Logger(tb)},
	}
}

// NewEmbedded returns an embedded broker whatever the environment says, for
// tests that stop and start it.
func NewEmbedded(tb testing.TB) *Broker {
	tb.Helper()
	b := &Broker{dir: tb.TempDir(), Replication: 1}
	b.Config.Logger = Logger(tb)
	b.start(tb, 0)
	b.Config.Brokers = []string{b.current.Addr()}
	tb.Cleanup(func() { b.Stop(tb) })
	return b
}

func (b *Broker) start(tb testing.TB, port int) {
	tb.Helper()
	var err error
	if b.current, err = embedded.StartBroker(tb.Context(), embedded.BrokerOptions{Dir: b.dir, Port: port, Logger: b.Config.Logger}); err != nil {
		tb.Fatal(err)
	}
}

// Stop ends an embedded broker; its data stays for Start.
func (b *Broker) Stop(tb testing.TB) {
	tb.Helper()
	if b.current == nil {
		return
	}
	if err := b.current.Stop(); err != nil {
		tb.Error(err)
	}
	b.current = nil
}

// Start starts a stopped embedded broker again at its address.
func (b *Broker) Start(tb testing.TB) {
	tb.Helper()
	var port int
	if _, p, ok := strings.Cut(b.Config.Brokers[0], ":"); ok {
		for _, digit := range p {
			port = port*10 + int(digit-'0')
		}
	}
	b.start(tb, port)
}

// Client returns a client that is closed when the test ends.
func (b *Broker) Client(tb testing.TB) *kafka.Client {
	tb.Helper()
	c, err := kafka.New(b.Config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// Topics makes topics with this many partitions.
func (b *Broker) Topics(tb testing.TB, c *kafka.Client, partitions int, names ...string) {
	tb.Helper()
	topics := make([]kafka.Topic, len(names))
	for i, n := range names {
		topics[i] = kafka.Topic{Name: n, Partitions: partitions, Replication: b.Replication}
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	if err := c.EnsureTopics(ctx, topics...); err != nil {
		tb.Fatal(err)
	}
}

// Logger writes to the test's output.
func Logger(tb testing.TB) *slog.Logger {
	tb.Helper()
	return slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

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
func New(t testing.TB) *Broker {
	t.Helper()
	brokers := os.Getenv(EnvBrokers)
	if brokers == "" {
		return NewEmbedded(t)
	}
	list := strings.Split(brokers, ",")
	return &Broker{
		Real: true, Replication: min(len(list), 3),
		Config: kafka.Config{Brokers: list, Prefix: "t" + strings.ToLower(rand.Text()) + ".", Logger: Logger(t)},
	}
}

// NewEmbedded returns an embedded broker whatever the environment says, for
// tests that stop and start it.
func NewEmbedded(t testing.TB) *Broker {
	t.Helper()
	b := &Broker{dir: t.TempDir(), Replication: 1}
	b.Config.Logger = Logger(t)
	b.start(t, 0)
	b.Config.Brokers = []string{b.current.Addr()}
	t.Cleanup(func() { b.Stop(t) })
	return b
}

func (b *Broker) start(t testing.TB, port int) {
	t.Helper()
	var err error
	if b.current, err = embedded.StartBroker(t.Context(), embedded.BrokerOptions{Dir: b.dir, Port: port, Logger: b.Config.Logger}); err != nil {
		t.Fatal(err)
	}
}

// Stop ends an embedded broker; its data stays for Start.
func (b *Broker) Stop(t testing.TB) {
	t.Helper()
	if b.current == nil {
		return
	}
	if err := b.current.Stop(); err != nil {
		t.Error(err)
	}
	b.current = nil
}

// Start starts a stopped embedded broker again at its address.
func (b *Broker) Start(t testing.TB) {
	t.Helper()
	var port int
	if _, p, ok := strings.Cut(b.Config.Brokers[0], ":"); ok {
		for _, digit := range p {
			port = port*10 + int(digit-'0')
		}
	}
	b.start(t, port)
}

// Client returns a client that is closed when the test ends.
func (b *Broker) Client(t testing.TB) *kafka.Client {
	t.Helper()
	c, err := kafka.New(b.Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Topics makes topics with this many partitions.
func (b *Broker) Topics(t testing.TB, c *kafka.Client, partitions int, names ...string) {
	t.Helper()
	topics := make([]kafka.Topic, len(names))
	for i, n := range names {
		topics[i] = kafka.Topic{Name: n, Partitions: partitions, Replication: b.Replication}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.EnsureTopics(ctx, topics...); err != nil {
		t.Fatal(err)
	}
}

// Logger writes to the test's output.
func Logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

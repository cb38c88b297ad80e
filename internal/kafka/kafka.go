// Package kafka publishes, consumes and reads Kafka topics. It is the only user
// of kafka-go. It knows how an event travels in a message, and nothing about
// what an event means.
package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/headway-metrics/headway/internal/secret"
)

// Mechanisms of SASL.
const (
	SASLPlain       = "PLAIN"
	SASLScramSHA256 = "SCRAM-SHA-256"
	SASLScramSHA512 = "SCRAM-SHA-512"
)

const (
	clientID    = "headway"
	dialTimeout = 5 * time.Second
)

// SASL says as whom to log in to the brokers.
type SASL struct {
	// Mechanism is one of the SASL constants; empty means no login.
	Mechanism string
	Username  string
	Password  secret.String
}

// Config says where the brokers are and how to reach them.
type Config struct {
	// Brokers are host:port of at least one broker of the cluster.
	Brokers []string
	// TLS is nil for plain connections.
	TLS  *tls.Config
	SASL SASL
	// Prefix is put before the name of every topic and group, for clusters that
	// are shared. Messages and callers never see it.
	Prefix string
	// BatchBytes is the most that a batch of messages has before it is compressed,
	// below what the brokers take; 0 means DefaultBatchBytes. A broker that syncs
	// each batch to disk is the faster the fewer there are.
	BatchBytes int
	// Logger must not be nil.
	Logger *slog.Logger
}

// Client is the common ground of publishers, consumers and readers of one
// cluster. It is safe for concurrent use.
type Client struct {
	cfg       Config
	mechanism sasl.Mechanism
	transport *kafkago.Transport
	log       *slog.Logger
}

// New checks the configuration; it does not connect. Close ends the client
// after everything that was made from it.
func New(cfg Config) (*Client, error) {
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("kafka: no broker is set")
	}
	for _, b := range cfg.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			return nil, fmt.Errorf("kafka: the broker %q is not of the form host:port: %w", b, err)
		}
	}
	if cfg.BatchBytes == 0 {
		cfg.BatchBytes = DefaultBatchBytes
	}
	mechanism, err := cfg.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, mechanism: mechanism, log: cfg.Logger}
	c.transport = &kafkago.Transport{
		ClientID: clientID, TLS: cfg.TLS, SASL: mechanism,
		DialTimeout: dialTimeout, MetadataTTL: 5 * time.Second,
		Dial: (&net.Dialer{Timeout: dialTimeout}).DialContext,
	}
	return c, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

func (s SASL) mechanism() (sasl.Mechanism, error) {
	var algorithm scram.Algorithm
	switch s.Mechanism {
	case "":
		return nil, nil //nolint:nilnil // No login is a choice, not an error.
	case SASLPlain:
		return plain.Mechanism{Username: s.Username, Password: s.Password.Reveal()}, nil
	case SASLScramSHA256:
		algorithm = scram.SHA256
	case SASLScramSHA512:
		algorithm = scram.SHA512
	default:
		return nil, fmt.Errorf("kafka: the SASL mechanism %q is not one of %s, %s, %s", s.Mechanism, SASLPlain, SASLScramSHA256, SASLScramSHA512)
	}
	m, err := scram.Mechanism(algorithm, s.Username, s.Password.Reveal())
	if err != nil {
		return nil, fmt.Errorf("kafka: preparing %s: %w", s.Mechanism, err)
	}
	return m, nil
}

func (c *Client) dialer() *kafkago.Dialer {
	return &kafkago.Dialer{ClientID: clientID, Timeout: dialTimeout, DualStack: true, TLS: c.cfg.TLS, SASLMechanism: c.mechanism}
}

func (c *Client) admin() *kafkago.Client {
	return &kafkago.Client{Addr: kafkago.TCP(c.cfg.Brokers...), Timeout: 30 * time.Second, Transport: c.transport}
}

// Message is one record of a topic.
type Message struct {
	Topic     string
	Partition int
	Offset    int64
	Key       []byte
	Value     []byte
	Headers   []Header
	// Time is when it was published, at millisecond precision.
	Time time.Time
}

// Header is one header of a message; keys may repeat.
type Header struct {
	Key   string
	Value []byte
}

// Header returns the first header of that key.
func (m Message) Header(key string) (string, bool) {
	for _, h := range m.Headers {
		if h.Key == key {
			return string(h.Value), true
		}
	}
	return "", false
}

// wire is the name of a topic or group on the cluster.
func (c *Client) wire(name string) string { return c.cfg.Prefix + name }

func (c *Client) wireAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = c.wire(n)
	}
	return out
}

// plainName is the name of a topic as callers know it.
func (c *Client) plainName(wire string) string { return strings.TrimPrefix(wire, c.cfg.Prefix) }

func (c *Client) fromKafka(m kafkago.Message) Message {
	out := Message{Topic: c.plainName(m.Topic), Partition: m.Partition, Offset: m.Offset, Key: m.Key, Value: m.Value, Time: m.Time.UTC()}
	if len(m.Headers) > 0 {
		out.Headers = make([]Header, len(m.Headers))
		for i, h := range m.Headers {
			out.Headers[i] = Header(h)
		}
	}
	return out
}

// toKafka leaves Partition, Offset and Time to the writer and the broker.
func (c *Client) toKafka(topic string, m Message) kafkago.Message {
	out := kafkago.Message{Topic: c.wire(topic), Key: m.Key, Value: m.Value, Headers: make([]kafkago.Header, len(m.Headers))}
	for i, h := range m.Headers {
		out.Headers[i] = kafkago.Header(h)
	}
	return out
}

// warnings passes kafka-go's complaints to slog. An answer that comes too late is not
// worth one: a fetch waits for messages as long as there are none, the client leaves the
// broker at most a second more, and a busy machine's disk can take that. The reader asks
// again on a new connection; if it gets none, that is a complaint of its own.
func (c *Client) warnings(what string) kafkago.Logger {
	return kafkago.LoggerFunc(func(format string, args ...any) {
		complain := c.log.Warn
		if slices.ContainsFunc(args, isLate) {
			complain = c.log.Debug
		}
		complain("kafka client", "part", what, "message", fmt.Sprintf(format, args...))
	})
}

// isLate says that a value is the error of waiting too long on an open connection.
func isLate(v any) bool {
	err, _ := v.(error)
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "read" && op.Timeout()
}

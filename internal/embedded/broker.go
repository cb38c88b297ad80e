package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

// MaxMessageBytes is the largest message the embedded broker takes. It leaves
// room above the 25 MB body that the webhook server accepts.
const MaxMessageBytes = 32 << 20

// BatchBytes is a good size of a batch for the embedded broker, which syncs two
// files for each: what a few hundred deliveries hold.
const BatchBytes = 4 << 20

// BrokerOptions configure an embedded broker.
type BrokerOptions struct {
	// Dir keeps topics, messages and group offsets.
	Dir string
	// Port on loopback; 0 picks a free one.
	Port int
	// Partitions of a topic that is created without a number; 0 means 3.
	Partitions int
	// Logger must not be nil.
	Logger *slog.Logger
}

// Broker is a Kafka-protocol broker inside this process: franz-go's kfake with
// a data directory. A produce request is answered after its batch and a commit
// after its offset is synced to disk.
//
// Its authors offer it for testing. What it lacks next to Apache Kafka: there
// is one copy of the data; all requests pass one goroutine; the log's index is
// in memory and is read back whole on start, so a start takes time in
// proportion to the data; an fsync that fails is not noticed; there is no
// throttling and no authentication here (loopback only). Give Headway
// kafka.brokers when that matters.
type Broker struct {
	cluster *kfake.Cluster
	addr    string
	lock    *os.File
	once    sync.Once
	err     error
}

// StartBroker starts the broker and returns when it listens. A second broker
// on the same directory is a *HeldError.
func StartBroker(ctx context.Context, opts BrokerOptions) (*Broker, error) {
	if opts.Partitions == 0 {
		opts.Partitions = 3
	}
	lock, err := lockDir(ctx, opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("starting the broker: %w", err)
	}
	data := filepath.Join(opts.Dir, "data")
	if err := repairLog(filepath.Join(data, "groups.log"), opts.Logger); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the broker: %w", err), lock.Close())
	}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(opts.Port),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, network, address)
		}),
		kfake.ClusterID("headway-embedded"),
		kfake.DataDir(data),
		kfake.SyncWrites(),
		kfake.DefaultNumPartitions(opts.Partitions),
		kfake.BrokerConfigs(map[string]string{
			"message.max.bytes": strconv.Itoa(MaxMessageBytes),
			// A stopped laptop must not come back to groups that forgot their place.
			"offsets.retention.minutes": strconv.Itoa(10 * 365 * 24 * 60),
		}),
		kfake.WithLogger(brokerLog{opts.Logger}),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the broker on port %d with data in %s: %w", opts.Port, opts.Dir, err), lock.Close())
	}
	return &Broker{cluster: cluster, addr: cluster.ListenAddrs()[0], lock: lock}, nil
}

// Addr is the broker's host:port.
func (b *Broker) Addr() string { return b.addr }

// Stop writes what is not yet on disk and ends the broker. It may be called
// more than once.
func (b *Broker) Stop() error {
	b.once.Do(func() {
		b.cluster.Close()
		if err := b.lock.Close(); err != nil {
			b.err = fmt.Errorf("releasing the broker's lock: %w", err)
		}
	})
	return b.err
}

// brokerLog passes the broker's warnings to slog.
type brokerLog struct{ log *slog.Logger }

func (l brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	// The broker's errors are Headway's warnings: it goes on after each.
	if level == kfake.LogLevelError || level == kfake.LogLevelWarn {
		l.log.Warn("the broker says", "message", strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}

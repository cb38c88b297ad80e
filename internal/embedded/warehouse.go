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
	"sync"
	"sync/atomic"
	"time"
)

// DefaultMaxMemoryBytes is the engine's memory when no other is asked for.
const DefaultMaxMemoryBytes = 4 << 30

const (
	readyTimeout = 60 * time.Second
	stopTimeout  = 30 * time.Second
	backoffFirst = 100 * time.Millisecond
	backoffLast  = 5 * time.Second
	// steadyAfter is how long a child must have run for its death to be a new
	// event and not one more of a series.
	steadyAfter = 30 * time.Second
)

// WarehouseOptions configure an embedded ClickHouse engine.
type WarehouseOptions struct {
	// Dir keeps everything: data, configuration, passwords.
	Dir string
	// Library is the engine, from InstallEngine.
	Library string
	// NativePort and HTTPPort on loopback; 0 picks a free one.
	NativePort, HTTPPort int
	// MaxMemoryBytes bounds the engine; 0 means DefaultMaxMemoryBytes.
	MaxMemoryBytes int64
	// Logger must not be nil.
	Logger *slog.Logger
}

// Warehouse is a running embedded ClickHouse engine. When its process dies it
// is started again on the same ports; Stop ends it.
type Warehouse struct {
	opts     WarehouseOptions
	lock     *os.File
	config   string
	gate     *gate
	native   int // The engine's own native port; clients use the gate's.
	http     int
	creds    passwords
	restarts atomic.Int64

	mu      sync.Mutex
	current *child

	stopOnce sync.Once
	stopping chan struct{}
	ended    chan struct{}
}

// StartWarehouse starts the engine and returns when it answers. The binary
// must call RunChildIfAsked first in main. A second warehouse on the same
// directory is a *HeldError.
func StartWarehouse(ctx context.Context, opts WarehouseOptions) (*Warehouse, error) {
	if opts.MaxMemoryBytes == 0 {
		opts.MaxMemoryBytes = DefaultMaxMemoryBytes
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("resolving the warehouse's directory: %w", err)
	}
	opts.Dir = dir
	lock, err := lockDir(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("starting the warehouse: %w", err)
	}
	w := &Warehouse{opts: opts, lock: lock, stopping: make(chan struct{}), ended: make(chan struct{})}
	if err := w.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the warehouse: %w", err), lock.Close())
	}
	c, err := w.startChild(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the warehouse: %w", err), w.gate.close(), lock.Close())
	}
	w.current = c
	go w.supervise() //nolint:contextcheck // It outlives the start; Stop ends it.
	return w, nil
}

func (w *Warehouse) prepare(ctx context.Context) error {
	var err error
	if w.creds, err = loadPasswords(w.opts.Dir); err != nil {
		return err
	}
	if w.config, err = writeConfig(w.opts.Dir, w.opts.MaxMemoryBytes, w.creds); err != nil {
		return err
	}
	if w.native, err = freePort(ctx, 0); err != nil {
		return err
	}
	if w.http, err = freePort(ctx, w.opts.HTTPPort); err != nil {
		return err
	}
	l, err := listen(ctx, w.opts.NativePort)
	if err != nil {
		return err
	}
	w.gate = openGate(l, loopback(w.native), loopback(w.http), w.opts.Logger)
	return nil
}

// freePort checks that a loopback port can be listened on, or finds one.
func freePort(ctx context.Context, port int) (int, error) {
	l, err := listen(ctx, port)
	if err != nil {
		return 0, err
	}
	port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("freeing port %d: %w", port, err)
	}
	return port, nil
}

func listen(ctx context.Context, port int) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", loopback(port))
	if err != nil {
		return nil, fmt.Errorf("port %d of the warehouse is taken: stop the program that listens there or choose another port: %w", port, err)
	}
	return l, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// NativeAddr is the host:port of ClickHouse's native protocol.
func (w *Warehouse) NativeAddr() string { return w.gate.listener.Addr().String() }

// HTTPAddr is the host:port of ClickHouse's HTTP protocol.
func (w *Warehouse) HTTPAddr() string { return loopback(w.http) }

// Writer may define and change everything in databases whose name begins with
// Database, and nothing else.
func (w *Warehouse) Writer() Credentials {
	return Credentials{Username: writeUser, Password: secretOf(w.creds.Write)}
}

// Reader may select from databases whose name begins with Database, within
// limits of time (30 s), memory and result size.
func (w *Warehouse) Reader() Credentials {
	return Credentials{Username: readUser, Password: secretOf(w.creds.Read)}
}

// Restarts counts how often the engine died and was started again.
func (w *Warehouse) Restarts() int64 { return w.restarts.Load() }

// PID is the process id of the engine, 0 while it is being started again.
func (w *Warehouse) PID() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil {
		return 0
	}
	return w.current.cmd.Process.Pid
}

// Stop flushes and ends the engine, by force when ctx ends first. It may be
// called more than once.
func (w *Warehouse) Stop(ctx context.Context) error {
	w.stopOnce.Do(func() { close(w.stopping) })
	select {
	case <-w.ended:
		return nil
	case <-ctx.Done():
	}
	w.mu.Lock()
	c := w.current
	w.mu.Unlock()
	if c != nil {
		c.kill()
	}
	<-w.ended
	return fmt.Errorf("stopping the warehouse: it was killed before it had flushed: %w", ctx.Err())
}

// supervise owns the child: it starts a dead one again and ends the last one.
func (w *Warehouse) supervise() {
	defer close(w.ended)
	defer func() {
		if err := errors.Join(w.gate.close(), w.lock.Close()); err != nil {
			w.opts.Logger.Warn("releasing the warehouse's port and lock", "error", err)
		}
	}()
	backoff := backoffFirst
	c := w.current
	for {
		started := time.Now()
		select {
		case <-w.stopping:
			if err := c.stop(stopTimeout); err != nil {
				w.opts.Logger.Error("the warehouse did not end cleanly", "error", err)
			}
			return
		case <-c.exited:
		}
		w.setCurrent(nil)
		w.opts.Logger.Error("the warehouse died and is started again", "error", c.exitError())
		if time.Since(started) > steadyAfter {
			backoff = backoffFirst
		}
		if c = w.restart(&backoff); c == nil {
			return
		}
		w.restarts.Add(1)
		w.setCurrent(c)
		w.opts.Logger.Info("the warehouse is back", "pid", c.cmd.Process.Pid, "after", time.Since(started).String())
	}
}

// restart starts the child until that works; nil when the warehouse is stopped.
func (w *Warehouse) restart(backoff *time.Duration) *child {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-w.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		select {
		case <-w.stopping:
			return nil
		case <-time.After(*backoff):
		}
		*backoff = min(2**backoff, backoffLast)
		c, err := w.startChild(ctx)
		if err == nil {
			return c
		}
		if ctx.Err() == nil {
			w.opts.Logger.Error("starting the warehouse again failed", "error", err)
		}
	}
}

func (w *Warehouse) setCurrent(c *child) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.current = c
}

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/headway-metrics/headway/internal/secret"
)

func secretOf(s string) secret.String { return secret.String(s) }

// listenQuery is the engine's whole program: open the ports, then wait for the
// end of standard input.
const listenQuery = `SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; ` +
	`SELECT count() FROM file('/dev/stdin', 'LineAsString', 'line String') FORMAT Null`

// child is one process of the engine.
type child struct {
	cmd    *exec.Cmd
	stdin  *os.File // Closing it ends the engine.
	life   *os.File // Ends with this process, however it ends.
	stderr *tail
	exited chan struct{}
	err    error // Valid once exited is closed.
}

func (w *Warehouse) startChild(ctx context.Context) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program's file: %w", err)
	}
	stdinR, stdinW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	lifeR, lifeW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a pipe: %w", err), stdinR.Close(), stdinW.Close())
	}
	c := &child{stdin: stdinW, life: lifeW, stderr: newTail(w.opts.Logger), exited: make(chan struct{})}
	// Not CommandContext: the engine outlives the context it was started in.
	c.cmd = exec.Command(self, childArg, w.opts.Library, //nolint:gosec,noctx // This program itself.
		"--config-file="+w.config,
		"--path="+filepath.Join(w.opts.Dir, "data"),
		"--listen_host=127.0.0.1",
		"--tcp_port="+strconv.Itoa(w.native),
		"--http_port="+strconv.Itoa(w.http),
		"--query="+listenQuery)
	c.cmd.Dir = w.opts.Dir
	c.cmd.Env = childEnv()
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = stdinR, c.stderr, c.stderr
	c.cmd.ExtraFiles = []*os.File{lifeR, w.lock}
	// Its own group: a terminal's Ctrl-C is for the parent, which then stops it.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = c.cmd.Start()
	closeErr := errors.Join(stdinR.Close(), lifeR.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the engine's process: %w", err), closeErr, stdinW.Close(), lifeW.Close())
	}
	go c.wait()
	if err := w.awaitReady(ctx, c); err != nil {
		c.kill()
		<-c.exited
		return nil, err
	}
	return c, nil
}

// childEnv gives the engine what a process needs and none of our secrets.
func childEnv() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return append(env, "TZ=UTC")
}

func (c *child) wait() {
	defer close(c.exited)
	c.err = c.cmd.Wait()
	c.err = errors.Join(c.err, ignoreClosed(c.stdin.Close()), c.life.Close())
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// stop ends the engine and waits; past the timeout it is killed.
func (c *child) stop(timeout time.Duration) error {
	if err := ignoreClosed(c.stdin.Close()); err != nil {
		return fmt.Errorf("closing the engine's input: %w", err)
	}
	select {
	case <-c.exited:
	case <-time.After(timeout):
		c.kill()
		<-c.exited
		return fmt.Errorf("killed after %s; it last said:\n%s", timeout, c.stderr.String())
	}
	if c.err != nil {
		return c.exitError()
	}
	return nil
}

// kill may come after the process has ended; then there is nothing to do.
func (c *child) kill() { _ = c.cmd.Process.Kill() }

func (c *child) exitError() error {
	state := "ended without an error"
	if c.err != nil {
		state = c.err.Error()
	}
	if last := c.stderr.String(); last != "" {
		return fmt.Errorf("the engine %s; it last said:\n%s", state, last)
	}
	return fmt.Errorf("the engine %s", state)
}

// awaitReady returns when the engine answers a query of the write user.
func (w *Warehouse) awaitReady(ctx context.Context, c *child) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if last = w.askOne(ctx, client); last == nil {
			return nil
		}
		select {
		case <-c.exited:
			return c.exitError()
		case <-ctx.Done():
			return fmt.Errorf("the engine did not answer within %s (%w); it last said:\n%s", readyTimeout, last, c.stderr.String())
		case <-tick.C:
		}
	}
}

func (w *Warehouse) askOne(ctx context.Context, client *http.Client) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.HTTPAddr()+"/", strings.NewReader("SELECT 1"))
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	req.Header.Set("X-ClickHouse-User", writeUser)
	req.Header.Set("X-ClickHouse-Key", w.creds.Write)
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("asking the engine: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("reading the engine's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != "1" {
		return fmt.Errorf("the engine answered %s: %s", res.Status, strings.TrimSpace(string(body)))
	}
	// HTTP opens first; the native port must be open too.
	conn, err := dial(ctx, loopback(w.native))
	if err != nil {
		return err
	}
	return conn.Close()
}

// tailLines is how much of the engine's output an error quotes.
const tailLines = 20

// tail keeps the last lines of the engine's output and logs each.
type tail struct {
	log *slog.Logger

	mu      sync.Mutex
	partial string
	lines   []string
}

func newTail(log *slog.Logger) *tail { return &tail{log: log} }

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	parts := strings.Split(t.partial+string(p), "\n")
	t.partial = parts[len(parts)-1]
	for _, line := range parts[:len(parts)-1] {
		if line = strings.TrimSpace(line); line == "" || stackFrame(line) {
			continue
		}
		t.log.Debug("the warehouse says", "line", line)
		t.lines = append(t.lines, line)
	}
	if n := len(t.lines) - tailLines; n > 0 {
		t.lines = append(t.lines[:0:0], t.lines[n:]...)
	}
	return len(p), nil
}

// stackFrame recognises "12. ? @ 0x…": the engine's stack traces have no
// symbols and would push the message out of the tail.
func stackFrame(line string) bool {
	number, rest, ok := strings.Cut(line, ". ")
	_, err := strconv.Atoi(number)
	return ok && err == nil && strings.Contains(rest, "@ 0x")
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.Join(t.lines, "\n") + "\n" + t.partial)
}

func dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("reaching %s: %w", addr, err)
	}
	return conn, nil
}

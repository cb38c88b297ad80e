package embedded

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	helloTimeout  = 10 * time.Second
	maxHelloBytes = 64 << 10

	codeUnexpectedPacket = 101
)

// gate is the public native port. The engine as a library ends its whole
// process when a native connection fails to log in: a wrong password, an
// unknown database, or a stray packet of a port scan. So the gate reads the
// client's greeting, has the engine check it over HTTP, where failures are
// answered, and connects the two only then. What follows passes unread; on Linux
// the kernel moves it without copying.
type gate struct {
	listener net.Listener
	engine   string // host:port of the engine's own native port.
	http     string // host:port of its HTTP port.
	log      *slog.Logger
	client   *http.Client

	wg    sync.WaitGroup
	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once closed.
}

func openGate(listener net.Listener, engine, httpAddr string, log *slog.Logger) *gate {
	g := &gate{
		listener: listener, engine: engine, http: httpAddr, log: log, conns: map[net.Conn]struct{}{},
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: helloTimeout},
	}
	g.wg.Go(g.accept)
	return g
}

// close ends all connections and waits for them.
func (g *gate) close() error {
	g.mu.Lock()
	conns := g.conns
	g.conns = nil
	g.mu.Unlock()
	err := g.listener.Close()
	for c := range conns {
		_ = c.Close() // Its own goroutine may close it too.
	}
	g.wg.Wait()
	if err != nil {
		return fmt.Errorf("closing the native port: %w", err)
	}
	return nil
}

// own remembers a connection for close; false means that the gate is closed.
func (g *gate) own(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conns == nil {
		return false
	}
	g.conns[c] = struct{}{}
	return true
}

func (g *gate) drop(c net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
	_ = c.Close() // Both ends close each other.
}

func (g *gate) accept() {
	for {
		c, err := g.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			g.log.Warn("accepting a connection to the warehouse", "error", err)
			continue
		}
		if !g.own(c) {
			_ = c.Close()
			return
		}
		g.wg.Go(func() { g.serve(c) })
	}
}

func (g *gate) serve(client net.Conn) {
	defer g.drop(client)
	ctx, cancel := context.WithTimeout(context.Background(), helloTimeout)
	defer cancel()
	engine, err := g.admit(ctx, client)
	if refusal, ok := errors.AsType[*refusedError](err); ok {
		_, _ = client.Write(refusal.packet()) // The client may be gone.
	}
	if err != nil {
		g.log.Debug("a connection to the warehouse was refused", "error", err)
		return
	}
	if !g.own(engine) {
		_ = engine.Close()
		return
	}
	var pair sync.WaitGroup
	pair.Go(func() { pipe(engine, client) })
	pair.Go(func() { pipe(client, engine) })
	pair.Wait()
	g.drop(engine)
}

// pipe copies until one side ends, and ends the other: the protocol has no use
// for a connection that is half open.
func pipe(dst, src net.Conn) {
	_, _ = io.Copy(dst, src) // The end of a connection is no news.
	_ = dst.Close()
	_ = src.Close()
}

// admit reads the greeting and returns a connection to the engine that has
// been greeted with it.
func (g *gate) admit(ctx context.Context, client net.Conn) (net.Conn, error) {
	if err := client.SetReadDeadline(time.Now().Add(helloTimeout)); err != nil {
		return nil, fmt.Errorf("limiting a greeting: %w", err)
	}
	h, err := readHello(client)
	if err != nil {
		return nil, err
	}
	if err := g.check(ctx, h); err != nil {
		return nil, err
	}
	engine, err := dial(ctx, g.engine)
	if err != nil {
		return nil, err
	}
	if _, err := engine.Write(h.raw); err != nil {
		return nil, errors.Join(fmt.Errorf("greeting the engine: %w", err), engine.Close())
	}
	if err := client.SetReadDeadline(time.Time{}); err != nil {
		return nil, errors.Join(fmt.Errorf("ending the greeting: %w", err), engine.Close())
	}
	return engine, nil
}

// hello is a client's greeting in ClickHouse's native protocol.
type hello struct {
	database, user, password string
	raw                      []byte // All bytes read from the client so far.
}

// readHello reads packet 0: the client's name (string), its version and the
// protocol's (three varints), database, user and password (strings).
func readHello(client io.Reader) (hello, error) {
	var raw bytes.Buffer
	r := bufio.NewReader(io.TeeReader(io.LimitReader(client, maxHelloBytes), &raw))
	kind, err := binary.ReadUvarint(r)
	if err != nil {
		return hello{}, fmt.Errorf("reading a greeting: %w", err)
	}
	if kind != 0 {
		return hello{}, &refusedError{code: codeUnexpectedPacket, message: fmt.Sprintf("Unexpected packet %d from client, expected Hello", kind)}
	}
	var h hello
	var name string
	var version uint64
	for _, field := range []any{&name, &version, &version, &version, &h.database, &h.user, &h.password} {
		switch f := field.(type) {
		case *uint64:
			*f, err = binary.ReadUvarint(r)
		case *string:
			*f, err = readString(r)
		}
		if err != nil {
			return hello{}, fmt.Errorf("reading a greeting: %w", err)
		}
	}
	h.raw = raw.Bytes()
	return h, nil
}

func readString(r *bufio.Reader) (string, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return "", err //nolint:wrapcheck // readHello wraps it.
	}
	if n > maxHelloBytes {
		return "", fmt.Errorf("a string of %d bytes is too long", n)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err //nolint:wrapcheck // readHello wraps it.
}

// check enters the engine over HTTP as the client's user, in its database.
func (g *gate) check(ctx context.Context, h hello) error {
	target := "http://" + g.http + "/?" + url.Values{"database": {h.database}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader("SELECT 1"))
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	req.Header.Set("X-ClickHouse-User", h.user)
	req.Header.Set("X-ClickHouse-Key", h.password)
	res, err := g.client.Do(req)
	if err != nil {
		return fmt.Errorf("asking the engine: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("reading the engine's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		answer := strings.TrimSpace(string(body))
		code, err := strconv.ParseInt(res.Header.Get("X-ClickHouse-Exception-Code"), 10, 32)
		if err != nil {
			return fmt.Errorf("the engine answered %s: %s", res.Status, answer)
		}
		return &refusedError{code: int32(code), message: answer}
	}
	return nil
}

// refusedError is the engine's own refusal, to be told to the client.
type refusedError struct {
	code    int32
	message string
}

func (e *refusedError) Error() string { return fmt.Sprintf("code %d: %s", e.code, e.message) }

// packet is the native protocol's exception: packet 2, the code (4 bytes,
// little-endian), name, message and stack trace (strings), no nested one.
func (e *refusedError) packet() []byte {
	b := []byte{2}
	b = binary.LittleEndian.AppendUint32(b, uint32(e.code)) //nolint:gosec // The bits of the code.
	for _, s := range []string{"DB::Exception", e.message, ""} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return append(b, 0)
}

package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// lateAnswer is the error of a connection on which nothing came in time.
func lateAnswer(t *testing.T) error {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}

func TestALateAnswerIsNoWarning(t *testing.T) {
	t.Parallel()
	late := lateAnswer(t)
	dial := &net.OpError{Op: "dial", Err: errors.Unwrap(late)}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"a late answer":          {late, "DEBUG"},
		"a wrapped late answer":  {fmt.Errorf("reading: %w", late), "DEBUG"},
		"no connection":          {dial, "WARN"},
		"a broken connection":    {&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, "WARN"},
		"an error of the broker": {errors.New("[5] Leader Not Available"), "WARN"},
	} {
		var out bytes.Buffer
		client := &Client{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		client.warnings("consumer").Printf("reading partition %d of %s: %s", 0, "headway.dirty", c.err)
		if got := out.String(); !strings.Contains(got, "level="+c.want) || !strings.Contains(got, "partition 0 of headway.dirty") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

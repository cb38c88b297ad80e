package embedded

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// greeting is the first packet of ClickHouse's native protocol.
func greeting(database, user, password string) []byte {
	b := []byte{0}
	str := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	str("test")
	for _, n := range []uint64{1, 0, 54460} {
		b = binary.AppendUvarint(b, n)
	}
	str(database)
	str(user)
	str(password)
	return b
}

// greet returns the first packet's number and, for an exception, its code.
func greet(t *testing.T, addr string, hello []byte) (packet byte, code int32) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(hello); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 5)
	if _, err := io.ReadFull(c, head[:1]); err != nil {
		t.Fatal(err)
	}
	if head[0] == 2 {
		if _, err := io.ReadFull(c, head[1:]); err != nil {
			t.Fatal(err)
		}
	}
	return head[0], int32(binary.LittleEndian.Uint32(head[1:]))
}

// TestGate: what would end the engine's process is answered instead.
func TestGate(t *testing.T) {
	t.Parallel()
	w := start(t, t.TempDir())
	pid := w.PID()
	user, password := w.Writer().Username, w.Writer().Password.Reveal()
	for _, tt := range []struct {
		name   string
		hello  []byte
		packet byte
		code   int32
	}{
		{"a right greeting", greeting("", user, password), 0, 0},
		{"another database", greeting("default", user, password), 0, 0},
		{"a wrong password", greeting("", user, "wrong"), 2, 516},
		{"an unknown user", greeting("", "eve", ""), 2, 516},
		{"the engine's own user", greeting("", "default", ""), 2, 700},
		{"an unknown database", greeting("headway_nosuch", user, password), 2, 81},
		{"another packet first", []byte{9}, 2, codeUnexpectedPacket},
		{"another protocol", []byte("GET / HTTP/1.1\r\n\r\n"), 2, codeUnexpectedPacket},
	} {
		packet, code := greet(t, w.NativeAddr(), tt.hello)
		if packet != tt.packet || code != tt.code {
			t.Errorf("%s: packet %d, code %d, want %d, %d", tt.name, packet, code, tt.packet, tt.code)
		}
	}
	mustAsk(t, w, "SELECT 1")
	if w.PID() != pid || w.Restarts() != 0 {
		t.Errorf("the engine was restarted %d times", w.Restarts())
	}
}

func FuzzReadHello(f *testing.F) {
	f.Add(greeting("d", "u", "p"))
	f.Add([]byte{0, 255, 255, 255, 255, 255})
	f.Add([]byte(strings.Repeat("\x00", 100)))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readHello(bytes.NewReader(b))
		if err == nil && !bytes.HasPrefix(b, h.raw) {
			t.Fatal("the greeting passed on is not what was read")
		}
	})
}

package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func testLogger(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func engine(t *testing.T) string {
	t.Helper()
	lib, err := InstallEngine(t.Context(), EngineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

func start(t *testing.T, dir string) *Warehouse {
	t.Helper()
	w, err := StartWarehouse(t.Context(), WarehouseOptions{Dir: dir, Library: engine(t), Logger: testLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// ask sends one query over HTTP; the answer or the server's error text.
func ask(ctx context.Context, addr string, c Credentials, query string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/", strings.NewReader(query))
	if err != nil {
		return "", err
	}
	if c.Username != "" {
		req.Header.Set("X-ClickHouse-User", c.Username)
		req.Header.Set("X-ClickHouse-Key", c.Password.Reveal())
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", res.Status, bytes.TrimSpace(b))
	}
	return string(bytes.TrimSpace(b)), nil
}

func mustAsk(t *testing.T, w *Warehouse, query string) string {
	t.Helper()
	got, err := ask(t.Context(), w.HTTPAddr(), w.Writer(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return got
}

func TestWarehouseUsers(t *testing.T) {
	t.Parallel()
	w := start(t, t.TempDir())
	mustAsk(t, w, "CREATE DATABASE headway")
	mustAsk(t, w, "CREATE TABLE headway.t (a UInt32) ENGINE = MergeTree ORDER BY a")
	mustAsk(t, w, "INSERT INTO headway.t VALUES (1), (2)")
	wrong := Credentials{Username: "headway_write", Password: "wrong"}
	nobody := Credentials{}
	dflt := Credentials{Username: "default"}
	for _, tt := range []struct {
		name  string
		as    Credentials
		query string
		want  string // Prefix of the answer; empty means refused.
	}{
		{"the writer reads", w.Writer(), "SELECT sum(a) FROM headway.t", "3"},
		{"the writer makes other headway databases", w.Writer(), "CREATE DATABASE headway_test_1", "ok"},
		{"the writer uses a temporary table", w.Writer(), "SELECT count() FROM numbers(3)", "3"},
		{"the writer keeps out of other databases", w.Writer(), "CREATE DATABASE other", ""},
		{"the writer keeps out of the default database", w.Writer(), "CREATE TABLE default.t (a UInt32) ENGINE = Memory", ""},
		{"the writer makes no users", w.Writer(), "CREATE USER eve", ""},
		{"the writer reads no files", w.Writer(), "SELECT * FROM file('/etc/passwd', 'LineAsString', 'l String')", ""},
		{"the writer reaches no other server", w.Writer(), "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString', 'l String')", ""},
		{"the reader reads", w.Reader(), "SELECT sum(a) FROM headway.t", "3"},
		{"the reader is on UTC", w.Reader(), "SELECT timezone()", "UTC"},
		{"the reader sets a time limit, as drivers do", w.Reader(), "SELECT 1 SETTINGS max_execution_time = 65", "1"},
		{"the reader has a default time limit", w.Reader(), "SELECT getSetting('max_execution_time')", "30"},
		{"the reader cannot pass the time cap", w.Reader(), "SELECT 1 SETTINGS max_execution_time = 6000", ""},
		{"the reader cannot have unlimited time", w.Reader(), "SELECT 1 SETTINGS max_execution_time = 0", ""},
		{"the reader cannot have all memory", w.Reader(), "SELECT 1 SETTINGS max_memory_usage = 0", ""},
		{"the reader cannot take endless rows", w.Reader(), "SELECT number FROM numbers(2000000)", ""},
		{"the reader is stopped in time", w.Reader(), "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number)) SETTINGS max_execution_time = 1", ""},
		{"the reader cannot leave read-only mode", w.Reader(), "SET readonly = 0", ""},
		{"the reader writes not", w.Reader(), "INSERT INTO headway.t VALUES (3)", ""},
		{"the reader drops not", w.Reader(), "DROP TABLE headway.t", ""},
		{"the reader reads no files", w.Reader(), "SELECT * FROM file('/etc/passwd', 'LineAsString', 'l String')", ""},
		{"the reader kills nothing", w.Reader(), "KILL QUERY WHERE 1", ""},
		{"a wrong password is refused", wrong, "SELECT 1", ""},
		{"no user is refused", nobody, "SELECT 1", ""},
		{"the default user is refused", dflt, "SELECT 1", ""},
	} {
		got, err := ask(t.Context(), w.HTTPAddr(), tt.as, tt.query)
		switch {
		case tt.want == "" && err == nil:
			t.Errorf("%s: not refused, it answered %q", tt.name, got)
		case tt.want == "ok" && err != nil, tt.want != "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && tt.want != "ok" && got != tt.want:
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if tt.want == "" && err != nil {
			t.Logf("%s: %.160s", tt.name, err)
		}
	}
}

func TestWarehouseKeepsDataAndPasswords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, dir)
	mustAsk(t, first, "CREATE DATABASE headway")
	mustAsk(t, first, "CREATE TABLE headway.t (a UInt32) ENGINE = MergeTree ORDER BY a")
	mustAsk(t, first, "INSERT INTO headway.t SELECT number FROM numbers(1000)")
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := start(t, dir)
	if got := mustAsk(t, second, "SELECT count() FROM headway.t"); got != "1000" {
		t.Errorf("after a restart: %s rows, want 1000", got)
	}
	if first.Writer() != second.Writer() || first.Reader() != second.Reader() {
		t.Error("the passwords changed over a restart")
	}
	st, err := os.Stat(filepath.Join(dir, "credentials.json"))
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 {
		t.Errorf("credentials.json has mode %v, want 0600", st.Mode().Perm())
	}
}

func TestWarehouseIsAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, dir)
	_, err := StartWarehouse(t.Context(), WarehouseOptions{Dir: dir, Library: engine(t), Logger: testLogger(t)})
	var held *HeldError
	if !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Errorf("a second warehouse on one directory: %v, want an error naming process %d", err, os.Getpid())
	}
}

func TestWarehouseComesBackWhenKilled(t *testing.T) {
	t.Parallel()
	w := start(t, t.TempDir())
	mustAsk(t, w, "CREATE DATABASE headway")
	mustAsk(t, w, "CREATE TABLE headway.t (a UInt32) ENGINE = MergeTree ORDER BY a")
	for round := 1; round <= 3; round++ {
		mustAsk(t, w, fmt.Sprintf("INSERT INTO headway.t SELECT number FROM numbers(%d, 1000)", round*1000))
		if err := syscall.Kill(w.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, 30*time.Second, func() error {
			got, err := ask(t.Context(), w.HTTPAddr(), w.Writer(), "SELECT count() FROM headway.t")
			if err != nil {
				return err
			}
			if want := strconv.Itoa(round * 1000); got != want {
				t.Fatalf("round %d: %s acknowledged rows are left of %s", round, got, want)
			}
			return nil
		})
		eventually(t, 30*time.Second, func() error {
			if got := w.Restarts(); got != int64(round) {
				return fmt.Errorf("restarts = %d, want %d", got, round)
			}
			return nil
		})
	}
}

func TestWarehouseStartErrors(t *testing.T) {
	t.Parallel()
	w := start(t, t.TempDir())
	for _, tt := range []struct {
		name string
		opts WarehouseOptions
		want string
	}{
		{"a taken port", WarehouseOptions{NativePort: w.native}, fmt.Sprintf("port %d of the warehouse is taken", w.native)},
		{"a taken HTTP port", WarehouseOptions{HTTPPort: w.http}, fmt.Sprintf("port %d of the warehouse is taken", w.http)},
		{"no library", WarehouseOptions{Library: "/nonexistent/libchdb.so"}, "loading the ClickHouse engine /nonexistent/libchdb.so"},
	} {
		tt.opts.Dir = t.TempDir()
		tt.opts.Logger = testLogger(t)
		if tt.opts.Library == "" {
			tt.opts.Library = engine(t)
		}
		_, err := StartWarehouse(t.Context(), tt.opts)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

// eventually tries f until it returns nil; the deadline is a failure.
func eventually(t *testing.T, within time.Duration, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %v", within, err)
		case <-tick.C:
		}
	}
}

// TestWarehouseEndsWithItsParent: a parent killed with -9 leaves no engine
// behind, and the next one starts on the same data.
func TestWarehouseEndsWithItsParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	parent, words := spawn(t, "warehouse", dir)
	pid, err := strconv.Atoi(words[0])
	if err != nil {
		t.Fatal(err)
	}
	b, err := loadPasswords(dir)
	if err != nil {
		t.Fatal(err)
	}
	writer := Credentials{Username: writeUser, Password: secretOf(b.Write)}
	for _, q := range []string{
		"CREATE DATABASE headway", "CREATE TABLE headway.t (a UInt32) ENGINE = MergeTree ORDER BY a",
		"INSERT INTO headway.t SELECT number FROM numbers(1000)",
	} {
		if _, err := ask(t.Context(), words[1], writer, q); err != nil {
			t.Fatal(err)
		}
	}
	parent.kill()
	began := time.Now()
	next := start(t, dir) // Waits for the orphan, which holds the lock.
	t.Logf("the next warehouse was ready %s after the kill", time.Since(began).Round(time.Millisecond))
	if alive(pid) {
		t.Errorf("the engine %d outlived its parent", pid)
	}
	if got := mustAsk(t, next, "SELECT count() FROM headway.t"); got != "1000" {
		t.Errorf("%s rows are left of 1000", got)
	}
}

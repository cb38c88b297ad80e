package memory

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestGovern changes the collector of the whole process, so it is not parallel.
func TestGovern(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	stop := Govern()
	want := smallOf(available())
	if got := debug.SetMemoryLimit(-1); got != want {
		t.Errorf("a small process has the limit %d, want %d", got, want)
	}
	// What is alive and more than half of the limit moves it.
	func() {
		held := make([]byte, want)
		await(t, func() bool { return debug.SetMemoryLimit(-1) >= growth*want })
		runtime.KeepAlive(held)
	}()
	await(t, func() bool { return debug.SetMemoryLimit(-1) == want })
	stop()
	await(t, func() bool { return debug.SetMemoryLimit(-1) == before })
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("the collector is left at %d percent", got)
	}
}

func await(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("the limit stays at %d", debug.SetMemoryLimit(-1))
		}
	}
}

func TestTheEnvironmentKnowsBetter(t *testing.T) {
	t.Setenv("GOGC", "50")
	before := debug.SetMemoryLimit(-1)
	defer Govern()()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("the limit became %d although GOGC is set", got)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want int64 }{
		{smallOf(24 << 30), small},
		{smallOf(256 << 20), 256 << 20 / share},
		{limit(small, 10<<20), small},
		{limit(small, 1<<30), growth << 30},
	} {
		if c.got != c.want {
			t.Errorf("got %d, want %d", c.got, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "limit")
	for content, want := range map[string]int64{"max\n": math.MaxInt64, "1073741824\n": 1 << 30, "": math.MaxInt64} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := number(file, "%d"); got != want {
			t.Errorf("%q is %d, want %d", content, got, want)
		}
	}
	if got := number(filepath.Join(t.TempDir(), "missing"), "%d"); got != math.MaxInt64 {
		t.Errorf("a missing file limits to %d", got)
	}
}

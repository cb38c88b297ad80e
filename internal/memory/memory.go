// Package memory tells the garbage collector how lazy it may be. Nothing that
// holds data belongs here.
package memory

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
)

const (
	// small is the memory in which a process need not save: the limit of the
	// pipeline, 512 MB resident, less what the collector does not count (the program
	// itself, the disk's pages) and what it exceeds its goal by for a moment.
	small = 400 << 20
	// lazy is the growth since the last collection, in percent of what was alive then,
	// that starts the next in a process which stays small.
	lazy = 400
	// share of the machine, or of the container, that a process may fill before
	// it saves: others live there too, an embedded ClickHouse among them.
	share = 3
	// growth is as in Go's default, GOGC=100: the heap may be twice what is alive.
	growth = 2
)

// Govern makes garbage collection rare as long as the process is small, and as
// frequent as Go's default makes it in a larger one. With the environment's GOGC
// or GOMEMLIMIT set it does nothing: whoever set them knows better. stop puts
// things back; it is for the end of the process or of a test.
func Govern() (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	g := &governor{small: smallOf(available())}
	percent := debug.SetGCPercent(lazy)
	limit := debug.SetMemoryLimit(g.small)
	g.watch()
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.stopped = true
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// governor moves the limit with what is alive. A fixed one would make a process that
// has more to hold collect without end.
type governor struct {
	small int64

	mu      sync.Mutex
	stopped bool
}

// watch adjusts the limit after each collection, which frees the object that it
// makes for that.
func (g *governor) watch() {
	// Not a tiny object: those share a block with others and may outlive them.
	runtime.AddCleanup(new([64]byte), func(g *governor) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.stopped {
			return
		}
		debug.SetMemoryLimit(limit(g.small, alive()))
		g.watch()
	}, g)
}

// limit is the memory up to which a process may be lazy of which so many bytes are
// alive.
func limit(small, alive int64) int64 {
	return max(small, growth*alive)
}

// alive is how many bytes the last collection has marked.
func alive() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(min(s[0].Value.Uint64(), math.MaxInt64/growth))
}

func smallOf(available int64) int64 { return min(small, available/share) }

// available is the memory of the container or the machine, in bytes; the most there
// can be where neither says.
func available() int64 {
	out := int64(math.MaxInt64)
	for _, f := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		out = min(out, number(f, "%d"))
	}
	if kb := number("/proc/meminfo", "MemTotal: %d kB"); kb < math.MaxInt64>>10 {
		out = min(out, kb<<10)
	}
	return out
}

// number reads the first line of a system's file that has the format. Where there
// is none, nothing is limited.
func number(file, format string) int64 {
	b, err := os.ReadFile(file) //nolint:gosec // The kernel's own file.
	if err != nil {
		return math.MaxInt64
	}
	for line := range strings.Lines(string(b)) {
		var n int64
		if _, err := fmt.Sscanf(line, format, &n); err == nil && n > 0 {
			return n
		}
	}
	return math.MaxInt64
}

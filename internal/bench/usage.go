package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// cpuTime is the processor time that a process has used, its threads included; 0
// where the system does not say.
func cpuTime(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in parentheses may hold anything; the fields follow it.
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	const utime, stime = 11, 12
	if len(fields) <= stime {
		return 0
	}
	var user, system int64
	if _, err := fmt.Sscan(fields[utime]+" "+fields[stime], &user, &system); err != nil {
		return 0
	}
	// Linux counts in hundredths of a second for all programs.
	return time.Duration(user+system) * 10 * time.Millisecond
}

// usedCPU is the processor time of this process and of the ClickHouse child.
func usedCPU() time.Duration { return cpuTime(os.Getpid()) + cpuTime(childOf(os.Getpid())) }

// peakMemory is the highest resident memory of a process so far, in bytes; 0
// where the system does not say.
func peakMemory(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		var kb int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kb); err == nil {
			return kb << 10
		}
	}
	return 0
}

// childOf is the first child of a process; 0 when there is none.
func childOf(pid int) int {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0
	}
	for _, f := range files {
		b, err := os.ReadFile(f) //nolint:gosec // The kernel's own file.
		if err != nil {
			continue // A thread that has ended.
		}
		var child int
		if _, err := fmt.Sscan(string(b), &child); err == nil {
			return child
		}
	}
	return 0
}

// forgetPeak makes peakMemory count from now on; where the system cannot, the
// peak stays that of the whole life.
func forgetPeak(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o200)
}

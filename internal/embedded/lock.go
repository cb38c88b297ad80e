package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockWait is how long a lock whose holder is dead may still be held by the
// child process it left behind, which is flushing.
const lockWait = 20 * time.Second

// HeldError says that another process uses a directory.
type HeldError struct {
	Dir string
	// PID of the process that holds it; 0 when it is not known.
	PID int
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("directory %s is in use by process %d: stop that process, or give this one another data directory", e.Dir, e.PID)
}

// lockDir takes the lock of a directory for this process and, through an
// inherited descriptor, for its child: the lock is free when both have ended.
// A living holder is an error at once; a dead one's child is waited for.
func lockDir(ctx context.Context, dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating %s: %w", dir, err)
	}
	path := filepath.Join(dir, "headway.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // The operator's own directory.
	if err != nil {
		return nil, fmt.Errorf("opening the lock of %s: %w", dir, err)
	}
	deadline := time.NewTimer(lockWait)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), f.Close())
		}
		pid := lockHolder(path)
		held := &HeldError{Dir: dir, PID: pid}
		if pid == os.Getpid() || pid != 0 && alive(pid) {
			return nil, errors.Join(held, f.Close())
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return nil, errors.Join(held, f.Close())
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		}
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(fmt.Errorf("writing the lock of %s: %w", dir, err), f.Close())
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0); err != nil {
		return nil, errors.Join(fmt.Errorf("writing the lock of %s: %w", dir, err), f.Close())
	}
	return f, nil
}

func lockHolder(path string) int {
	b, err := os.ReadFile(path) //nolint:gosec // The lock file itself.
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}

// alive reports whether a process runs, even one of another user. One that has
// ended but whose parent has not noticed does not count (only Linux can tell).
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	// "pid (name) state …", where the name may hold anything.
	_, rest, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	return !bytes.HasPrefix(rest, []byte("Z"))
}

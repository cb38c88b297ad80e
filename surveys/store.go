package surveys

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// state is everything the portal remembers. It is one file, so that an answer
// is accepted whole or not at all.
type state struct {
	// Spent holds, by survey and wave, the marks of those who have answered.
	Spent map[string]spent `json:"spent"`
	// Held waits to be published. It is sorted by random ids: the order says
	// nothing about who answered with whom.
	Held []held `json:"held"`
	// Wordings maps survey/question/version to the fingerprint it was first asked
	// with.
	Wordings map[string]string `json:"wordings"`
}

type spent struct {
	Closes time.Time `json:"closes"`
	Marks  []string  `json:"marks"`
}

// store keeps the state in a directory of its own. Several processes may share
// it: each change locks, reads, writes aside, syncs and renames.
type store struct{ dir string }

func openStore(dir string) (store, error) {
	if dir == "" {
		return store{}, errors.New("the survey portal needs a state directory")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil { //nolint:gosec // The user names the directory.
		return store{}, fmt.Errorf("making the survey state directory: %w", err)
	}
	s := store{dir: dir}
	return s, s.locked(s.sweep)
}

// sweep removes what a crash in the middle of writing left: it may hold answers.
func (s store) sweep() error {
	left, err := filepath.Glob(filepath.Join(s.dir, unfinished))
	if err != nil {
		return fmt.Errorf("looking for unfinished survey files: %w", err)
	}
	for _, f := range left {
		if err := os.Remove(f); err != nil {
			return fmt.Errorf("removing an unfinished survey file: %w", err)
		}
	}
	return nil
}

// unfinished is the pattern of files that are not in place yet.
const unfinished = ".new-*"

func (s store) stateFile() string { return filepath.Join(s.dir, "state.json") }

// read returns the state without locking; a rename is atomic.
func (s store) read() (state, error) {
	st := state{Spent: map[string]spent{}, Wordings: map[string]string{}}
	b, err := os.ReadFile(s.stateFile()) //nolint:gosec // The user names the directory.
	if errors.Is(err, fs.ErrNotExist) {
		return st, nil
	}
	if err != nil {
		return st, fmt.Errorf("reading the survey state: %w", err)
	}
	if err := json.Unmarshal(b, &st); err != nil {
		// The decoder's own words could quote an answer.
		return st, fmt.Errorf("the survey state in %s is damaged; restore it or move it away", s.stateFile())
	}
	return st, nil
}

// change applies f to the state. When f or the writing fails nothing changes;
// when it returns nil the new state is on the disk.
func (s store) change(f func(*state) error) error {
	return s.locked(func() error {
		st, err := s.read()
		if err != nil {
			return err
		}
		if err := f(&st); err != nil {
			return err
		}
		slices.SortFunc(st.Held, func(a, b held) int { return cmp.Compare(a.EventID, b.EventID) })
		for _, w := range st.Spent {
			slices.Sort(w.Marks)
		}
		b, err := json.Marshal(st)
		if err != nil {
			return fmt.Errorf("encoding the survey state: %w", err)
		}
		return replaceFile(s.stateFile(), b)
	})
}

// locked runs f while no other process writes to the directory.
func (s store) locked(f func() error) error {
	lock, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening the survey lock: %w", err)
	}
	defer func() { _ = lock.Close() }() // Nothing was written; closing gives the lock up.
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("locking the survey state: %w", err)
	}
	return f()
}

// replaceFile makes the file hold b, or leaves it as it was, whatever happens
// in between.
func replaceFile(path string, b []byte) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, unfinished) // Mode 0600.
	if err != nil {
		return fmt.Errorf("writing the survey state: %w", err)
	}
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path) //nolint:gosec // The user names the directory.
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing the survey state: %w", err), os.Remove(tmp.Name())) //nolint:gosec // Made above.
	}
	d, err := os.Open(dir) //nolint:gosec // The state directory itself.
	if err != nil {
		return fmt.Errorf("syncing the survey state: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing the survey state: %w", err)
	}
	return nil
}

// secret returns the key kept in the directory, and makes it the first time.
func (s store) secret() (string, error) {
	path := filepath.Join(s.dir, "secret")
	var out string
	err := s.locked(func() error {
		b, err := os.ReadFile(path) //nolint:gosec // The state directory itself.
		if errors.Is(err, fs.ErrNotExist) {
			b = []byte(randomID() + randomID())
			err = replaceFile(path, b)
		}
		if err != nil {
			return fmt.Errorf("keeping the survey secret: %w", err)
		}
		out = string(bytes.TrimSpace(b))
		if len(out) < minSecret {
			return fmt.Errorf("%s is too short for a survey secret; remove it to have a new one made", path)
		}
		return nil
	})
	return out, err
}

// randomID is 128 random bits in hexadecimal.
func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // It never fails: crypto/rand ends the process instead.
	return hex.EncodeToString(b[:])
}

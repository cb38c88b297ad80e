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

// store keeps the state in a directory. Several processes may share the
// directory: each change locks, reads, writes aside, syncs and renames.
type store struct{ dir string }

func openStore(dir string) (store, error) {
	if dir == "" {
		return store{}, errors.New("the survey portal needs a state directory")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return store{}, fmt.Errorf("making the survey state directory: %w", err)
	}
	return store{dir: dir}, nil
}

func (s store) stateFile() string { return filepath.Join(s.dir, "state.json") }

// read returns the state without locking; a rename is atomic.
func (s store) read() (state, error) {
	st := state{Spent: map[string]spent{}, Wordings: map[string]string{}}
	b, err := os.ReadFile(s.stateFile())
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
	lock, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening the survey lock: %w", err)
	}
	defer func() { _ = lock.Close() }() // Nothing was written; closing gives the lock up.
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("locking the survey state: %w", err)
	}
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
}

// replaceFile makes the file hold b, or leaves it as it was, whatever happens
// in between.
func replaceFile(path string, b []byte) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".new-*") // Mode 0600.
	if err != nil {
		return fmt.Errorf("writing the survey state: %w", err)
	}
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing the survey state: %w", err), os.Remove(tmp.Name()))
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
	for {
		b, err := os.ReadFile(path) //nolint:gosec // The state directory itself.
		if err == nil && len(bytes.TrimSpace(b)) >= minSecret {
			return string(bytes.TrimSpace(b)), nil
		}
		if err == nil {
			return "", fmt.Errorf("%s is too short for a survey secret; remove it to have a new one made", path)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("reading the survey secret: %w", err)
		}
		if err := s.makeSecret(path); err != nil {
			return "", err
		}
	}
}

// makeSecret links a complete file into place, so that of two processes that
// start together one wins and both read the same secret.
func (s store) makeSecret(path string) error {
	tmp := path + "-" + randomID()
	if err := replaceFile(tmp, []byte(randomID()+randomID())); err != nil {
		return err
	}
	err := os.Link(tmp, path)
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err := errors.Join(err, os.Remove(tmp)); err != nil {
		return fmt.Errorf("making the survey secret: %w", err)
	}
	return nil
}

// randomID is 128 random bits in hexadecimal.
func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // It never fails: crypto/rand ends the process instead.
	return hex.EncodeToString(b[:])
}

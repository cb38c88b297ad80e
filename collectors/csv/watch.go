package csv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// settled is how long a file has to be left alone before it is read: one that is
// being written would lack rows.
const settled = 10 * time.Second

// Interval implements collectors.Poller.
func (s *Source) Interval() time.Duration {
	if len(s.cfg.Files) == 0 {
		return 0
	}
	return s.cfg.Interval
}

// Poll reads the files that differ from what the cursor knows of them. A file with a
// mistake holds up none of the others.
func (s *Source) Poll(ctx context.Context, cursor collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	// The hash of each file that was read, by path.
	known := map[string]string{}
	if cursor != nil {
		if err := json.Unmarshal(cursor, &known); err != nil {
			return nil, fmt.Errorf("reading the cursor of %s: %w", Name, err)
		}
	}
	var errs []error
	for _, f := range s.cfg.Files {
		hash, err := s.read(ctx, f, known[f.Path], emit)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.Path, err))
			continue
		}
		known[f.Path] = hash
	}
	next, err := json.Marshal(known)
	if err != nil {
		return nil, fmt.Errorf("writing the cursor of %s: %w", Name, err)
	}
	return next, errors.Join(errs...)
}

// read publishes the difference between a file and the copy of what was read of it
// before, whose hash is known, and returns the hash of what is read now.
func (s *Source) read(ctx context.Context, f File, known string, emit collectors.Emit) (string, error) {
	info, err := os.Stat(f.Path)
	if err != nil {
		return "", fmt.Errorf("looking at the file: %w", err)
	}
	if s.now().Sub(info.ModTime()) < settled {
		return known, nil
	}
	// What is read is a copy, so that it is the same in every pass.
	if err := os.MkdirAll(s.stateDir, 0o700); err != nil {
		return "", fmt.Errorf("making a directory for copies: %w", err)
	}
	before := filepath.Join(s.stateDir, schema.EventID(f.Path, f.Kind)+".csv")
	after := before + ".new"
	hash, err := copyFile(f.Path, after)
	if err != nil || hash == known {
		return hash, errors.Join(err, os.Remove(after))
	}
	if err := s.publish(ctx, f, after, before, known, emit); err != nil {
		return "", errors.Join(err, os.Remove(after))
	}
	if err := os.Rename(after, before); err != nil {
		return "", fmt.Errorf("keeping what was read: %w", err)
	}
	return hash, nil
}

// publish emits the rows of after that before has not, and takes back what only
// before said. before counts only when its hash is known: it is then what was
// published.
func (s *Source) publish(ctx context.Context, f File, after, before, known string, emit collectors.Emit) error {
	at := s.now().UTC()
	table := Table{f.Kind, s.cfg.Times()}
	now := map[uint64]bool{}
	if err := readFile(after, table, at, func(l Line) error {
		for _, fact := range l.Facts {
			now[FactKey(fact)] = true
		}
		return nil
	}); err != nil {
		return err
	}
	out := &Batcher{Emit: emit}
	published := map[uint64]bool{}
	var gone []schema.Event
	if hash, err := hashFile(before); err == nil && hash == known {
		if err := readFile(before, table, at, func(l Line) error {
			published[xxhash.Sum64String(l.Event.ID)] = true
			for _, fact := range l.Facts {
				if now[FactKey(fact)] {
					continue
				}
				ev, ok, err := Withdrawal(fact, at)
				if err != nil {
					return err
				}
				if ok {
					gone = append(gone, ev)
				}
			}
			return nil
		}); err != nil {
			return fmt.Errorf("reading what was read before: %w", err)
		}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := readFile(after, table, at, func(l Line) error {
		if published[xxhash.Sum64String(l.Event.ID)] {
			return nil
		}
		return out.Add(ctx, l.Event)
	}); err != nil {
		return err
	}
	for _, ev := range gone {
		if err := out.Add(ctx, ev); err != nil {
			return err
		}
	}
	return out.Flush(ctx)
}

func readFile(path string, t Table, at time.Time, each func(Line) error) (err error) {
	f, err := os.Open(path) //nolint:gosec // The configuration names it.
	if err != nil {
		return fmt.Errorf("opening the file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return t.Read(f, at, each)
}

func copyFile(from, to string) (hash string, err error) {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // In the source's own directory.
	if err != nil {
		return "", fmt.Errorf("copying the file: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return hashInto(from, out)
}

func hashFile(path string) (string, error) { return hashInto(path, io.Discard) }

// hashInto copies a file and returns its hash.
func hashInto(path string, to io.Writer) (hash string, err error) {
	in, err := os.Open(path) //nolint:gosec // The configuration names it.
	if err != nil {
		return "", fmt.Errorf("opening the file: %w", err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(h, to), in); err != nil {
		return "", fmt.Errorf("reading the file: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

package gitops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/git/mirror"
	"github.com/headway-metrics/headway/schema"
)

const (
	// maxFile bounds a file of configuration, in bytes.
	maxFile = 256 << 10
	// chunk is how many changes are held in memory with their files.
	chunk = 200
)

// touched is one changed file of a commit, as git log --raw tells it.
type touched struct {
	commit string
	at     time.Time
	path   string
	// old and new are blob ids, "" when there is none.
	old, new string
	identity string
	// gone marks the deletion that is half of a move.
	gone bool
}

func (s *Source) read(ctx context.Context, r *repository, was repoState, emit collectors.Emit) (repoState, error) {
	if err := r.copy.Fetch(ctx); err != nil {
		return was, err
	}
	heads, err := r.copy.Heads(ctx)
	if err != nil {
		return was, err
	}
	head := heads[r.branch]
	patterns := r.patterns()
	if head == "" || head == was.Head && slices.Equal(patterns, was.Patterns) {
		return was, nil
	}
	at := s.now().UTC().Truncate(time.Millisecond)
	if !at.After(was.At) {
		// A clock put back must not make older observations win.
		at = was.At.Add(time.Millisecond)
	}
	now := repoState{Head: head, Patterns: patterns, Rewrites: was.Rewrites, At: at, Good: map[string]string{}}
	w := walk{Source: s, repo: r, at: at, emit: emit, good: now.Good}

	exclude, err := r.copy.Present(ctx, was.Head)
	if was.Head == "" {
		exclude, err = nil, nil
	}
	if err != nil {
		return was, err
	}
	if len(exclude) > 0 {
		// What is in the old history and not in the new was taken back.
		lost, err := w.list(ctx, mirror.Query{Include: exclude, Exclude: []string{head}})
		if err != nil {
			return was, err
		}
		if len(lost) > 0 {
			now.Rewrites++
			w.rewrites = now.Rewrites
			if err := w.publish(ctx, lost, typeWithdrawn); err != nil {
				return was, err
			}
		}
	}
	w.rewrites = now.Rewrites
	q := mirror.Query{Include: []string{head}, Exclude: exclude}
	if slices.Equal(patterns, was.Patterns) {
		maps.Copy(now.Good, was.Good)
	} else {
		q.Exclude = nil
	}
	changes, err := w.list(ctx, q)
	if err != nil {
		return was, err
	}
	if err := w.publish(ctx, changes, typePromotion); err != nil {
		return was, err
	}
	s.log.InfoContext(ctx, "configuration repository read", "repo", r.id, "changes", len(changes))
	return now, nil
}

// walk is one reading of one branch.
type walk struct {
	*Source
	repo     *repository
	at       time.Time
	rewrites int
	emit     collectors.Emit
	good     map[string]string
}

// list reads the changed files of the commits of a query, oldest first.
func (w *walk) list(ctx context.Context, q mirror.Query) ([]touched, error) {
	q.Raw, q.Patterns = true, w.repo.patterns()
	var out []touched
	err := w.repo.copy.Log(ctx, q, func(record []byte) error {
		ts, err := w.parse(string(record))
		out = append(out, ts...)
		return err
	})
	return out, err
}

// rawFields is the number of fields of a record before its paths.
const rawFields = 6

func (w *walk) parse(record string) ([]touched, error) {
	f := strings.Split(strings.TrimSuffix(record, "\x00"), "\x00")
	if len(f) < rawFields {
		return nil, errors.New("record of git log is cut off")
	}
	unix, err := strconv.ParseInt(f[4], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("committer time of %s: %w", f[1], err)
	}
	var out []touched
	for i := rawFields; i+1 < len(f); i += 2 {
		raw := strings.Fields(strings.TrimPrefix(strings.TrimPrefix(f[i], "\n"), ":"))
		if len(raw) != 5 {
			return nil, fmt.Errorf("change %q of %s cannot be read", f[i], f[1])
		}
		t := touched{commit: f[1], at: time.Unix(unix, 0).UTC(), path: f[i+1], old: blob(raw[0], raw[2]), new: blob(raw[1], raw[3])}
		for _, r := range w.repo.rules {
			if id, ok := r.identity(t.path); ok {
				t.identity = id
				break
			}
		}
		if t.identity != "" && (t.old != "" || t.new != "") {
			out = append(out, t)
		}
	}
	return moved(out), nil
}

// blob is the id of a regular file; links and submodules are none.
func blob(mode, id string) string {
	if strings.HasPrefix(mode, "100") {
		return id
	}
	return ""
}

// moved joins the deletion and the creation of one identity in one commit.
func moved(ts []touched) []touched {
	created := map[string]int{}
	for i, t := range ts {
		if t.old == "" && t.new != "" {
			created[t.identity] = i
		}
	}
	for i, t := range ts {
		if j, ok := created[t.identity]; ok && t.new == "" {
			ts[j].old = t.old
			ts[i].gone = true
		}
	}
	return slices.DeleteFunc(ts, func(t touched) bool { return t.gone })
}

func (w *walk) publish(ctx context.Context, changes []touched, typ string) error {
	for part := range slices.Chunk(changes, chunk) {
		var ids []string
		for _, t := range part {
			ids = append(ids, t.old, t.new, w.good[t.identity])
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
		blobs, err := w.repo.copy.Blobs(ctx, ids, maxFile)
		if err != nil {
			return err
		}
		var events []schema.Event
		for _, t := range part {
			ev, err := w.event(t, blobs, typ)
			if err != nil {
				return err
			}
			events = append(events, ev)
		}
		if err := w.emit(ctx, events...); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) event(t touched, blobs map[string][]byte, typ string) (schema.Event, error) {
	before := t.old
	if g := w.good[t.identity]; g != "" {
		before = g
	}
	c := change{Repo: w.repo.id, Branch: w.repo.branch, Commit: t.commit, CommittedAt: t.at, Path: t.path}
	if b, ok := blobs[before]; ok && valid(b) {
		c.Before = b
	}
	if t.new != "" {
		b, ok := blobs[t.new]
		c.After, c.TooLarge = b, !ok
	}
	if typ == typePromotion {
		switch {
		case t.new == "" || valid(c.After) && !c.TooLarge:
			delete(w.good, t.identity)
		case c.Before != nil:
			w.good[t.identity] = before
		}
	}
	data, err := json.Marshal(c)
	if err != nil {
		return schema.Event{}, fmt.Errorf("encoding the change of a file: %w", err)
	}
	return schema.Event{
		ID:     schema.EventID(typ, w.repo.key(), t.commit, t.path, strconv.Itoa(w.rewrites), string(data)),
		Source: Name, Type: typ, Subject: w.repo.id + "@" + t.commit, Time: w.at, Key: w.repo.id, Data: data,
	}, nil
}

func valid(b []byte) bool {
	_, err := parseYAML(b)
	return err == nil
}

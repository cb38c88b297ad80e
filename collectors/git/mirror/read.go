package mirror

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Tag is a tag that names a commit. Tags of trees and blobs are left out.
type Tag struct {
	Name string
	// Object is the tag object, or the commit of a lightweight tag.
	Object string
	Commit string
	// At is the tagger's time, else the commit's committer time.
	At time.Time
}

const tagFormat = "%(refname:strip=2)%00%(objectname)%00%(objecttype)%00%(*objectname)%00%(*objecttype)" +
	"%00%(taggerdate:unix)%00%(committerdate:unix)%00%(*committerdate:unix)"

// Tags lists the tags of the copy by name.
func (r *Repo) Tags(ctx context.Context) ([]Tag, error) {
	out, err := r.output(ctx, nil, "for-each-ref", "--format="+tagFormat, "refs/tags/")
	if err != nil {
		return nil, r.judge(err)
	}
	var tags []Tag
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\x00")
		if len(f) != 8 {
			return nil, fmt.Errorf("git for-each-ref: %d fields in the line of a tag, 8 expected", len(f))
		}
		t := Tag{Name: f[0], Object: f[1]}
		at := f[5]
		switch {
		case f[2] == "commit":
			t.Commit, at = f[1], f[6]
		case f[2] == "tag" && f[4] == "commit":
			t.Commit = f[3]
			if at == "" {
				// Tags of git's first years name no tagger.
				at = f[7]
			}
		case f[2] == "tag" && f[4] == "tag":
			commit, committed, err := r.peel(ctx, f[1])
			if err != nil {
				return nil, err
			}
			if commit == "" {
				continue
			}
			t.Commit = commit
			if at == "" {
				at = committed
			}
		default:
			continue
		}
		if t.At, err = unixTime(at); err != nil {
			return nil, fmt.Errorf("time of tag %q: %w", t.Name, err)
		}
		tags = append(tags, t)
	}
	return tags, nil
}

// peel follows a tag of a tag to its commit; "" when it names something else.
func (r *Repo) peel(ctx context.Context, object string) (commit, committed string, err error) {
	out, err := r.output(ctx, []byte(object+"^{commit}\n"), "cat-file", "--batch")
	if err != nil {
		return "", "", r.judge(err)
	}
	head, body, _ := strings.Cut(string(out), "\n")
	f := strings.Fields(head)
	if len(f) != 3 || f[1] != "commit" {
		return "", "", nil
	}
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, "committer "); ok {
			parts := strings.Fields(rest)
			if len(parts) >= 2 {
				committed = parts[len(parts)-2]
			}
			break
		}
	}
	return f[0], committed, nil
}

func unixTime(s string) (time.Time, error) {
	if s == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not seconds since 1970", s)
	}
	return time.Unix(n, 0).UTC(), nil
}

// Heads returns the commit of every branch that is followed; a branch that does
// not exist (an empty repository) is left out.
func (r *Repo) Heads(ctx context.Context) (map[string]string, error) {
	out, err := r.output(ctx, nil, "for-each-ref", "--format=%(refname) %(objectname)", "refs/headway/")
	if err != nil {
		return nil, r.judge(err)
	}
	byRef := map[string]string{}
	for line := range strings.Lines(string(out)) {
		ref, sha, _ := strings.Cut(strings.TrimSpace(line), " ")
		byRef[ref] = sha
	}
	heads := map[string]string{}
	for _, b := range r.opts.Branches {
		if sha, ok := byRef[headRef(b)]; ok {
			heads[b] = sha
		}
	}
	return heads, nil
}

// Present returns those of the objects that the copy holds.
func (r *Repo) Present(ctx context.Context, objects ...string) ([]string, error) {
	if len(objects) == 0 {
		return nil, nil
	}
	out, err := r.output(ctx, []byte(strings.Join(objects, "\n")+"\n"), "cat-file", "--batch-check=%(objectname)")
	if err != nil {
		return nil, r.judge(err)
	}
	var have []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 1 {
			have = append(have, f[0])
		}
	}
	return have, nil
}

// CommitFormat is the layout of a record of Log: an empty field, then the
// commit's id, its parents, author and committer time in seconds, and its
// message, each ended by NUL. Paths follow, each ended by NUL, the first
// preceded by a newline. No field but the parents and the message can be empty,
// so an empty field after the message begins the next record.
const CommitFormat = "tformat:%x00%H%x00%P%x00%at%x00%ct%x00%B"

// commitFields is the number of fields of CommitFormat, with the empty first.
const commitFields = 6

// Query chooses commits.
type Query struct {
	// Include and Exclude are commit ids: those reachable from the first and not
	// from the second are read. Ids that the copy lacks are passed over.
	Include, Exclude []string
	// Paths adds the paths that differ from the first parent.
	Paths bool
	// Raw adds the first parent's and the commit's blob ids of those paths, along
	// the first parents only and oldest first.
	Raw bool
	// Patterns are glob pathspecs; commits that touch none of them are left out.
	Patterns []string
}

// Log gives each commit's record, verbatim, to each. A record is valid only
// until each returns; each's error ends the reading and is returned.
func (r *Repo) Log(ctx context.Context, q Query, each func(record []byte) error) error {
	if len(q.Include) == 0 {
		return nil
	}
	args := []string{"--stdin", "-z", "--ignore-missing", "--no-color", "--no-notes", "--no-decorate", "--no-ext-diff", "--no-textconv", "--format=" + CommitFormat}
	switch {
	case q.Raw:
		args = append(args, "--raw", "--no-abbrev", "--no-renames", "--first-parent", "--diff-merges=first-parent", "--reverse", "--topo-order")
	case q.Paths:
		args = append(args, "--name-only", "--no-renames", "--diff-merges=first-parent")
	}
	var stdin bytes.Buffer
	for _, c := range q.Include {
		stdin.WriteString(c + "\n")
	}
	for _, c := range q.Exclude {
		stdin.WriteString("^" + c + "\n")
	}
	args = append(args, "--")
	for _, p := range q.Patterns {
		args = append(args, ":(glob)"+p)
	}
	err := r.run(ctx, stdin.Bytes(), func(rd io.Reader) error { return splitRecords(rd, each) }, "log", args...)
	return r.judge(err)
}

// splitRecords cuts the stream of git log before each empty first field.
func splitRecords(rd io.Reader, each func([]byte) error) error {
	in := bufio.NewReaderSize(rd, 1<<16)
	var record []byte
	fields := 0
	for {
		start := len(record)
		var err error
		record, err = appendField(in, record)
		if errors.Is(err, io.EOF) && len(record) == start {
			break
		}
		if err != nil {
			return fmt.Errorf("reading git log: %w", err)
		}
		if fields >= commitFields && len(record) == start+1 {
			if err := each(record[:start]); err != nil {
				return err
			}
			record = append(record[:0], 0)
			fields = 0
		}
		fields++
	}
	if fields >= commitFields {
		return each(record)
	}
	if len(record) > 0 {
		return errors.New("reading git log: the last record is cut off")
	}
	return nil
}

// appendField reads up to and including the next NUL.
func appendField(in *bufio.Reader, to []byte) ([]byte, error) {
	for {
		part, err := in.ReadSlice(0)
		to = append(to, part...)
		switch {
		case err == nil:
			return to, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(part) > 0:
			return to, io.ErrUnexpectedEOF
		default:
			return to, err
		}
	}
}

// Blobs returns the contents of blobs by id; those larger than limit bytes or
// missing are left out.
func (r *Repo) Blobs(ctx context.Context, ids []string, limit int64) (map[string][]byte, error) {
	out := map[string][]byte{}
	if len(ids) == 0 {
		return out, nil
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	check, err := r.output(ctx, []byte(strings.Join(ids, "\n")+"\n"), "cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)")
	if err != nil {
		return nil, r.judge(err)
	}
	var want []string
	for line := range strings.Lines(string(check)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[1] == "blob" {
			if n, err := strconv.ParseInt(f[2], 10, 64); err == nil && n <= limit {
				want = append(want, f[0])
			}
		}
	}
	if len(want) == 0 {
		return out, nil
	}
	err = r.run(ctx, []byte(strings.Join(want, "\n")+"\n"), func(rd io.Reader) error {
		in := bufio.NewReader(rd)
		for range want {
			head, err := in.ReadString('\n')
			if err != nil {
				return fmt.Errorf("reading git cat-file: %w", err)
			}
			f := strings.Fields(head)
			if len(f) != 3 {
				return fmt.Errorf("git cat-file says %q", strings.TrimSpace(head))
			}
			n, err := strconv.ParseInt(f[2], 10, 64)
			if err != nil {
				return fmt.Errorf("git cat-file says %q", strings.TrimSpace(head))
			}
			b := make([]byte, n+1)
			if _, err := io.ReadFull(in, b); err != nil {
				return fmt.Errorf("reading git cat-file: %w", err)
			}
			out[f[0]] = b[:n]
		}
		return nil
	}, "cat-file", "--batch")
	return out, r.judge(err)
}

// judge throws a copy away that lacks objects; the next Fetch makes it anew.
func (r *Repo) judge(err error) error {
	if missingObject(err) {
		return errors.Join(err, r.Remove())
	}
	return err
}

package git

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Kinds of event, the part of the type below the source's name.
const (
	kindCommits = "commits"
	kindTags    = "tags"
	kindService = "service"
)

// contentTypeLog is a JSON line followed by NUL-separated git log records
// (mirror.CommitFormat).
const contentTypeLog = "application/vnd.headway.git-log"

// logFields is the number of NUL-ended fields before the paths of a record.
const logFields = 6

// pathsDropped stands for the paths of a record that was too large. No path
// holds a bare newline twice at its start.
const pathsDropped = "\n\npaths dropped\x00"

// Ranks of a commit's row inside one instant: a row that knows parents and
// paths wins over one that does not.
const (
	rankParents = 5
	rankPaths   = 6
)

// Normalize turns an event into commits, tags, releases or a service.
func (*Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	switch ev.Type {
	case Name + "." + kindCommits:
		return normalizeCommits(ev.Data)
	case Name + "." + kindTags:
		return normalizeTags(ev)
	case Name + "." + kindService:
		return normalizeService(ev)
	}
	return nil, fmt.Errorf("unknown type %q", ev.Type)
}

func normalizeService(ev schema.Event) ([]schema.Fact, error) {
	var d serviceData
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		return nil, fmt.Errorf("reading a service: %w", err)
	}
	if d.Repo == "" || d.Name == "" {
		return nil, errors.New("service without name or repository")
	}
	s := &schema.Service{ServiceID: d.Name, Name: d.Name, Kind: "service", Repo: d.Repo, Paths: d.Paths}
	s.Source, s.Version, s.URL = Name, schema.GuessVersion(ev.Time), WebRepo(d.Repo)
	if d.Deleted {
		s.Deleted = 1
	}
	return []schema.Fact{s}, nil
}

func normalizeTags(ev schema.Event) ([]schema.Fact, error) {
	var d tagsData
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		return nil, fmt.Errorf("reading tags: %w", err)
	}
	if d.Repo == "" {
		return nil, errors.New("tags without repository")
	}
	// What was seen last counts, whatever a tag says of its own time: a tag can
	// be moved to an older commit.
	version := schema.NewVersion(ev.Time, 0)
	var out []schema.Fact
	for _, t := range d.Tags {
		if t.Name == "" || !t.Deleted && !t.Kept && t.Commit == "" {
			return nil, fmt.Errorf("tag %q without name or commit", t.Name)
		}
		meta := schema.Meta{Source: Name, URL: WebTag(d.Repo, t.Name), Version: version}
		if !t.Kept {
			tag := &schema.Tag{Meta: meta, Repo: d.Repo, Name: t.Name, Commit: t.Commit, TaggedAt: t.At}
			if t.Deleted {
				tag.Deleted = 1
			}
			out = append(out, tag)
		}
		for _, r := range t.Releases {
			at := t.At
			out = append(out, &schema.Deployment{
				Meta: meta, DeploymentID: r.ID, Repo: d.Repo, ServiceRef: r.Service,
				Environment: "production", TierHint: schema.TierProduction, Commit: t.Commit, Version: t.Name,
				Status: schema.StatusSuccess, CreatedAt: at, FinishedAt: &at,
			})
		}
		for _, id := range t.Withdrawn {
			w := &schema.Deployment{Meta: meta, DeploymentID: id, Repo: d.Repo, Version: t.Name}
			w.Deleted = 1
			out = append(out, w)
		}
	}
	return out, nil
}

func normalizeCommits(data []byte) ([]schema.Fact, error) {
	line, records, ok := bytes.Cut(data, []byte{'\n'})
	if !ok {
		return nil, errors.New("commits without a header line")
	}
	var h logHeader
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, fmt.Errorf("reading the header of commits: %w", err)
	}
	if h.Repo == "" {
		return nil, errors.New("commits without repository")
	}
	if len(records) == 0 || records[len(records)-1] != 0 {
		return nil, errors.New("commits are cut off")
	}
	fields := strings.Split(strings.ToValidUTF8(string(records[:len(records)-1]), "�"), "\x00")
	var out []schema.Fact
	for len(fields) > 0 {
		n := len(fields)
		for i := logFields; i < len(fields); i++ {
			if fields[i] == "" {
				n = i
				break
			}
		}
		c, err := commit(h, fields[:n])
		if err != nil {
			return nil, fmt.Errorf("commit %d: %w", len(out), err)
		}
		out = append(out, c)
		fields = fields[n:]
	}
	return out, nil
}

func commit(h logHeader, f []string) (*schema.Commit, error) {
	if len(f) < logFields || f[0] != "" {
		return nil, errors.New("record is cut off")
	}
	if !isSHA(f[1]) {
		return nil, fmt.Errorf("%.80q is no commit id", f[1])
	}
	authored, err := seconds(f[3])
	if err != nil {
		return nil, fmt.Errorf("author time: %w", err)
	}
	committed, err := seconds(f[4])
	if err != nil {
		return nil, fmt.Errorf("committer time: %w", err)
	}
	c := &schema.Commit{Repo: h.Repo, SHA: f[1], Parents: strings.Fields(f[2]), AuthoredAt: authored, CommittedAt: committed}
	for _, p := range c.Parents {
		if !isSHA(p) {
			return nil, fmt.Errorf("%.80q is no commit id", p)
		}
	}
	c.Title, c.CherryPickedFrom, c.Reverts = schema.CommitMessage(f[5])
	rank := uint8(rankParents)
	if paths := f[logFields:]; h.Paths && (len(paths) != 1 || paths[0]+"\x00" != pathsDropped) {
		c.PathsKnown, rank = 1, rankPaths
		for i, p := range paths {
			if i == 0 {
				p = strings.TrimPrefix(p, "\n")
			}
			c.Paths = append(c.Paths, p)
		}
	}
	// A commit never changes: its own time is its version.
	c.Source, c.Version, c.URL = Name, schema.NewVersion(committed, rank), WebCommit(h.Repo, c.SHA)
	return c, nil
}

func seconds(s string) (time.Time, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.40q is not seconds since 1970", s)
	}
	return time.Unix(n, 0).UTC(), nil
}

func isSHA(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

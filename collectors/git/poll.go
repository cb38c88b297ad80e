package git

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/git/mirror"
	"github.com/headway-metrics/headway/schema"
)

// Bounds of one event of commits: records, and bytes.
const (
	maxBatchCommits = 500
	maxBatchBytes   = 512 << 10
	// maxRecordBytes bounds one commit; its paths are dropped beyond it, and so
	// unknown, since a message of Kafka has a limit.
	maxRecordBytes = 4 << 20
)

// maxBatchTags is the number of tags in one event.
const maxBatchTags = 500

// poll is one reading of one repository.
type poll struct {
	*Source
	repo *repository
	was  repoState
	emit collectors.Emit
	// at is the time of this reading, later than that of the one before even
	// when the machine's clock was put back: what is seen last must win.
	at time.Time
}

func newPoll(s *Source, repo *repository, was repoState, emit collectors.Emit) *poll {
	at := s.now().UTC().Truncate(time.Millisecond)
	if !at.After(was.At) {
		at = was.At.Add(time.Millisecond)
	}
	return &poll{Source: s, repo: repo, was: was, emit: emit, at: at}
}

func (p *poll) run(ctx context.Context) (repoState, error) {
	began := p.now()
	if err := p.repo.copy.Fetch(ctx); err != nil {
		return p.was, err
	}
	heads, err := p.repo.copy.Heads(ctx)
	if err != nil {
		return p.was, err
	}
	tags, err := p.repo.copy.Tags(ctx)
	if err != nil {
		return p.was, err
	}
	now := repoState{Seq: p.was.Seq, At: p.was.At, Paths: p.repo.paths, Heads: heads, Services: map[string]string{}, Tags: tagStates{}}
	services, err := p.services(&now)
	if err != nil {
		return p.was, err
	}
	changed := p.tags(tags, &now)
	if len(services)+len(changed) == 0 && maps.Equal(heads, p.was.Heads) && now.Paths == p.was.Paths {
		return now, nil
	}
	now.Seq++
	now.At = p.at
	if err := p.emitAll(ctx, services); err != nil {
		return p.was, err
	}
	// Commits go before the tags that name them, so that a release finds its
	// history the first time that it is derived.
	commits, err := p.commits(ctx, tags, now)
	if err != nil {
		return p.was, err
	}
	events, err := p.tagEvents(changed, now.Seq)
	if err != nil {
		return p.was, err
	}
	if err := p.emitAll(ctx, events); err != nil {
		return p.was, err
	}
	p.log.InfoContext(ctx, "repository read", "repo", p.repo.id, "commits", commits, "tags", len(changed), "took", p.now().Sub(began))
	return now, nil
}

func (p *poll) emitAll(ctx context.Context, events []schema.Event) error {
	if len(events) == 0 {
		return nil
	}
	return p.emit(ctx, events...)
}

func (p *poll) event(kind, contentType string, data []byte, idParts ...string) schema.Event {
	return schema.Event{
		ID: schema.EventID(append([]string{kind, p.repo.id}, idParts...)...), Source: Name, Type: Name + "." + kind,
		Subject: p.repo.id, Time: p.at, Key: p.repo.id, ContentType: contentType, Data: data,
	}
}

// serviceData is the payload of a service event.
type serviceData struct {
	Repo    string   `json:"repo"`
	Name    string   `json:"name"`
	Paths   []string `json:"paths,omitempty"`
	Deleted bool     `json:"deleted,omitempty"`
}

// services makes events of the services that are new, other or gone.
func (p *poll) services(now *repoState) ([]schema.Event, error) {
	var out []schema.Event
	add := func(d serviceData) (string, error) {
		b, err := json.Marshal(d)
		if err != nil {
			return "", fmt.Errorf("encoding a service: %w", err)
		}
		hash := schema.EventID(string(b))[:8]
		if p.was.Services[d.Name] != hash {
			out = append(out, p.event(kindService, "", b, strconv.FormatUint(p.was.Seq+1, 10), string(b)))
		}
		return hash, nil
	}
	for _, s := range p.repo.services {
		hash, err := add(serviceData{Repo: p.repo.id, Name: s.Name, Paths: s.Paths})
		if err != nil {
			return nil, err
		}
		now.Services[s.Name] = hash
	}
	for _, name := range slices.Sorted(maps.Keys(p.was.Services)) {
		if now.Services[name] == "" {
			if _, err := add(serviceData{Repo: p.repo.id, Name: name, Deleted: true}); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// withdrawAll takes back the services and releases of a repository that is no
// longer configured. Its commits and tags stay: they are true.
func (p *poll) withdrawAll(ctx context.Context) error {
	now := repoState{Services: map[string]string{}}
	events, err := p.services(&now)
	if err != nil {
		return err
	}
	var changed []tagData
	for _, name := range slices.Sorted(maps.Keys(p.was.Tags)) {
		if w := p.was.Tags[name].releases; len(w) > 0 {
			changed = append(changed, tagData{Name: name, Kept: true, Withdrawn: w})
		}
	}
	tags, err := p.tagEvents(changed, p.was.Seq+1)
	if err != nil {
		return err
	}
	return p.emitAll(ctx, append(events, tags...))
}

// logHeader is the first line of an event of commits; verbatim records follow.
type logHeader struct {
	Repo  string `json:"repo"`
	Paths bool   `json:"paths"`
}

// commits emits the commits that were not reachable before and are now.
func (p *poll) commits(ctx context.Context, tags []mirror.Tag, now repoState) (int, error) {
	q := mirror.Query{Paths: now.Paths}
	for _, sha := range now.Heads {
		q.Include = append(q.Include, sha)
	}
	// Paths that were not asked for before: every commit is emitted again.
	again := now.Paths && !p.was.Paths
	for _, t := range tags {
		if p.was.Tags[t.Name].hash == now.Tags[t.Name].hash && !again {
			q.Exclude = append(q.Exclude, t.Commit)
		} else {
			q.Include = append(q.Include, t.Commit)
		}
	}
	if !again {
		old := slices.Sorted(maps.Values(p.was.Heads))
		present, err := p.repo.copy.Present(ctx, old...)
		if err != nil {
			return 0, err
		}
		q.Exclude = append(q.Exclude, present...)
	}
	slices.Sort(q.Include)
	slices.Sort(q.Exclude)

	header, err := json.Marshal(logHeader{Repo: p.repo.id, Paths: now.Paths})
	if err != nil {
		return 0, fmt.Errorf("encoding the header of commits: %w", err)
	}
	header = append(header, '\n')
	batch := slices.Clone(header)
	inBatch, total := 0, 0
	flush := func() error {
		if inBatch == 0 {
			return nil
		}
		ev := p.event(kindCommits, contentTypeLog, batch, string(batch))
		batch, inBatch = slices.Clone(header), 0
		return p.emit(ctx, ev)
	}
	err = p.repo.copy.Log(ctx, q, func(record []byte) error {
		total++
		record = bound(record)
		if inBatch >= maxBatchCommits || inBatch > 0 && len(batch)+len(record) > maxBatchBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		batch = append(batch, record...)
		inBatch++
		return nil
	})
	if err != nil {
		return 0, err
	}
	return total, flush()
}

// bound drops the paths of a record that is too large for a message; the
// normaliser takes a record marked so as one whose paths are unknown.
func bound(record []byte) []byte {
	if len(record) <= maxRecordBytes {
		return record
	}
	end := 0
	for range logFields {
		i := bytes.IndexByte(record[end:], 0)
		if i < 0 {
			return record
		}
		end += i + 1
	}
	return append(slices.Clone(record[:end]), pathsDropped...)
}

// tagData is one changed tag in an event of tags.
type tagData struct {
	Name   string    `json:"name"`
	Object string    `json:"object,omitempty"`
	Commit string    `json:"commit,omitempty"`
	At     time.Time `json:"at,omitzero"`
	// Deleted tags are gone from the repository.
	Deleted bool `json:"deleted,omitempty"`
	// Kept tags did not change; only their releases did.
	Kept bool `json:"kept,omitempty"`
	// Releases that the tag is, and deployment ids that it no longer is.
	Releases  []release `json:"releases,omitempty"`
	Withdrawn []string  `json:"withdrawn,omitempty"`
}

type release struct {
	ID      string `json:"id"`
	Service string `json:"service"`
}

type tagsData struct {
	Repo string    `json:"repo"`
	Tags []tagData `json:"tags"`
}

// tags compares the tags with what was emitted, and notes the new state.
func (p *poll) tags(tags []mirror.Tag, now *repoState) []tagData {
	releases := releasesOf(p.repo, tags)
	var changed []tagData
	for _, t := range tags {
		d := tagData{Name: t.Name, Object: t.Object, Commit: t.Commit, At: t.At, Releases: releases[t.Name]}
		st := tagState{hash: schema.EventID(t.Object, t.Commit, t.At.Format(time.RFC3339))[:8]}
		for _, r := range d.Releases {
			st.releases = append(st.releases, r.ID)
		}
		now.Tags[t.Name] = st
		was, known := p.was.Tags[t.Name]
		for _, id := range was.releases {
			if !slices.Contains(st.releases, id) {
				d.Withdrawn = append(d.Withdrawn, id)
			}
		}
		renamed := slices.ContainsFunc(d.Releases, func(r release) bool { return p.was.Services[r.Service] == "" })
		if !known || was.hash != st.hash || !slices.Equal(was.releases, st.releases) || renamed {
			changed = append(changed, d)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.was.Tags)) {
		if _, ok := now.Tags[name]; !ok {
			changed = append(changed, tagData{Name: name, Deleted: true, Withdrawn: p.was.Tags[name].releases})
		}
	}
	return changed
}

func (p *poll) tagEvents(changed []tagData, seq uint64) ([]schema.Event, error) {
	var out []schema.Event
	for part := range slices.Chunk(changed, maxBatchTags) {
		b, err := json.Marshal(tagsData{Repo: p.repo.id, Tags: part})
		if err != nil {
			return nil, fmt.Errorf("encoding tags: %w", err)
		}
		out = append(out, p.event(kindTags, "", b, strconv.FormatUint(seq, 10), string(b)))
	}
	return out, nil
}

package gitlab

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	gl "github.com/xanzy/go-gitlab"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/budget"
	"github.com/headway-metrics/headway/collectors/codeowners"
	"github.com/headway-metrics/headway/collectors/forge"
	"github.com/headway-metrics/headway/schema"
)

// Levels of access that GitLab numbers: who is in a team, and which group owns a
// project that is shared with it.
const (
	reporter   = 20
	maintainer = 40
)

// seenGroup is what was read of a group, and what was told of it.
type seenGroup struct {
	Name    string   `json:"name"`
	Members []string `json:"members,omitempty"`
	// SSO are the names by which an identity provider knows the members of every role, as
	// member.verified says them; nil before they were asked for.
	SSO map[string]*string `json:"sso"`
	// ETag of the members, when they have one page.
	ETag string `json:"etag,omitempty"`

	Told        string   `json:"told,omitempty"`
	ToldMembers []string `json:"told_members,omitempty"`
	ToldRepos   []string `json:"told_repos,omitempty"`
}

// seenFile is a project's CODEOWNERS as it was told, by its blob, "" when there is
// none; and the project's last activity before it was read.
type seenFile struct {
	Active time.Time `json:"active"`
	Blob   string    `json:"blob,omitempty"`
}

// ownership is what a project says of its owners.
type ownership struct {
	LastActivityAt moment `json:"last_activity_at"`
	Namespace      struct {
		Kind     string `json:"kind"`
		FullPath string `json:"full_path"`
	} `json:"namespace"`
	Shared []struct {
		Path  string `json:"group_full_path"`
		Level int    `json:"group_access_level"`
	} `json:"shared_with_groups"`
}

// groups that own the project: those that it is shared with to maintain it, else its own.
func (o ownership) groups() []string {
	var out []string
	for _, g := range o.Shared {
		if g.Level >= maintainer && g.Path != "" {
			out = append(out, g.Path)
		}
	}
	if len(out) == 0 && o.Namespace.Kind == "group" {
		out = append(out, o.Namespace.FullPath)
	}
	return out
}

// owners reads what says whose projects are. It leaves the reserve alone, for it
// changes rarely.
func (p *poller) owners(ctx context.Context, cur *cursor, projects []project, emit collectors.Emit) error {
	ctx = budget.WithReserve(ctx, forge.Reserve)
	var problems error
	for _, root := range p.groups {
		err := p.groupsBelow(ctx, cur, root, projects, emit)
		switch {
		case err == nil:
		case unavailable(err):
			p.checked["groups "+root] = p.now()
			p.logger.InfoContext(ctx, "members of groups cannot be read", "group", root, "error", err)
		case fatal(err), errors.Is(err, budget.ErrReserved):
			return err
		default:
			problems = errors.Join(problems, fmt.Errorf("groups below %s: %w", root, err))
		}
	}
	for _, proj := range projects {
		err := p.codeowners(ctx, cur, proj, emit)
		switch {
		case err == nil:
		case fatal(err), errors.Is(err, budget.ErrReserved):
			return err
		default:
			problems = errors.Join(problems, fmt.Errorf("CODEOWNERS of %s: %w", proj.PathWithNamespace, err))
		}
	}
	return problems
}

// groupsBelow reads a group and those below it, and once all are read tells what differs.
func (p *poller) groupsBelow(ctx context.Context, cur *cursor, root string, projects []project, emit collectors.Emit) error {
	if p.now().Sub(p.checked["groups "+root]) < forge.DiscoverEvery {
		return nil
	}
	var top json.RawMessage
	path := "groups/" + gl.PathEscape(root)
	if _, err := p.client.get(ctx, path, query{}, "", "", &top); err != nil {
		return err
	}
	raws, err := p.client.all(ctx, path+"/descendant_groups", query{})
	if err != nil {
		return err
	}
	if cur.Groups == nil {
		cur.Groups = map[string]map[string]*seenGroup{}
	}
	if cur.Groups[root] == nil {
		cur.Groups[root] = map[string]*seenGroup{}
	}
	seen := cur.Groups[root]
	present := map[string]bool{}
	for _, raw := range append([]json.RawMessage{top}, raws...) {
		var g struct {
			ID       int64  `json:"id"`
			Name     string `json:"name"`
			FullPath string `json:"full_path"`
		}
		if err := json.Unmarshal(raw, &g); err != nil || g.FullPath == "" {
			return errors.Join(errors.New("a group has no full_path"), err)
		}
		present[g.FullPath] = true
		if seen[g.FullPath] == nil {
			seen[g.FullPath] = &seenGroup{}
		}
		s := seen[g.FullPath]
		s.Name = g.Name
		key := "group " + g.FullPath
		if p.now().Sub(p.checked[key]) < forge.DiscoverEvery {
			continue
		}
		if err := p.members(ctx, g.ID, s); err != nil {
			return err
		}
		p.checked[key] = p.now()
		if p.client.requests >= forge.RequestsPerPoll {
			return collectors.ErrMore
		}
	}
	if err := p.tell(ctx, root, seen, present, projects, emit); err != nil {
		return err
	}
	if err := p.identities(ctx, cur, root, emit); err != nil {
		return err
	}
	p.checked["groups "+root] = p.now()
	return nil
}

// members reads who is in a group itself. Its first page tells whether the list has
// changed, as long as there is no other.
func (p *poller) members(ctx context.Context, id int64, s *seenGroup) error {
	path := fmt.Sprintf("groups/%d/members", id)
	had := s.ETag
	if s.SSO == nil {
		had = ""
	}
	var all []json.RawMessage
	a, err := p.client.get(ctx, path, query{PerPage: perPage}, "", had, &all)
	if err != nil || a.notModified {
		return err
	}
	etag := a.etag
	for a.next != "" {
		etag = ""
		var more []json.RawMessage
		if a, err = p.client.get(ctx, path, query{PerPage: perPage}, a.next, "", &more); err != nil {
			return err
		}
		all = append(all, more...)
	}
	s.Members, s.SSO, s.ETag = nil, map[string]*string{}, etag
	for _, raw := range all {
		var m member
		if json.Unmarshal(raw, &m) != nil || m.Username == "" {
			continue
		}
		if m.Level >= reporter {
			s.Members = append(s.Members, m.Username)
		}
		s.SSO[m.Username] = m.verified()
	}
	slices.Sort(s.Members)
	return nil
}

// tell emits an event for each group of which something differs from what was told.
// What is there at the first look is so since the beginning of that day: nobody
// knows since when, and a look at all groups and files takes a while.
func (p *poller) tell(ctx context.Context, root string, seen map[string]*seenGroup, present map[string]bool, projects []project, emit collectors.Emit) error {
	now := p.now().UTC().Truncate(time.Millisecond)
	since := now
	if !slices.ContainsFunc(slices.Collect(maps.Values(seen)), func(s *seenGroup) bool { return s.Told != "" }) {
		since = now.Truncate(24 * time.Hour)
	}
	repos := map[string][]string{}
	for _, proj := range projects {
		for _, g := range p.owned[proj.ID].groups() {
			repos[g] = append(repos[g], schema.RepoID(proj.WebURL))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(seen)) {
		s := seen[path]
		gone := !present[path]
		members, own := s.Members, repos[path]
		if gone {
			members, own = nil, nil
		}
		slices.Sort(own)
		left, joined := forge.Apart(s.ToldMembers, members)
		lost, gained := forge.Apart(s.ToldRepos, own)
		if !gone && s.Name == s.Told && len(left)+len(joined)+len(lost)+len(gained) == 0 {
			continue
		}
		if err := forge.Tell(ctx, emit, Name, "group", path, now, restGroup{
			Group: path, Name: s.Name, Since: since, Gone: gone, Joined: joined, Left: left, Gained: gained, Lost: lost,
		}, root, path, s.Told, s.Name, now.Format(time.RFC3339Nano)); err != nil {
			return err
		}
		s.Told, s.ToldMembers, s.ToldRepos = s.Name, members, own
		if gone {
			delete(seen, path)
		}
	}
	return nil
}

// codeowners reads the file of a project that was active since.
func (p *poller) codeowners(ctx context.Context, cur *cursor, proj project, emit collectors.Emit) error {
	if cur.Files == nil {
		cur.Files = map[int64]*seenFile{}
	}
	had, active := cur.Files[proj.ID], p.owned[proj.ID].LastActivityAt.Time
	if had != nil && !active.After(had.Active) {
		return nil
	}
	if p.client.requests >= forge.RequestsPerPoll {
		return collectors.ErrMore
	}
	var file struct {
		Blob    string `json:"blob_id"`
		Content string `json:"content"`
	}
	for _, place := range codeowners.Places(Name) {
		_, err := p.client.get(ctx, fmt.Sprintf("projects/%d/repository/files/%s", proj.ID, gl.PathEscape(place)), query{Ref: "HEAD"}, "", "", &file)
		if err == nil {
			break
		}
		if !unavailable(err) {
			return err
		}
	}
	now := p.now().UTC().Truncate(time.Millisecond)
	blob, since := "", now.Truncate(24*time.Hour)
	if had != nil {
		blob, since = had.Blob, now
	}
	if file.Blob != blob {
		text, err := base64.StdEncoding.DecodeString(file.Content)
		if err != nil {
			return fmt.Errorf("reading the file: %w", err)
		}
		f := restFile{Text: string(text), Since: since}
		f.Project = proj
		id := strconv.FormatInt(proj.ID, 10)
		if err := forge.Tell(ctx, emit, Name, "codeowners", schema.RepoID(proj.WebURL), now, f, id, blob, file.Blob, now.Format(time.RFC3339Nano)); err != nil {
			return err
		}
	}
	cur.Files[proj.ID] = &seenFile{Active: active.UTC(), Blob: file.Blob}
	return nil
}

// renamed tells of projects that have another path than at the last look, or than the
// configuration says.
func (p *poller) renamed(ctx context.Context, cur *cursor, projects []project, emit collectors.Emit) error {
	if cur.Names == nil {
		cur.Names = map[int64]string{}
	}
	for _, proj := range projects {
		had := cur.Names[proj.ID]
		if had == "" {
			had = p.asked[proj.ID]
		}
		if proj.ID == 0 || proj.PathWithNamespace == "" || had == proj.PathWithNamespace {
			continue
		}
		if had != "" && !strings.EqualFold(had, proj.PathWithNamespace) {
			now := p.now().UTC().Truncate(time.Millisecond)
			id := strconv.FormatInt(proj.ID, 10)
			if err := forge.Tell(ctx, emit, Name, "project", schema.RepoID(proj.WebURL), now, map[string]any{
				"project_id": proj.ID, "path_with_namespace": proj.PathWithNamespace, "old_path_with_namespace": had, "updated_at": now,
			}, id, had, proj.PathWithNamespace, now.Format(time.RFC3339Nano)); err != nil {
				return err
			}
		}
		cur.Names[proj.ID] = proj.PathWithNamespace
	}
	return nil
}

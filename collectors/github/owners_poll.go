package github

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/budget"
	"github.com/headway-metrics/headway/collectors/codeowners"
	"github.com/headway-metrics/headway/collectors/forge"
)

// seenTeam is what was read of a team, and what was told of it.
type seenTeam struct {
	Name   string `json:"name"`
	Parent string `json:"parent,omitempty"`
	// Members and Repos are as listed: of a team with those of the teams below, of a
	// repository also for the teams below the one that was let in.
	Members []string `json:"members,omitempty"`
	Repos   []string `json:"repos,omitempty"`
	// ETags of the two lists, when each has one page.
	MembersETag string `json:"members_etag,omitempty"`
	ReposETag   string `json:"repos_etag,omitempty"`

	Told        string   `json:"told,omitempty"`
	ToldMembers []string `json:"told_members,omitempty"`
	ToldRepos   []string `json:"told_repos,omitempty"`
}

// seenFile is a repository's CODEOWNERS as it was told, by its hash, "" when there
// is none; and the last push before it was read.
type seenFile struct {
	Pushed time.Time `json:"pushed"`
	Blob   string    `json:"blob,omitempty"`
}

// owners reads what says whose repositories are. It leaves the reserve alone: it
// changes rarely, and webhooks tell of most of it.
func (p *poller) owners(ctx context.Context, cur *cursor, repos []repository, emit collectors.Emit) error {
	ctx = budget.WithReserve(ctx, forge.Reserve)
	var problems error
	for _, org := range p.organisations {
		err := p.teams(ctx, cur, org, emit)
		if err == nil {
			err = p.sso(ctx, cur, org, emit)
		}
		switch {
		case err == nil:
		case unavailable(err):
			p.checked["teams "+org] = p.now()
			p.logger.InfoContext(ctx, "teams cannot be read", "organisation", org, "error", err)
		case fatal(err), errors.Is(err, budget.ErrReserved):
			return err
		default:
			problems = errors.Join(problems, fmt.Errorf("teams of %s: %w", org, err))
		}
	}
	for _, repo := range repos {
		err := p.codeowners(ctx, cur, repo, emit)
		switch {
		case err == nil:
		case fatal(err), errors.Is(err, budget.ErrReserved):
			return err
		default:
			problems = errors.Join(problems, fmt.Errorf("CODEOWNERS of %s: %w", repo.FullName, err))
		}
	}
	return problems
}

// teams reads the teams of an organisation, and once all are read tells what differs.
func (p *poller) teams(ctx context.Context, cur *cursor, org string, emit collectors.Emit) error {
	if p.now().Sub(p.checked["teams "+org]) < forge.DiscoverEvery {
		return nil
	}
	raws, err := p.client.all(ctx, "orgs/"+org+"/teams")
	if err != nil {
		return err
	}
	if cur.Teams == nil {
		cur.Teams = map[string]map[string]*seenTeam{}
	}
	if cur.Teams[org] == nil {
		cur.Teams[org] = map[string]*seenTeam{}
	}
	seen := cur.Teams[org]
	present := map[string]bool{}
	for _, raw := range raws {
		var t team
		if err := json.Unmarshal(raw, &t); err != nil || t.Slug == "" {
			return fmt.Errorf("a team of %s has no slug: %w", org, err)
		}
		present[t.Slug] = true
		if seen[t.Slug] == nil {
			seen[t.Slug] = &seenTeam{}
		}
		s := seen[t.Slug]
		s.Name, s.Parent = t.Name, ""
		if t.Parent != nil {
			s.Parent = t.Parent.Slug
		}
		key := "team " + org + "/" + t.Slug
		if p.now().Sub(p.checked[key]) < forge.DiscoverEvery {
			continue
		}
		if err := p.team(ctx, "orgs/"+org+"/teams/"+t.Slug, s); err != nil {
			return err
		}
		p.checked[key] = p.now()
		if p.client.requests >= forge.RequestsPerPoll {
			return collectors.ErrMore
		}
	}
	if err := p.tell(ctx, org, seen, present, emit); err != nil {
		return err
	}
	p.checked["teams "+org] = p.now()
	return nil
}

// team reads the two lists of a team.
func (p *poller) team(ctx context.Context, path string, s *seenTeam) error {
	members, etag, changed, err := p.short(ctx, path+"/members", s.MembersETag)
	if err != nil {
		return err
	}
	if changed {
		s.Members, s.MembersETag = nil, etag
		for _, raw := range members {
			var u user
			if json.Unmarshal(raw, &u) == nil && u.Login != "" {
				s.Members = append(s.Members, u.Login)
			}
		}
		slices.Sort(s.Members)
	}
	repos, etag, changed, err := p.short(ctx, path+"/repos", s.ReposETag)
	if err != nil || !changed {
		return err
	}
	s.Repos, s.ReposETag = nil, etag
	for _, raw := range repos {
		var r struct {
			repository
			Permissions grants `json:"permissions"`
		}
		if json.Unmarshal(raw, &r) == nil && r.HTMLURL != "" && r.Permissions.own() {
			s.Repos = append(s.Repos, r.id())
		}
	}
	slices.Sort(s.Repos)
	return nil
}

// short reads a list. Its first page tells whether it has changed, as long as there
// is no other: etag is then that of the list.
func (p *poller) short(ctx context.Context, path, had string) (raws []json.RawMessage, etag string, changed bool, err error) {
	a, err := p.client.get(ctx, withPage(path, 1), had, &raws)
	if err != nil || a.notModified {
		return nil, had, false, err
	}
	etag = a.etag
	for page := a.next; page != 0; page = a.next {
		etag = ""
		var more []json.RawMessage
		if a, err = p.client.get(ctx, withPage(path, page), "", &more); err != nil {
			return nil, "", false, err
		}
		raws = append(raws, more...)
	}
	return raws, etag, true, nil
}

// tell emits an event for each team of which something differs from what was told.
// What is there at the first look is so since the beginning of that day: nobody
// knows since when, and a look at all teams and files takes a while.
func (p *poller) tell(ctx context.Context, org string, seen map[string]*seenTeam, present map[string]bool, emit collectors.Emit) error {
	now := p.now().UTC().Truncate(time.Millisecond)
	since := now
	if !slices.ContainsFunc(slices.Collect(maps.Values(seen)), func(s *seenTeam) bool { return s.Told != "" }) {
		since = now.Truncate(24 * time.Hour)
	}
	for _, slug := range slices.Sorted(maps.Keys(seen)) {
		s := seen[slug]
		gone := !present[slug]
		var members, repos []string
		if !gone {
			members, repos = ownMembers(seen, present, slug), ownRepos(seen, slug)
			if p.ownsNothing(slug) {
				repos = nil
			}
		}
		left, joined := forge.Apart(s.ToldMembers, members)
		lost, gained := forge.Apart(s.ToldRepos, repos)
		words := s.Name + "\n" + s.Parent
		if !gone && words == s.Told && len(left)+len(joined)+len(lost)+len(gained) == 0 {
			continue
		}
		users := make([]user, 0, len(joined))
		for _, login := range joined {
			users = append(users, user{Login: login})
		}
		t := map[string]any{"name": s.Name, "slug": slug}
		if s.Parent != "" {
			t["parent"] = map[string]string{"slug": s.Parent}
		}
		if err := forge.Tell(ctx, emit, Name, "team", org+"/"+slug, now, map[string]any{
			"organization": map[string]string{"login": org}, "team": t, "since": since, "gone": gone,
			"joined": users, "left": left, "gained": gained, "lost": lost,
		}, org, slug, s.Told, words, now.Format(time.RFC3339Nano)); err != nil {
			return err
		}
		s.Told, s.ToldMembers, s.ToldRepos = words, members, repos
		if gone {
			delete(seen, slug)
		}
	}
	return nil
}

// ownMembers are those of a team that are in no team below it.
func ownMembers(seen map[string]*seenTeam, present map[string]bool, slug string) []string {
	below := map[string]bool{}
	for other, s := range seen {
		if present[other] && other != slug && slices.Contains(ancestors(seen, other), slug) {
			for _, m := range s.Members {
				below[m] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(seen[slug].Members), func(m string) bool { return below[m] })
}

// ownRepos are those of a team that it does not have from a team above it.
func ownRepos(seen map[string]*seenTeam, slug string) []string {
	return slices.DeleteFunc(slices.Clone(seen[slug].Repos), func(r string) bool {
		return slices.ContainsFunc(ancestors(seen, slug), func(a string) bool { return slices.Contains(seen[a].Repos, r) })
	})
}

// ancestors are the teams above a team that are known.
func ancestors(seen map[string]*seenTeam, slug string) []string {
	var out []string
	for up := seen[slug].Parent; up != "" && seen[up] != nil && up != slug && !slices.Contains(out, up); up = seen[up].Parent {
		out = append(out, up)
	}
	return out
}

// codeowners reads the file of a repository that was pushed to.
func (p *poller) codeowners(ctx context.Context, cur *cursor, repo repository, emit collectors.Emit) error {
	if cur.Files == nil {
		cur.Files = map[string]*seenFile{}
	}
	had := cur.Files[repo.FullName]
	if had != nil && !repo.PushedAt.After(had.Pushed) {
		return nil
	}
	if p.client.requests >= forge.RequestsPerPoll {
		return collectors.ErrMore
	}
	var file struct {
		SHA      string `json:"sha"`
		Content  string `json:"content"`
		Encoding string `json:"encoding"`
	}
	place := ""
	for _, path := range codeowners.Places(Name) {
		_, err := p.client.get(ctx, "repos/"+repo.FullName+"/contents/"+path, "", &file)
		if unavailable(err) {
			continue
		}
		if err != nil {
			return err
		}
		place = path
		break
	}
	now := p.now().UTC().Truncate(time.Millisecond)
	blob := ""
	if had != nil {
		blob = had.Blob
	}
	if file.SHA != blob {
		text, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(file.Content, "\n", ""))
		if err != nil || (place != "" && file.Encoding != "base64") {
			return fmt.Errorf("%s is written in %q: %w", place, file.Encoding, err)
		}
		since := now
		if had == nil {
			since = now.Truncate(24 * time.Hour)
		}
		if err := forge.Tell(ctx, emit, Name, "codeowners", repo.id(), now, map[string]any{
			"repository": map[string]string{"html_url": repo.HTMLURL, "full_name": repo.FullName}, "path": place, "text": string(text), "since": since,
		}, repo.id(), blob, file.SHA, now.Format(time.RFC3339Nano)); err != nil {
			return err
		}
	}
	cur.Files[repo.FullName] = &seenFile{Pushed: repo.PushedAt.UTC(), Blob: file.SHA}
	return nil
}

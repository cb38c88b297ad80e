package gitlab

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/codeowners"
	"github.com/headway-metrics/headway/schema"
)

// Whose projects are and what they are called: groups with their members, CODEOWNERS,
// and the names of projects. None of it is about what a person does.

// teamID is how the team of a group is called everywhere: by its path below the group
// that is read, as catalogs name it; where several are read, by its whole path.
func (s *Source) teamID(path string) string {
	path = strings.ToLower(path)
	if len(s.roots) != 1 {
		return path
	}
	root := strings.ToLower(s.roots[0])
	if below, ok := strings.CutPrefix(path, root+"/"); ok {
		return below
	}
	if path == root {
		return path[strings.LastIndex(path, "/")+1:]
	}
	return path
}

// restGroup is what of a group differs from what was told before, in an envelope.
type restGroup struct {
	Group  string    `json:"group"`
	Name   string    `json:"name"`
	Since  time.Time `json:"since"`
	Gone   bool      `json:"gone"`
	Joined []string  `json:"joined"`
	Left   []string  `json:"left"`
	Gained []string  `json:"gained"`
	Lost   []string  `json:"lost"`
}

func (s *Source) group(g restGroup, ev schema.Event) ([]schema.Fact, error) {
	if g.Group == "" || g.Since.IsZero() {
		return nil, errors.New("a group has no path or no time")
	}
	id := s.teamID(g.Group)
	m := schema.Meta{Source: Name, Version: schema.NewVersion(ev.Time, 0)}
	// What a catalog says of a team of this name counts.
	t := &schema.Team{Meta: m, TeamID: id, Name: g.Name, Kind: schema.TeamStream}
	t.Version = schema.GuessVersion(ev.Time)
	if i := strings.LastIndex(g.Group, "/"); i > 0 && !slices.ContainsFunc(s.roots, func(r string) bool { return strings.EqualFold(r, g.Group) }) {
		t.Parent = s.teamID(g.Group[:i])
	}
	if g.Gone {
		t.Deleted = 1
	}
	out := []schema.Fact{t}
	for _, name := range g.Joined {
		u := user{Username: name}
		out = append(out, &schema.Person{Meta: m, PersonID: u.ref(), IsBot: u.isBot()},
			&schema.Membership{Meta: m, PersonID: u.ref(), TeamID: id, ValidFrom: g.Since})
	}
	for _, name := range g.Left {
		u := user{Username: name}
		out = append(out, &schema.Membership{Meta: m, PersonID: u.ref(), TeamID: id, ValidFrom: g.Since, ValidTo: &g.Since})
	}
	for _, repo := range g.Gained {
		out = append(out, &schema.Ownership{Meta: m, ServiceID: repo, ValidFrom: g.Since, Claim: schema.TeamClaim(id), TeamID: id})
	}
	for _, repo := range g.Lost {
		out = append(out, &schema.Ownership{Meta: m, ServiceID: repo, ValidFrom: g.Since, Claim: schema.TeamClaim(id)})
	}
	return out, nil
}

// restFile is a project's CODEOWNERS; empty when it is gone.
type restFile struct {
	envelope
	Text  string    `json:"text"`
	Since time.Time `json:"since"`
}

func (s *Source) codeowners(f restFile, ev schema.Event) ([]schema.Fact, error) {
	if f.repo() == "" {
		return nil, errNoProject
	}
	if f.Since.IsZero() {
		return nil, errors.New("CODEOWNERS has no time")
	}
	root, _, _ := strings.Cut(f.Project.PathWithNamespace, "/")
	o := codeowners.Claim(f.Text, true, func(owner string) string {
		name, ok := strings.CutPrefix(owner, "@")
		// A name with a slash is a group's; one without is a person's, or the project's
		// own group's, since people and groups share their names.
		if !ok || strings.HasPrefix(name, "@") || (!strings.Contains(name, "/") && !strings.EqualFold(name, root)) {
			return ""
		}
		return s.teamID(name)
	})
	o.Meta = schema.Meta{Source: Name, URL: f.address(), Version: schema.NewVersion(ev.Time, 0)}
	o.ServiceID, o.ValidFrom = f.repo(), f.Since
	return []schema.Fact{o}, nil
}

// projectHook is docs.gitlab.com, System hooks: a project that was made, renamed or
// moved to another namespace; and the envelope of a name that the REST API gives.
type projectHook struct {
	EventName string `json:"event_name"`
	CreatedAt moment `json:"created_at"`
	UpdatedAt moment `json:"updated_at"`
	ProjectID int64  `json:"project_id"`
	Path      string `json:"path_with_namespace"`
	OldPath   string `json:"old_path_with_namespace"`
}

func (s *Source) named(h projectHook) ([]schema.Fact, error) {
	at := h.UpdatedAt
	if h.EventName == "project_create" {
		at, h.OldPath = h.CreatedAt, ""
	} else if h.OldPath == "" {
		return nil, errors.New("a project was renamed and does not say from what")
	}
	if h.ProjectID == 0 || h.Path == "" {
		return nil, errors.New("a project has no project_id or no path_with_namespace")
	}
	if err := need("project", at); err != nil {
		return nil, err
	}
	name := s.repoOf(h.Path)
	before := ""
	if h.OldPath != "" {
		before = s.repoOf(h.OldPath)
	}
	if before == name {
		return nil, schema.Ignore("GitLab project renamed to the same name")
	}
	host, _, _ := strings.Cut(name, "/")
	return []schema.Fact{&schema.RepoName{
		Meta: meta(s.url+"/"+h.Path, at.Time, 0), UID: host + ":" + strconv.FormatInt(h.ProjectID, 10), Since: at.Time, Repo: name, Before: before,
	}}, nil
}

// repoOf is the project of a path; system hooks do not say where GitLab is.
func (s *Source) repoOf(path string) string { return schema.RepoID(fmt.Sprint(s.url, "/", path)) }

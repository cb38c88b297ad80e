package gitlab_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/gitlab"
	"github.com/headway-metrics/headway/schema"
)

// Groups and CODEOWNERS of the fake are written by hand after docs.gitlab.com,
// "Groups API", "Group and project members API" and "Repository files API".

func members(level int, names ...string) []object {
	out := []object{}
	for i, n := range names {
		out = append(out, object{"id": i + 1, "username": n, "name": "Same Name", "access_level": level})
	}
	return out
}

// ownerFacts polls until there is no more and tells what became of groups and files.
func ownerFacts(t *testing.T, s *gitlab.Source, cur collectors.Cursor) ([]string, collectors.Cursor) {
	t.Helper()
	var p collectortest.Publisher
	cur, err := collectortest.CatchUp(t, s, cur, &p)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, ev := range p.Events() {
		if !slices.Contains([]string{"gitlab.rest.group", "gitlab.rest.codeowners", "gitlab.rest.project"}, ev.Type) {
			continue
		}
		facts, err := s.Normalize(ev)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range facts {
			var line string
			switch f := f.(type) {
			case *schema.Team:
				line = strings.TrimSpace("team " + f.TeamID + " " + f.Parent)
			case *schema.Membership:
				line = f.PersonID + " in " + f.TeamID + " from " + f.ValidFrom.Format(time.RFC3339)
				if f.ValidTo != nil {
					line = f.PersonID + " left " + f.TeamID + " at " + f.ValidTo.Format(time.RFC3339)
				}
			case *schema.Ownership:
				line = f.ServiceID + " is " + f.TeamID + "'s by " + f.Claim + " from " + f.ValidFrom.Format(time.RFC3339)
			case *schema.RepoName:
				_, id, _ := strings.Cut(f.UID, ":")
				_, path, _ := strings.Cut(f.Repo, "/")
				_, before, _ := strings.Cut(f.Before, "/")
				line = "project " + id + " is " + path + ", was " + before
			default:
				continue
			}
			if schema.MetaOf(f).Deleted == 1 {
				line += " (gone)"
			}
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out, cur
}

func TestGroupsCodeownersAndNames(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	project := func(path, active string, shared ...object) []object {
		return []object{{
			"id": 7, "web_url": "https://gitlab.example.com/" + path, "path_with_namespace": path, "default_branch": "main", "last_activity_at": active,
			"namespace": object{"kind": "group", "full_path": "Acme/pay"}, "shared_with_groups": shared,
		}}
	}
	text := "* @Acme/Docs\n"
	f.change(func() {
		f.others = map[string]any{
			"/groups/Acme":                                   object{"id": 1, "name": "Acme", "full_path": "Acme"},
			"/groups/Acme/descendant_groups":                 []object{{"id": 2, "name": "Payments", "full_path": "Acme/pay"}, {"id": 3, "name": "Docs", "full_path": "Acme/Docs"}},
			"/groups/Acme/projects":                          project("Acme/pay/shop", at(time.Hour)),
			"/groups/1/members":                              members(50, "root"),
			"/groups/2/members":                              append(members(30, "ada"), members(10, "guest")...),
			"/groups/3/members":                              members(20, "grace"),
			"/projects/7/repository/files/docs%2FCODEOWNERS": object{"blob_id": "b1", "content": base64.StdEncoding.EncodeToString([]byte(text))},
		}
	})
	cfg := func(c *gitlab.Config) { c.Groups, c.Projects = []string{"Acme"}, nil }
	facts, cur := ownerFacts(t, f.source(t, cfg), nil)
	const day, shop = "2026-06-01T00:00:00Z", "gitlab.example.com/acme/pay/shop"
	want := []string{
		shop + " is docs's by codeowners from " + day, shop + " is pay's by team/pay from " + day,
		"gitlab:ada in pay from " + day, "gitlab:grace in docs from " + day, "gitlab:root in acme from " + day,
		"team acme", "team docs acme", "team pay acme",
	}
	slices.Sort(want)
	if d := cmp.Diff(want, facts); d != "" {
		t.Errorf("the first look (-want +got):\n%s", d)
	}
	if facts, cur = ownerFacts(t, f.source(t, cfg), cur); len(facts) != 0 {
		t.Errorf("nothing has changed: %q", facts)
	}
	f.change(func() {
		f.others["/groups/Acme/projects"] = project("Acme/pay/store", at(time.Minute), object{"group_full_path": "Acme/Docs", "group_access_level": 40}, object{"group_full_path": "Acme", "group_access_level": 30})
		f.others["/groups/2/members"] = members(30, "eve")
		delete(f.others, "/projects/7/repository/files/docs%2FCODEOWNERS")
	})
	const now, store = "2026-06-01T12:00:00Z", "gitlab.example.com/acme/pay/store"
	want = []string{
		shop + " is 's by team/pay from " + now, store + " is 's by codeowners from " + now, store + " is docs's by team/docs from " + now,
		"gitlab:ada left pay at " + now, "gitlab:eve in pay from " + now,
		"project 7 is acme/pay/store, was acme/pay/shop", "team docs acme", "team pay acme",
	}
	slices.Sort(want)
	if facts, _ = ownerFacts(t, f.source(t, cfg), cur); !slices.Equal(facts, want) {
		t.Errorf("afterwards (-want +got):\n%s", cmp.Diff(want, facts))
	}
}

package github_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/github"
	"github.com/headway-metrics/headway/schema"
)

// Teams and CODEOWNERS of the fake are written by hand after docs.github.com,
// "REST API endpoints for teams" and "for repository contents".

func teamObject(name, slug, parent string) object {
	o := object{"id": len(slug), "name": name, "slug": slug, "parent": nil}
	if parent != "" {
		o["parent"] = object{"slug": parent, "name": parent}
	}
	return o
}

func owned(name string, admin, maintain bool) object {
	return object{"full_name": "Acme/" + name, "html_url": "https://github.com/Acme/" + name, "permissions": object{"admin": admin, "maintain": maintain, "push": true}}
}

func members(logins ...string) []object {
	out := []object{}
	for _, l := range logins {
		out = append(out, object{"login": l, "type": "User", "name": "Same Name"})
	}
	return out
}

func file(text string) object {
	return object{"type": "file", "encoding": "base64", "sha": "blob of " + text, "content": base64.StdEncoding.EncodeToString([]byte(text)) + "\n"}
}

// withTeams has a team above another, of which each also lists what it has from the
// other, and a team that only administers.
func withTeams(t *testing.T) (*fakeGitHub, func(*github.Config)) {
	t.Helper()
	f := newFakeGitHub(t)
	f.change(func() {
		f.others = map[string]any{
			"/orgs/Acme/repos":                     []object{{"id": 5, "full_name": "Acme/Shop", "html_url": "https://github.com/Acme/Shop", "pushed_at": at(time.Hour)}},
			"/orgs/Acme/teams":                     []object{teamObject("Product", "product", ""), teamObject("Payments", "payments", "product"), teamObject("Admins", "admins", "")},
			"/orgs/Acme/teams/product/members":     members("ada", "grace"),
			"/orgs/Acme/teams/payments/members":    members("grace"),
			"/orgs/Acme/teams/admins/members":      members("root"),
			"/orgs/Acme/teams/product/repos":       []object{owned("Shop", false, true), owned("Docs", false, false)},
			"/orgs/Acme/teams/payments/repos":      []object{owned("Shop", false, true), owned("Ledger", true, true)},
			"/orgs/Acme/teams/admins/repos":        []object{owned("Shop", true, true)},
			"/repos/Acme/Shop/contents/CODEOWNERS": file("* @Acme/Product\n/pay/ @acme/payments @ada\n"),
		}
	})
	return f, func(c *github.Config) {
		c.Organisations, c.Repositories, c.OwnNothing = []string{"Acme"}, nil, []string{"admins"}
	}
}

// facts polls until there is no more and returns what became of teams and files.
func ownerFacts(t *testing.T, s *github.Source, cur collectors.Cursor) ([]string, collectors.Cursor) {
	t.Helper()
	var p collectortest.Publisher
	cur, err := collectortest.CatchUp(t, s, cur, &p)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, ev := range p.Events() {
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
				line = f.UID + " is " + f.Repo + ", was " + f.Before
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

func TestTeamsAndCodeowners(t *testing.T) {
	t.Parallel()
	f, cfg := withTeams(t)
	facts, cur := ownerFacts(t, f.source(t, cfg), nil)
	const day = "2026-06-01T00:00:00Z"
	want := []string{
		"github.com/acme/ledger is payments's by team/payments from " + day,
		"github.com/acme/shop is product's by codeowners from " + day,
		"github.com/acme/shop is product's by team/product from " + day,
		"github:ada in product from " + day,
		"github:grace in payments from " + day,
		"github:root in admins from " + day,
		"team admins", "team payments product", "team product",
	}
	if d := cmp.Diff(want, facts); d != "" {
		t.Errorf("the first look (-want +got):\n%s", d)
	}

	// A process that begins anew asks for what may have changed, and nothing has.
	f.change(func() {})
	if facts, cur = ownerFacts(t, f.source(t, cfg), cur); len(facts) != 0 {
		t.Errorf("nothing has changed: %q", facts)
	}
	for _, r := range f.requests() {
		if strings.Contains(r, "/contents/") || (strings.Contains(r, "/teams/") && !strings.HasPrefix(r, "304")) {
			t.Errorf("asked %s", r)
		}
	}

	f.change(func() {
		f.others["/orgs/Acme/repos"].([]object)[0]["pushed_at"] = at(time.Minute)
		delete(f.others, "/repos/Acme/Shop/contents/CODEOWNERS")
		f.others["/orgs/Acme/teams"] = []object{teamObject("Product", "product", ""), teamObject("Admins", "admins", "")}
		f.others["/orgs/Acme/teams/product/members"] = members("grace")
		f.others["/orgs/Acme/teams/product/repos"] = []object{}
	})
	facts, _ = ownerFacts(t, f.source(t, cfg), cur)
	const now = "2026-06-01T12:00:00Z"
	want = []string{
		"github.com/acme/ledger is 's by team/payments from " + now,
		"github.com/acme/shop is 's by codeowners from " + now,
		"github.com/acme/shop is 's by team/product from " + now,
		"github:ada left product at " + now,
		"github:grace in product from " + now,
		"github:grace left payments at " + now,
		"team payments product (gone)", "team product",
	}
	if d := cmp.Diff(want, facts); d != "" {
		t.Errorf("afterwards (-want +got):\n%s", d)
	}
}

// TestTeamsOfSeveralOrganisations may have one slug and are not one.
func TestTeamsOfSeveralOrganisations(t *testing.T) {
	t.Parallel()
	f, _ := withTeams(t)
	s := f.source(t, func(c *github.Config) { c.Organisations, c.Repositories = []string{"Acme", "Labs"}, nil })
	facts, err := s.Normalize(collectortest.Events(t, github.Name, "testdata")["rest-codeowners"])
	if err != nil {
		t.Fatal(err)
	}
	if o := facts[0].(*schema.Ownership); o.TeamID != "acme/platform" || !slices.Equal(o.Teams, []string{"acme/platform", "acme/payments", ""}) {
		t.Errorf("%+v", o)
	}
}

// TestTeamsThatMayNotBeRead leave the rest as it is.
func TestTeamsThatMayNotBeRead(t *testing.T) {
	t.Parallel()
	f, cfg := withTeams(t)
	f.change(func() {
		f.trouble = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/teams") {
				return false
			}
			http.Error(w, `{"message":"Resource not accessible by integration"}`, http.StatusForbidden)
			return true
		}
	})
	facts, _ := ownerFacts(t, f.source(t, cfg), nil)
	if want := []string{"github.com/acme/shop is product's by codeowners from 2026-06-01T00:00:00Z"}; !slices.Equal(facts, want) {
		t.Errorf("got %q, want %q", facts, want)
	}
}

// TestRenamedWhileNobodyListened: the id is the same and the name is not; lists go on
// where they were.
func TestRenamedWhileNobodyListened(t *testing.T) {
	t.Parallel()
	f, cfg := withTeams(t)
	_, cur := ownerFacts(t, f.source(t, cfg), nil)
	f.change(func() {
		f.others["/orgs/Acme/repos"] = []object{{"id": 5, "full_name": "Acme/Store", "html_url": "https://github.com/Acme/Store", "pushed_at": at(time.Hour)}}
	})
	facts, _ := ownerFacts(t, f.source(t, cfg), cur)
	if want := "github.com:5 is github.com/acme/store, was github.com/acme/shop"; !slices.Contains(facts, want) {
		t.Errorf("got %q, want %q", facts, want)
	}
	for _, r := range f.requests() {
		if strings.Contains(r, "/repos/Acme/Store/pulls") && strings.Contains(r, "page=2") {
			t.Errorf("read again from the beginning: %s", r)
		}
	}
}

// TestRenamedBeforeItWasAskedFor: GitHub redirects from the name of the configuration.
func TestRenamedBeforeItWasAskedFor(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
	f.change(func() {
		f.others["/repositories/5"] = object{"id": 5, "full_name": "Acme/Shop", "html_url": "https://github.com/Acme/Shop"}
		f.trouble = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/repos/Acme/Attic" {
				return false
			}
			http.Redirect(w, r, "/repositories/5", http.StatusMovedPermanently)
			return true
		}
	})
	facts, _ := ownerFacts(t, f.source(t, func(c *github.Config) { c.Repositories = []string{"Acme/Attic"} }), nil)
	if want := []string{"github.com:5 is github.com/acme/shop, was github.com/acme/attic"}; !slices.Equal(facts, want) {
		t.Errorf("got %q, want %q", facts, want)
	}
}

// TestIdentitiesOfSSO are written by hand after docs.github.com, GraphQL,
// OrganizationIdentityProvider; what is told once is not told again.
func TestIdentitiesOfSSO(t *testing.T) {
	t.Parallel()
	f, cfg := withTeams(t)
	node := func(login, name string) object {
		return object{"user": object{"login": login}, "samlIdentity": object{"nameId": name}}
	}
	identities := func(nodes ...any) object {
		return object{"data": object{"organization": object{"samlIdentityProvider": object{"externalIdentities": object{"pageInfo": object{"hasNextPage": false}, "nodes": nodes}}}}}
	}
	told := func(cur collectors.Cursor) ([]string, collectors.Cursor) {
		t.Helper()
		var p collectortest.Publisher
		s := f.source(t, cfg)
		cur, err := collectortest.CatchUp(t, s, cur, &p)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, ev := range p.Events() {
			facts, err := s.Normalize(ev)
			if err != nil {
				t.Fatal(err)
			}
			for _, fact := range facts {
				if i, ok := fact.(*schema.Identity); ok {
					out = append(out, i.Ref+" is "+i.PersonID+" by "+i.How+strings.Repeat(" no more", int(i.Deleted)))
				}
			}
		}
		return out, cur
	}
	f.change(func() {
		f.others["/graphql"] = identities(node("ada", "Ada@Acme.example"), node("grace", "G-17"), object{"user": nil, "samlIdentity": object{"nameId": "invited"}})
	})
	got, cur := told(nil)
	if want := []string{"github:ada is email:ada@acme.example by sso", "github:grace is saml:g-17 by sso"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	f.change(func() { f.others["/graphql"] = identities(node("ada", "Ada@Acme.example")) })
	if got, cur = told(cur); !slices.Equal(got, []string{"github:grace is saml:g-17 by sso no more"}) {
		t.Errorf("grace is gone, got %q", got)
	}
	f.change(func() {
		f.others["/graphql"] = object{"data": object{"organization": object{"samlIdentityProvider": nil}}, "errors": []object{{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}}}
	})
	if got, _ = told(cur); len(got) != 0 {
		t.Errorf("what may not be seen is not gone, got %q", got)
	}
	f.change(func() {
		f.others["/rate_limit"] = object{"resources": object{"core": object{"limit": 5000, "remaining": 10}}}
	})
	checks := f.source(t, cfg).Test(t.Context(), func(context.Context, ...schema.Event) error { return nil })
	i := slices.IndexFunc(checks, func(c collectors.Check) bool { return c.What == "identities of single sign-on" })
	if i < 0 || checks[i].Problem != "" || !strings.HasPrefix(checks[i].Detail, "not visible for Acme") {
		t.Errorf("checks %+v", checks)
	}
}

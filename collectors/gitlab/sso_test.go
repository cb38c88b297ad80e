package gitlab_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/gitlab"
	"github.com/headway-metrics/headway/schema"
)

// known is a member whom the identity provider knows by a name; "" is nobody whom it knows.
// Everybody shows the same name.
func known(level int, login, name string) object {
	m := members(level, login)[0]
	m["group_saml_identity"] = nil
	if name != "" {
		m["group_saml_identity"] = object{"extern_uid": name, "provider": "group_saml", "saml_provider_id": 10}
	}
	return m
}

// ssoGroups are a group with one below it, with these members.
func ssoGroups(t *testing.T, top, below []object) (*fakeGitLab, func(*gitlab.Config)) {
	t.Helper()
	f := newFakeGitLab(t)
	f.change(func() {
		f.others = map[string]any{
			"/groups/Acme":                   object{"id": 1, "name": "Acme", "full_path": "Acme"},
			"/groups/Acme/descendant_groups": []object{{"id": 2, "name": "Payments", "full_path": "Acme/pay"}},
			"/groups/Acme/members":           top, "/groups/1/members": top, "/groups/2/members": below,
		}
	})
	return f, func(c *gitlab.Config) { c.Groups, c.Projects = []string{"Acme"}, nil }
}

// identities polls until there is no more and tells who is who.
func identities(t *testing.T, s *gitlab.Source, cur collectors.Cursor) ([]string, collectors.Cursor) {
	t.Helper()
	var p collectortest.Publisher
	cur, err := collectortest.CatchUp(t, s, cur, &p)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, ev := range p.Events() {
		facts, err := s.Normalize(ev)
		if _, ignored := errors.AsType[*schema.IgnoredError](err); err != nil && !ignored {
			t.Fatal(err)
		}
		for _, f := range facts {
			if i, ok := f.(*schema.Identity); ok {
				out = append(out, i.Ref+" is "+i.PersonID+" by "+i.How+strings.Repeat(" no more", int(i.Deleted)))
			}
		}
	}
	return out, cur
}

func TestSSOOutOfSightIsNotGone(t *testing.T) {
	t.Parallel()
	f, cfg := ssoGroups(t, []object{known(50, "ada", "Ada@Acme.example"), known(30, "eve", "")}, []object{known(30, "grace", "G-17"), known(30, "linus", "L-1")})
	told, cur := identities(t, f.source(t, cfg), nil)
	want := []string{"gitlab:ada is email:ada@acme.example by sso", "gitlab:grace is saml:g-17 by sso", "gitlab:linus is saml:l-1 by sso"}
	if d := cmp.Diff(want, told); d != "" {
		t.Errorf("the first look (-want +got):\n%s", d)
	}
	look := func(what string, change func(), want ...string) {
		t.Helper()
		f.change(change)
		if told, cur = identities(t, f.source(t, cfg), cur); !slices.Equal(told, want) {
			t.Errorf("%s: got %q, want %q", what, told, want)
		}
	}
	look("nothing has changed", func() {})
	look("the token is no Owner's any more", func() {
		f.others["/groups/1/members"], f.others["/groups/2/members"] = members(30, "ada", "eve"), members(30, "grace", "linus")
	})
	look("it is again, the provider forgot grace, and linus has left", func() {
		f.others["/groups/1/members"] = []object{known(50, "ada", "Ada@Acme.example"), known(30, "eve", "E-1")}
		f.others["/groups/2/members"] = []object{known(30, "grace", "")}
	}, "gitlab:eve is saml:e-1 by sso", "gitlab:grace is saml:g-17 by sso no more", "gitlab:linus is saml:l-1 by sso no more")
}

// TestSSOIsAskedOfKnownMembers: a cursor of before knows the list, and not who is who.
func TestSSOIsAskedOfKnownMembers(t *testing.T) {
	t.Parallel()
	f, cfg := ssoGroups(t, []object{known(50, "ada", "A-1")}, []object{})
	_, cur := identities(t, f.source(t, cfg), nil)
	var saved map[string]any
	if err := json.Unmarshal(cur, &saved); err != nil {
		t.Fatal(err)
	}
	delete(saved, "sso")
	for _, g := range saved["groups"].(map[string]any)["Acme"].(map[string]any) {
		delete(g.(map[string]any), "sso")
	}
	old, err := json.Marshal(saved)
	if err != nil {
		t.Fatal(err)
	}
	if told, _ := identities(t, f.source(t, cfg), old); !slices.Equal(told, []string{"gitlab:ada is saml:a-1 by sso"}) {
		t.Errorf("got %q", told)
	}
}

func TestSSOOfMinimalAccess(t *testing.T) {
	t.Parallel()
	f, cfg := ssoGroups(t, []object{known(5, "ada", "A-1")}, []object{})
	if told, _ := identities(t, f.source(t, cfg), nil); !slices.Equal(told, []string{"gitlab:ada is saml:a-1 by sso"}) {
		t.Errorf("got %q", told)
	}
}

func TestSameNameLinksNobody(t *testing.T) {
	t.Parallel()
	f, cfg := ssoGroups(t, members(30, "ada", "grace"), []object{known(30, "eve", "")})
	if told, _ := identities(t, f.source(t, cfg), nil); len(told) != 0 {
		t.Errorf("got %q", told)
	}
}

func TestTrialSaysWhetherSSOIsVisible(t *testing.T) {
	t.Parallel()
	for want, top := range map[string][]object{
		"1 usernames of Acme are verified": {known(50, "ada", "A-1"), known(30, "eve", "")}, "not visible for Acme": members(30, "ada"),
	} {
		f, cfg := ssoGroups(t, top, nil)
		checks := f.source(t, cfg).Test(t.Context(), func(context.Context, ...schema.Event) error { return nil })
		i := slices.IndexFunc(checks, func(c collectors.Check) bool { return c.What == "identities of single sign-on" })
		if i < 0 || checks[i].Problem != "" || !strings.HasPrefix(checks[i].Detail, want) {
			t.Errorf("want %q, got checks %+v", want, checks)
		}
	}
}

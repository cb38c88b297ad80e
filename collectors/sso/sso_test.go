package sso_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors/sso"
	"github.com/headway-metrics/headway/schema"
)

func TestBetween(t *testing.T) {
	t.Parallel()
	told := map[string]string{"ada": "ada@acme.example", "grace": "G-17", "left": "L-1"}
	are := map[string]string{"ada": "ada@acme.example", "grace": "G-18", "new": "N-1"}
	want := sso.Change{Linked: []sso.Link{{Login: "grace", NameID: "G-18"}, {Login: "new", NameID: "N-1"}}, Unlinked: []sso.Link{{Login: "left", NameID: "L-1"}}}
	if d := cmp.Diff(want, sso.Between(told, are)); d != "" {
		t.Errorf("change (-want +got):\n%s", d)
	}
	if c := sso.Between(told, told); !c.Empty() {
		t.Errorf("nothing differs, got %+v", c)
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	ref := func(login string) string { return "there:" + login }
	facts, err := sso.Change{
		Linked: []sso.Link{{Login: "grace", NameID: "G-17"}, {Login: "ada", NameID: "Ada@Acme.example"}}, Unlinked: []sso.Link{{Login: "left", NameID: "L-1"}},
	}.Facts("there", at, ref)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range facts {
		i := f.(*schema.Identity)
		if i.Version != schema.IdentityVersion(at, "sso") || i.How != "sso" {
			t.Errorf("%s weighs %d by %q", i.Ref, i.Version, i.How)
		}
		got = append(got, i.Ref+" is "+i.PersonID+map[uint8]string{1: " no more"}[i.Deleted])
	}
	if d := cmp.Diff([]string{"there:ada is email:ada@acme.example", "there:grace is saml:g-17", "there:left is saml:l-1 no more"}, got); d != "" {
		t.Errorf("identities (-want +got):\n%s", d)
	}
	for name, c := range map[string]sso.Change{
		"nothing":      {},
		"without name": {Linked: []sso.Link{{Login: "ada"}}}, "without login": {Unlinked: []sso.Link{{NameID: "A"}}},
	} {
		if _, err := c.Facts("there", at, ref); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

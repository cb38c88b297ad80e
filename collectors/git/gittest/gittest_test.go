package gittest

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSameShapeGivesTheSameRepository(t *testing.T) {
	t.Parallel()
	var refs [2]string
	for i := range refs {
		dir := filepath.Join(t.TempDir(), "r.git")
		if _, err := Generate(t.Context(), dir, Shape{Seed: 3, Commits: 200, TagEvery: 20}); err != nil {
			t.Fatal(err)
		}
		out, err := git(t.Context(), nil, dir, "for-each-ref")
		if err != nil {
			t.Fatal(err)
		}
		refs[i] = out
	}
	if refs[0] != refs[1] || refs[0] == "" {
		t.Error("the repositories differ")
	}
}

func TestCopiesNameCommitsThatExist(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r.git")
	repo, err := Generate(t.Context(), dir, Shape{Seed: 3, Commits: 400, TagEvery: 20})
	if err != nil {
		t.Fatal(err)
	}
	releases, err := Oracle(t.Context(), dir, "*")
	if err != nil {
		t.Fatal(err)
	}
	copies := 0
	for _, r := range releases {
		for _, c := range r.Changes {
			if c.Original == "" {
				continue
			}
			copies++
			if out, err := git(t.Context(), nil, dir, "cat-file", "-t", c.Original); err != nil || strings.TrimSpace(out) != "commit" {
				t.Errorf("original %s of %s: %s (%v)", c.Original, c.SHA, out, err)
			}
		}
	}
	if copies != repo.CherryPicks || copies == 0 {
		t.Errorf("%d copies of %d", copies, repo.CherryPicks)
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	at := time.Unix(0, 0).UTC()
	in := []Release{
		{Tag: "v1", Changes: []Change{{SHA: "b", Original: "a", AuthoredAt: at}, {SHA: "x"}}},
		{Tag: "v2", Changes: []Change{{SHA: "a", AuthoredAt: at}, {SHA: "y"}, {SHA: "z", Original: "y"}}},
	}
	want := []Release{
		{Tag: "v1", Changes: []Change{{SHA: "a", Original: "a", AuthoredAt: at}, {SHA: "x"}}},
		{Tag: "v2", Changes: []Change{{SHA: "y"}}},
	}
	if got := Fold(in); !reflect.DeepEqual(got, want) {
		t.Errorf("folded to %+v", got)
	}
}

package derive

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/headway-metrics/headway/schema"
)

// TestWalksAgreeWithSets compares the pruned walks with sets of ancestors on
// random graphs, some of their parents unknown.
func TestWalksAgreeWithSets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "commits")
		names := rapid.Permutation(seq(n)).Draw(t, "names")
		var commits []schema.Commit
		for i := range n {
			c := schema.Commit{SHA: fmt.Sprintf("%02d", names[i])}
			for range rapid.IntRange(0, 3).Draw(t, "parents") {
				p := rapid.IntRange(max(-1, i-8), i-1).Draw(t, "parent")
				if p < 0 {
					c.Parents = append(c.Parents, "unknown")
				} else {
					c.Parents = append(c.Parents, commits[p].SHA)
				}
			}
			commits = append(commits, c)
		}
		g := newGraph(commits)
		ancestors := func(c int32) map[int32]bool {
			seen := map[int32]bool{}
			var visit func(int32)
			visit = func(c int32) {
				if c != none && !seen[c] {
					seen[c] = true
					for _, p := range g.parents(c) {
						visit(p)
					}
				}
			}
			visit(c)
			return seen
		}
		w := newWalker(g)
		anyOf := rapid.Map(rapid.IntRange(0, n-1), func(i int) int32 { return int32(i) })
		for range 5 {
			a, b := anyOf.Draw(t, "a"), anyOf.Draw(t, "b")
			if got := w.reaches(a, b); got != ancestors(b)[a] {
				t.Fatalf("reaches(%d, %d) = %v", a, b, got)
			}
			include, exclude := rapid.SliceOf(anyOf).Draw(t, "include"), rapid.SliceOf(anyOf).Draw(t, "exclude")
			want := map[int32]bool{}
			for _, c := range include {
				for k := range ancestors(c) {
					want[k] = true
				}
			}
			for _, c := range exclude {
				for k := range ancestors(c) {
					delete(want, k)
				}
			}
			got := w.between(include, exclude)
			for _, c := range got {
				if !want[c] {
					t.Fatalf("between(%v, %v) = %v, want %v", include, exclude, got, want)
				}
			}
			if len(got) != len(want) {
				t.Fatalf("between(%v, %v) = %v, want %v", include, exclude, got, want)
			}
		}
	})
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// TestBrokenGraphsEndWalks: commits that are their own ancestors cannot be, and
// must not hang the pipeline if a sender invents them.
func TestBrokenGraphsEndWalks(t *testing.T) {
	t.Parallel()
	r := NewRepo(RepoFacts{
		Repo: "g",
		Commits: []schema.Commit{
			{SHA: "a", Parents: []string{"c"}}, {SHA: "b", Parents: []string{"a", "b"}}, {SHA: "c", Parents: []string{"b"}, CherryPickedFrom: "c"},
		},
		Changes: []schema.Change{{ChangeID: "g#1", State: schema.ChangeMerged, MergeSHA: "b", HeadSHA: "a"}, {ChangeID: "g#2", State: schema.ChangeMerged, MergeSHA: "a", HeadSHA: "c", CommitCount: 9}},
	})
	w := newWalker(r.graph)
	for _, a := range []int32{0, 1, 2} {
		for _, b := range []int32{0, 1, 2} {
			w.reaches(a, b)
			w.between([]int32{a}, []int32{b})
		}
	}
	if got := w.between([]int32{0}, nil); !slices.Contains(got, 0) {
		t.Errorf("%v", got)
	}
}

func TestMarksOutliveTheirEpochs(t *testing.T) {
	t.Parallel()
	w := newWalker(newGraph([]schema.Commit{{SHA: "a"}, {SHA: "b", Parents: []string{"a"}}}))
	w.epoch = 1<<32 - 6
	for range 5 {
		if got := w.between([]int32{1}, nil); !slices.Equal(got, []int32{1, 0}) {
			t.Fatalf("%v", got)
		}
	}
}

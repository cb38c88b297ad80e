package derive_test

import (
	"math/rand/v2"
	"testing"

	"github.com/headway-metrics/headway/pipeline/derive"
)

// TestAnExtendedRepositoryIsTheOneBuiltAnew adds random pieces of random histories,
// parents mostly before children as pushes bring them, and compares what follows from the
// extended repository with what follows from one that is built of all facts at once.
func TestAnExtendedRepositoryIsTheOneBuiltAnew(t *testing.T) {
	t.Parallel()
	const histories = 500
	extended, refused := 0, 0
	for seed := range uint64(histories) {
		h := evenHistory(seed)
		h.in.Service.Repo = repo
		rnd := rand.New(rand.NewPCG(seed, 7))
		all := h.rep
		if seed%5 == 0 {
			rnd.Shuffle(len(all.Commits), func(i, j int) { all.Commits[i], all.Commits[j] = all.Commits[j], all.Commits[i] })
		}
		known := derive.RepoFacts{Repo: all.Repo}
		built := derive.NewRepo(known)
		for len(known.Commits) < len(all.Commits) || len(known.Changes) < len(all.Changes) {
			n := len(known.Commits) + min(rnd.IntN(12), len(all.Commits)-len(known.Commits))
			added := all.Commits[len(known.Commits):n]
			known.Commits, known.Tags, known.Reviews = all.Commits[:n:n], all.Tags, all.Reviews
			known.Changes = all.Changes[:len(known.Changes)+min(rnd.IntN(4), len(all.Changes)-len(known.Changes))]
			longer, ok := built.Extend(known, added)
			if ok {
				extended++
			} else {
				refused++
				longer = derive.NewRepo(known)
			}
			built = longer
			in, anew := h.in, h.in
			in.Repo, anew.Repo = built, derive.NewRepo(known)
			if d := outputDiff(derive.Service(anew, h.opt), derive.Service(in, h.opt)); d != "" {
				t.Fatalf("history %d, %d commits and %d requests: built anew (-) and extended (+):\n%s", seed, n, len(known.Changes), d)
			}
		}
	}
	t.Logf("%d extensions, and %d times built anew", extended, refused)
	if extended < histories || refused < histories/10 {
		t.Errorf("%d extensions, %d refusals: one of the two is hardly tested", extended, refused)
	}
}

package derive_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// large is a repository of about n commits: a trunk with direct commits, merged
// and squashed requests of one to nine commits whose branches are up to a hundred
// commits old, a release every twenty steps, now and then a rollback, and a
// release branch with cherry-picks.
func large(n int) (derive.RepoFacts, derive.Input) {
	rnd := rand.New(rand.NewPCG(1, 2))
	f := derive.RepoFacts{Repo: repo}
	in := derive.Input{Service: schema.Service{ServiceID: service, Repo: repo, Paths: []string{"shop"}}}
	now := day
	commit := func(title string, parents ...string) string {
		now = now.Add(time.Minute)
		sha := fmt.Sprintf("%08x%032x", rnd.Uint32(), len(f.Commits))
		f.Commits = append(f.Commits, schema.Commit{
			Repo: repo, SHA: sha, Parents: parents, AuthoredAt: now, CommittedAt: now, Title: title, PathsKnown: 1, Paths: []string{"shop/main.go"},
		})
		return sha
	}
	trunk := []string{commit("first")}
	branch := trunk[0]
	for step := 0; len(f.Commits) < n; step++ {
		tip := trunk[len(trunk)-1]
		if rnd.IntN(4) == 0 {
			trunk = append(trunk, commit("direct", tip))
		} else {
			head := trunk[max(0, len(trunk)-1-rnd.IntN(100))]
			count := 1 + rnd.IntN(9)
			for range count {
				head = commit("work", head)
			}
			parents := []string{tip}
			if rnd.IntN(2) == 0 {
				parents = append(parents, head)
			}
			opened := now
			merge := commit("merge", parents...)
			merged := now
			number := uint64(len(f.Changes) + 1)
			f.Changes = append(f.Changes, schema.Change{
				Repo: repo, ChangeID: fmt.Sprintf("%s#%d", repo, number), Number: number, State: schema.ChangeMerged, OpenedAt: opened, MergedAt: &merged,
				MergeSHA: merge, HeadSHA: head, CommitCount: uint32(count),
			})
			trunk = append(trunk, merge)
		}
		deploy := ""
		switch {
		case step%200 == 199:
			deploy = trunk[len(trunk)-30]
		case step%100 == 50:
			branch = commit("copy", branch)
			f.Commits[len(f.Commits)-1].CherryPickedFrom = trunk[len(trunk)-1]
			deploy = branch
		case step%20 == 0:
			deploy = trunk[len(trunk)-1]
		}
		if deploy != "" {
			end := now
			in.Deployments = append(in.Deployments, schema.Deployment{
				DeploymentID: strconv.Itoa(step), Repo: repo, Environment: "production", Commit: deploy, Status: schema.StatusSuccess, CreatedAt: end, FinishedAt: &end,
			})
		}
	}
	in.Now = now
	return f, in
}

func BenchmarkRepo250kCommits(b *testing.B) {
	f, _ := large(250_000)
	b.ReportAllocs()
	for b.Loop() {
		derive.NewRepo(f)
	}
}

// BenchmarkExtend250kCommits is a push of ten commits.
func BenchmarkExtend250kCommits(b *testing.B) {
	f, _ := large(250_000)
	r := derive.NewRepo(f)
	tip := f.Commits[len(f.Commits)-1]
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		added := make([]schema.Commit, 10)
		for i := range added {
			c := tip
			n++
			c.SHA, c.Parents = fmt.Sprintf("%040x", n), []string{tip.SHA}
			added[i], tip = c, c
		}
		longer, ok := r.Extend(f, added)
		if !ok {
			longer = derive.NewRepo(f)
			tip = f.Commits[len(f.Commits)-1]
		}
		r = longer
	}
}

func BenchmarkService250kCommits(b *testing.B) {
	f, in := large(250_000)
	in.Repo = derive.NewRepo(f)
	opt := derive.DefaultOptions()
	b.ReportAllocs()
	b.ReportMetric(float64(len(in.Deployments)), "releases")
	for b.Loop() {
		derive.Service(in, opt)
	}
}

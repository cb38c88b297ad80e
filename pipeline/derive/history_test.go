package derive_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// history is a random past of a repository and a service, together with what its
// author knows and the facts do not say.
type history struct {
	// pick chooses one of so many possibilities.
	pick func(int) int
	rep  derive.RepoFacts
	in   derive.Input
	opt  derive.Options

	now    time.Time
	serial int
	trunk  string
	branch string // the release branch, or ""
	open   []*openRequest
	merged []*mergedRequest
	// lost are commits that no event told of.
	lost map[string]bool
	// landed are commits that were on trunk or the release branch, in order.
	landed []string
	// gone are facts that were deleted where they came from, as they were before.
	gone struct {
		commits     []schema.Commit
		requests    []schema.Change
		deployments []schema.Deployment
	}
	// did names what happened, for the census.
	did map[string]bool
}

type openRequest struct {
	number   int
	base     *openRequest // nil is trunk
	tip      string
	own      []string // its commits, merges apart
	absorbed []string // commits of requests merged into its branch
	inner    []*mergedRequest
	opened   time.Time
}

// mergedRequest is the truth about a request.
type mergedRequest struct {
	id     string
	merge  string
	result []string
	branch []string
	// carriers are the merge commits that bring it into a base branch.
	carriers []string
	first    *time.Time
	// nested: it has to do with requests inside others' branches.
	nested bool
}

func (h *history) chance(percent int) bool { return h.pick(100) < percent }

func (h *history) tick() time.Time {
	h.now = h.now.Add(time.Duration(1+h.pick(150)) * time.Minute)
	return h.now
}

func (h *history) sha() string {
	h.serial++
	sum := sha256.Sum256(fmt.Appendf(nil, "%d", h.serial))
	return hex.EncodeToString(sum[:20])
}

func (h *history) commit(parents ...string) *schema.Commit {
	at := h.tick()
	c := schema.Commit{Repo: repo, SHA: h.sha(), Parents: parents, AuthoredAt: at, CommittedAt: at, PathsKnown: 1}
	c.Title = "commit " + c.SHA[:6]
	if len(parents) < 2 {
		for _, p := range []string{"shop/main.go", "pay/main.go", "shopping/x", "shop/helm/values.yaml"} {
			if h.chance(35) {
				c.Paths = append(c.Paths, p)
			}
		}
		if h.chance(5) {
			h.did["paths unknown"] = true
			c.Paths, c.PathsKnown = nil, 0
		}
	}
	h.rep.Commits = append(h.rep.Commits, c)
	return &h.rep.Commits[len(h.rep.Commits)-1]
}

func (h *history) find(sha string) *schema.Commit {
	i := slices.IndexFunc(h.rep.Commits, func(c schema.Commit) bool { return c.SHA == sha })
	if i < 0 {
		return nil
	}
	return &h.rep.Commits[i]
}

// drawHistory makes one that rapid can make smaller. It prefers short ones.
func drawHistory(t *rapid.T) *history {
	return makeHistory(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") })
}

// evenHistory makes one of which every choice is as likely as any other.
func evenHistory(seed uint64) *history { return makeHistory(rand.New(rand.NewPCG(seed, 7)).IntN) }

func makeHistory(pick func(int) int) *history {
	h := &history{pick: pick, now: day, opt: derive.DefaultOptions(), lost: map[string]bool{}, did: map[string]bool{}}
	h.rep.Repo = repo
	h.in.Service = schema.Service{ServiceID: service, Repo: repo}
	if h.chance(40) {
		h.in.Service.Paths = []string{"shop/"}
	}
	if h.chance(30) {
		h.did["first release of a new service"] = true
		created := day.Add(-time.Hour)
		h.in.Service.CreatedAt = &created
	}
	h.opt.DirectCommits = []string{derive.DirectAll, derive.DirectAll, derive.DirectFirstParent, derive.DirectOff}[h.pick(4)]
	h.trunk = h.commit().SHA
	h.landed = append(h.landed, h.trunk)
	for range 5 + h.pick(80) {
		h.step()
	}
	h.in.Now = h.now.Add(time.Hour)
	h.in.Ownerships = []schema.Ownership{
		{ServiceID: service, ValidFrom: day.Add(30 * time.Hour), TeamID: "after"},
		{ServiceID: service, ValidFrom: day, TeamID: "before"},
	}
	h.deleteSome()
	return h
}

// deleteSome takes back some of what happened: a deployment that never was, a
// request that is gone while its commits stay, and commits that nobody kept.
func (h *history) deleteSome() {
	h.rep.Commits = slices.DeleteFunc(h.rep.Commits, func(c schema.Commit) bool {
		if h.lost[c.SHA] && h.chance(50) {
			h.gone.commits = append(h.gone.commits, c)
			h.did["commit deleted"] = true
		}
		return h.lost[c.SHA]
	})
	h.in.Deployments = slices.DeleteFunc(h.in.Deployments, func(d schema.Deployment) bool {
		if !h.chance(3) {
			return false
		}
		h.gone.deployments = append(h.gone.deployments, d)
		h.did["deployment deleted"] = true
		return true
	})
	h.merged = slices.DeleteFunc(h.merged, func(m *mergedRequest) bool {
		if m.nested || !h.chance(4) {
			return false
		}
		i := slices.IndexFunc(h.rep.Changes, func(c schema.Change) bool { return c.ChangeID == m.id })
		h.gone.requests = append(h.gone.requests, h.rep.Changes[i])
		h.rep.Changes = slices.Delete(h.rep.Changes, i, i+1)
		h.rep.Reviews = slices.DeleteFunc(h.rep.Reviews, func(r schema.Review) bool { return r.ChangeID == m.id })
		h.did["request deleted"] = true
		return true
	})
}

func (h *history) step() {
	switch n := h.pick(100); {
	case n < 12:
		h.direct()
	case n < 24:
		h.openOne()
	case n < 36:
		h.push()
	case n < 52:
		h.merge()
	case n < 64:
		h.cherryPick()
	case n < 88:
		h.deploy()
	default:
		h.incident()
	}
}

func (h *history) direct() {
	revert := ""
	if h.chance(20) {
		revert = h.landed[h.pick(len(h.landed))]
	}
	c := h.commit(h.trunk)
	if revert != "" {
		c.Reverts = []string{revert}
	}
	h.trunk = c.SHA
	h.landed = append(h.landed, c.SHA)
}

func (h *history) openOne() {
	r := &openRequest{number: len(h.open) + len(h.merged) + 1, tip: h.trunk}
	if len(h.open) > 0 && h.chance(30) {
		r.base = h.open[h.pick(len(h.open))]
		r.tip = r.base.tip
	}
	r.tip = h.commit(r.tip).SHA
	r.own = []string{r.tip}
	r.opened = h.tick()
	h.open = append(h.open, r)
}

func (h *history) push() {
	if len(h.open) == 0 {
		return
	}
	r := h.open[h.pick(len(h.open))]
	if r.base == nil && h.chance(20) && !h.ancestors(r.tip)[h.trunk] {
		r.tip = h.commit(r.tip, h.trunk).SHA
		return
	}
	r.tip = h.commit(r.tip).SHA
	r.own = append(r.own, r.tip)
}

func (h *history) ancestors(sha string) map[string]bool {
	seen := map[string]bool{}
	todo := []string{sha}
	for len(todo) > 0 {
		s := todo[0]
		todo = todo[1:]
		if c := h.find(s); c != nil && !seen[s] {
			seen[s] = true
			todo = append(todo, c.Parents...)
		}
	}
	return seen
}

// merge closes an open request into whose branch no other is still open.
func (h *history) merge() {
	var ready []*openRequest
	for _, r := range h.open {
		if !slices.ContainsFunc(h.open, func(o *openRequest) bool { return o.base == r }) {
			ready = append(ready, r)
		}
	}
	if len(ready) == 0 {
		return
	}
	r := ready[h.pick(len(ready))]
	h.open = slices.DeleteFunc(h.open, func(o *openRequest) bool { return o == r })
	base := &h.trunk
	if r.base != nil {
		base = &r.base.tip
	}
	onto := h.ancestors(*base)
	var added []string
	for s := range h.ancestors(r.tip) {
		if !onto[s] {
			added = append(added, s)
		}
	}
	q := schema.Change{
		Repo: repo, ChangeID: fmt.Sprintf("%s#%d", repo, r.number), Number: uint64(r.number), Title: "request", State: schema.ChangeMerged, Author: "ada",
		OpenedAt: r.opened, HeadSHA: r.tip, BaseSHA: *base, CommitCount: uint32(len(added)), HeadBranch: fmt.Sprint("branch", r.number), BaseBranch: "main",
	}
	if r.base != nil {
		q.BaseBranch = fmt.Sprint("branch", r.base.number)
	}
	m := &mergedRequest{id: q.ChangeID, nested: r.base != nil || len(r.inner) > 0}
	if r.base != nil {
		h.did["request into a request's branch"] = true
	}
	earliest := h.find(r.own[0]).AuthoredAt
	m.first = &earliest
	flat := true // whether inner requests arrive only through the outer merge commit
	switch kind := h.pick(4); {
	case kind == 0 && !onto[r.tip] && h.ancestors(r.tip)[*base] && len(r.absorbed) == 0:
		m.merge, m.result, flat = r.tip, r.own, false
		h.did["fast-forward"] = true
	case kind == 1:
		q.Title = "squashed request"
		h.did["squash"] = true
		c := h.commit(*base)
		c.Title = fmt.Sprintf("squashed request (#%d)", r.number)
		c.Paths, c.PathsKnown = h.union(added)
		m.merge, m.result, m.branch = c.SHA, []string{c.SHA}, r.own
		if len(r.inner) == 0 && h.chance(30) {
			h.lose(added)
			m.branch, m.first = nil, nil
			h.did["branch unknown"] = true
		}
	case kind == 2:
		slices.SortFunc(added, func(a, b string) int { return h.find(a).AuthoredAt.Compare(h.find(b).AuthoredAt) })
		tip := *base
		at := h.tick()
		for _, s := range added {
			old := *h.find(s)
			if len(old.Parents) > 1 {
				continue
			}
			c := h.commit(tip)
			c.AuthoredAt, c.CommittedAt, c.Title, c.Paths, c.PathsKnown = old.AuthoredAt, at, old.Title, old.Paths, old.PathsKnown
			h.now = at
			tip = c.SHA
			m.result = append(m.result, tip)
		}
		h.tick()
		h.did["rebase"] = true
		m.merge, m.branch = tip, r.own
		if len(r.inner) == 0 && len(m.result) == len(added) && h.chance(30) {
			h.lose(added)
			m.branch = nil
			if len(added) == 1 && !earliest.Before(r.opened) {
				m.first = nil
			}
		}
	default:
		c := h.commit(*base, r.tip)
		h.did["merge commit"] = true
		m.merge, m.result, flat = c.SHA, r.own, false
	}
	*base = m.merge
	if r.base == nil {
		h.landed = append(h.landed, m.result...)
		h.landed = append(h.landed, m.merge)
	} else {
		r.base.inner = append(append(r.base.inner, r.inner...), m)
		r.base.absorbed = append(r.base.absorbed, m.merge)
	}
	m.carriers = []string{m.merge}
	if flat {
		for _, i := range r.inner {
			i.carriers = append(i.carriers, m.merge)
		}
	}
	at := h.tick()
	q.MergedAt, q.MergeSHA = &at, m.merge
	if h.chance(10) {
		q.Labels = []string{"Hotfix"}
	}
	if h.chance(10) && len(h.merged) > 0 {
		q.Reverts = []string{h.merged[h.pick(len(h.merged))].id}
	}
	if m.first == nil && h.chance(50) {
		q.FirstCommitAt, m.first = &earliest, &earliest
	}
	h.review(&q)
	h.rep.Changes = append(h.rep.Changes, q)
	h.merged = append(h.merged, m)
}

// review has the author, a bot and others look at a request, before and after it
// was merged.
func (h *history) review(q *schema.Change) {
	for range h.pick(4) {
		who := h.pick(4)
		h.rep.Reviews = append(h.rep.Reviews, schema.Review{
			Repo: repo, ChangeID: q.ChangeID, ReviewID: fmt.Sprint("review", len(h.rep.Reviews)), Reviewer: []string{"ada", "robot", "grace", "alan"}[who],
			ReviewerIsBot: []uint8{0, 1, 0, 0}[who], SubmittedAt: q.OpenedAt.Add(time.Duration(h.pick(300)) * time.Minute),
		})
	}
}

// union is the paths of several commits.
func (h *history) union(shas []string) (paths []string, known uint8) {
	known = 1
	for _, s := range shas {
		c := h.find(s)
		paths = append(paths, c.Paths...)
		if c.PathsKnown == 0 {
			known = 0
		}
	}
	if known == 0 {
		return nil, 0
	}
	return paths, 1
}

func (h *history) lose(shas []string) {
	for _, s := range shas {
		h.lost[s] = true
	}
}

func (h *history) cherryPick() {
	if h.branch == "" || h.chance(10) {
		h.branch = h.trunk
		return
	}
	from := h.landed[len(h.landed)-1-h.pick(min(8, len(h.landed)))]
	if len(h.merged) > 0 && h.chance(30) { // Of a branch as it was before its squash or rebase.
		if m := h.merged[h.pick(len(h.merged))]; len(m.branch) > 0 {
			from = m.branch[h.pick(len(m.branch))]
		}
	}
	c := h.commit(h.branch)
	old := h.find(from)
	c.CherryPickedFrom, c.Title, c.AuthoredAt, c.Paths, c.PathsKnown = from, old.Title, old.AuthoredAt, old.Paths, old.PathsKnown
	if h.chance(30) {
		c.CherryPickedFrom = from[:9]
	}
	h.branch = c.SHA
	h.landed = append(h.landed, c.SHA)
}

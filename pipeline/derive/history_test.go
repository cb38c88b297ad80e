package derive_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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
		for _, p := range []string{"shop/main.go", "pay/main.go", "shopping/x"} {
			if h.chance(40) {
				c.Paths = append(c.Paths, p)
			}
		}
		if h.chance(5) {
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
	h := &history{pick: pick, now: day, opt: derive.DefaultOptions(), lost: map[string]bool{}}
	h.rep.Repo = repo
	h.in.Service = schema.Service{ServiceID: service, Repo: repo}
	if h.chance(40) {
		h.in.Service.Paths = []string{"shop/"}
	}
	if h.chance(30) {
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
	h.rep.Commits = slices.DeleteFunc(h.rep.Commits, func(c schema.Commit) bool { return h.lost[c.SHA] })
	return h
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
	m := &mergedRequest{id: q.ChangeID}
	earliest := h.find(r.own[0]).AuthoredAt
	m.first = &earliest
	flat := true // whether inner requests arrive only through the outer merge commit
	switch kind := h.pick(4); {
	case kind == 0 && !onto[r.tip] && h.ancestors(r.tip)[*base] && len(r.absorbed) == 0:
		m.merge, m.result, flat = r.tip, r.own, false
	case kind == 1:
		q.Title = "squashed request"
		c := h.commit(*base)
		c.Title = fmt.Sprintf("squashed request (#%d)", r.number)
		c.Paths, c.PathsKnown = h.union(added)
		m.merge, m.result, m.branch = c.SHA, []string{c.SHA}, r.own
		if len(r.inner) == 0 && h.chance(30) {
			h.lose(added)
			m.branch, m.first = nil, nil
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
	h.rep.Changes = append(h.rep.Changes, q)
	h.merged = append(h.merged, m)
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
	c := h.commit(h.branch)
	old := h.find(from)
	c.CherryPickedFrom, c.Title, c.AuthoredAt, c.Paths, c.PathsKnown = from, old.Title, old.AuthoredAt, old.Paths, old.PathsKnown
	if h.chance(30) {
		c.CherryPickedFrom = from[:9]
	}
	h.branch = c.SHA
	h.landed = append(h.landed, c.SHA)
}

func (h *history) deploy() {
	d := schema.Deployment{Repo: repo, Environment: "production", Status: schema.StatusSuccess, Commit: h.trunk}
	past := h.in.Deployments
	switch n := h.pick(100); {
	case n < 25 && h.branch != "":
		d.Commit = h.branch
	case n < 35 && len(past) > 0:
		p := past[h.pick(len(past))]
		d.Commit, d.Version = p.Commit, p.Version
	case n < 40:
		d.Commit = h.landed[h.pick(len(h.landed))]
	case n < 44:
		d.Commit = h.sha() // Its events have not arrived.
	case n < 50:
		name := fmt.Sprint("v", len(h.rep.Tags))
		h.rep.Tags = append(h.rep.Tags, schema.Tag{Repo: repo, Name: name, Commit: h.trunk})
		d.Commit, d.Version = "", name[h.pick(2):]
	case n < 54:
		d.Commit, d.Version = "", fmt.Sprint("build-", h.pick(3))
	}
	switch n := h.pick(100); {
	case n < 10:
		d.Status = schema.StatusFailure
	case n < 14:
		d.Status = schema.StatusCancelled
	case n < 18:
		d.Status = schema.StatusRunning
	}
	d.Environment = []string{"production", "production", "prod-eu", "staging"}[h.pick(4)]
	if h.chance(4) {
		d.IsRollback = 1
	}
	end := h.tick()
	if h.chance(10) {
		end = end.Add(-time.Duration(h.pick(600)) * time.Minute)
	}
	d.CreatedAt, d.FinishedAt = end.Add(-time.Minute), &end
	if h.chance(10) { // A slow one, which others may overtake.
		d.CreatedAt = end.Add(-time.Duration(h.pick(400)) * time.Minute)
	}
	d.DeploymentID = fmt.Sprintf("d%03d", (len(past)*37)%1000)
	h.in.Deployments = append(h.in.Deployments, d)
	if h.chance(25) {
		twin := d
		later := end.Add(time.Duration(h.pick(300)) * time.Minute)
		twin.Environment, twin.FinishedAt = "prod-us", &later
		twin.DeploymentID = fmt.Sprintf("d%03d", (len(h.in.Deployments)*37)%1000)
		h.in.Deployments = append(h.in.Deployments, twin)
	}
}

func (h *history) incident() {
	id := fmt.Sprintf("i%03d", len(h.in.Incidents))
	add := func(kind string) *schema.IncidentUpdate {
		u := schema.IncidentUpdate{IncidentID: id, UpdateID: fmt.Sprintf("u%03d", len(h.in.Incidents)), Kind: kind, At: h.tick(), ServiceRefs: []string{service}}
		h.in.Incidents = append(h.in.Incidents, u)
		return &h.in.Incidents[len(h.in.Incidents)-1]
	}
	u := add(schema.IncidentTriggered)
	if h.chance(15) {
		u.ServiceRefs = []string{service, "pay"}
	}
	if h.chance(20) {
		began := u.At.Add(-time.Hour)
		u.StartedAt = &began
	}
	if d := h.in.Deployments; len(d) > 0 && h.chance(30) {
		x := d[h.pick(len(d))]
		u.Cause = []string{x.DeploymentID, x.Commit, x.Version}[h.pick(3)]
	}
	if len(h.merged) > 0 && h.chance(10) {
		u.Cause = h.merged[h.pick(len(h.merged))].id
	}
	for _, kind := range []string{schema.IncidentAcknowledged, schema.IncidentResolved, schema.IncidentReopened, schema.IncidentResolved, schema.IncidentDeleted} {
		if h.chance(50) {
			add(kind).ServiceRefs = nil // As senders do who name the service once.
		}
	}
}

// disorder shuffles the facts and adds copies of them and older versions.
func (h *history) disorder(seed uint64) (derive.RepoFacts, derive.Input) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	rep, in := h.rep, h.in
	rep.Commits = disordered(rnd, rep.Commits, func(c *schema.Commit) { c.Parents = nil })
	rep.Changes = disordered(rnd, rep.Changes, func(c *schema.Change) { c.State, c.MergeSHA = schema.ChangeOpen, "" })
	rep.Tags = disordered(rnd, rep.Tags, func(c *schema.Tag) { c.Commit = "elsewhere" })
	in.Deployments = disordered(rnd, in.Deployments, func(d *schema.Deployment) { d.Status = schema.StatusRunning })
	in.Incidents = disordered(rnd, in.Incidents, func(u *schema.IncidentUpdate) { u.Cause = "older" })
	in.Ownerships = disordered(rnd, in.Ownerships, func(o *schema.Ownership) { o.TeamID = "older" })
	return rep, in
}

func disordered[T any, P interface {
	*T
	schema.Fact
}](rnd *rand.Rand, rows []T, older func(*T)) []T {
	var out []T
	for _, r := range rows {
		setVersion(P(&r), 2)
		out = append(out, r)
		for rnd.IntN(3) == 0 {
			copied := r
			if rnd.IntN(2) == 0 {
				older(&copied)
				setVersion(P(&copied), 1)
			}
			out = append(out, copied)
		}
	}
	rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func setVersion(f schema.Fact, v uint64) {
	switch x := f.(type) {
	case *schema.Commit:
		x.Version = v
	case *schema.Change:
		x.Version = v
	case *schema.Tag:
		x.Version = v
	case *schema.Deployment:
		x.Meta.Version = v
	case *schema.IncidentUpdate:
		x.Version = v
	case *schema.Ownership:
		x.Version = v
	case *schema.Service:
		x.Version = v
	case *schema.Review:
		x.Version = v
	default:
		panic(fmt.Sprintf("no version known for %T", f))
	}
}

// String tells the history, for a failure's message.
func (h *history) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "paths %v, created %v, direct commits %s\n", h.in.Service.Paths, h.in.Service.CreatedAt, h.opt.DirectCommits)
	short := func(s string) string { return s[:min(6, len(s))] }
	for _, c := range h.rep.Commits {
		fmt.Fprintf(&b, "commit %s authored %s paths %v %d", short(c.SHA), c.AuthoredAt.Format(time.DateTime), c.Paths, c.PathsKnown)
		for _, p := range c.Parents {
			b.WriteString(" parent " + short(p))
		}
		for _, p := range c.Reverts {
			b.WriteString(" reverts " + short(p))
		}
		fmt.Fprintf(&b, " copies %s\n", short(c.CherryPickedFrom))
	}
	for _, c := range h.rep.Changes {
		fmt.Fprintf(&b, "request %s merge %s head %s count %d %s→%s labels %v reverts %v merged %s\n", c.ChangeID, short(c.MergeSHA), short(c.HeadSHA), c.CommitCount, c.HeadBranch, c.BaseBranch, c.Labels, c.Reverts, c.MergedAt.Format(time.DateTime))
	}
	for _, d := range h.in.Deployments {
		fmt.Fprintf(&b, "deployment %s of %s %s to %s %s at %s rollback %d\n", d.DeploymentID, short(d.Commit), d.Version, d.Environment, d.Status, d.FinishedAt.Format(time.DateTime), d.IsRollback)
	}
	for _, u := range h.in.Incidents {
		fmt.Fprintf(&b, "incident %s %s at %s cause %s\n", u.IncidentID, u.Kind, u.At.Format(time.DateTime), u.Cause)
	}
	return b.String()
}

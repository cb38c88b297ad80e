package sample

import (
	"container/heap"
	"fmt"
	"slices"
	"strings"
	"time"
)

// simulation runs the delivery of one repository in order of time.
type simulation struct {
	h        *History
	r        *Repo
	d        dice
	queue    queue
	planned  int
	now      time.Time
	services []*Service
	lanes    map[*Service]*lane
	team     string
}

// lane is what production of a service runs.
type lane struct {
	releases []release
	// live is the index of the release that runs, or -1.
	live    int
	version int
	// busy is until when the last roll-out runs.
	busy time.Time
}

type release struct {
	sha, version string
	finished     time.Time
	deployments  []*Deployment
}

func (h *History) simulate(r *Repo) {
	s := &simulation{h: h, r: r, d: newDice(h.Seed, r.Name), lanes: map[*Service]*lane{}}
	start := h.Start.Add(-36 * time.Hour)
	for _, svc := range h.Services {
		if svc.Repo == r {
			s.services = append(s.services, svc)
			s.lanes[svc] = &lane{live: -1}
			s.team = svc.Owners[0].Team
			if !svc.CreatedAt.IsZero() {
				start = svc.CreatedAt
			}
		}
	}
	s.now = start
	s.commitTo("main", start, start, "Start the repository", []string{s.services[0].Path + "README.md"}, nil)
	s.planWork(start)
	for _, svc := range s.services {
		s.planReleases(svc, start)
	}
	for s.queue.Len() > 0 {
		e := heap.Pop(&s.queue).(event)
		if e.at.After(h.End) {
			break
		}
		s.now = e.at
		e.do()
	}
}

type event struct {
	at  time.Time
	seq int
	do  func()
}

// queue orders events by time, then by the order in which they were planned.
type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

func (s *simulation) at(t time.Time, do func()) {
	s.planned++
	heap.Push(&s.queue, event{t.Truncate(time.Second), s.planned, do})
}

var (
	verbs   = []string{"Add", "Fix", "Speed up", "Simplify", "Retry", "Validate", "Log", "Cache", "Document", "Remove"}
	objects = []string{
		"order totals", "the health check", "currency rounding", "slow queries", "the retry loop", "input checks",
		"pagination", "feature flags", "the error page", "address lookup", "session expiry", "metrics labels",
	}
)

func (s *simulation) title() string { return pick(s.d, verbs) + " " + pick(s.d, objects) }

func (s *simulation) path() string {
	svc, object := pick(s.d, s.services), pick(s.d, objects)
	if object == "the health check" {
		return svc.Path + "helm/values.yaml"
	}
	return fmt.Sprintf("%sinternal/%s.go", svc.Path, strings.ReplaceAll(object, " ", "_"))
}

// commitTo makes a commit on a branch; on main it also becomes the head.
func (s *simulation) commitTo(branch string, authored, committed time.Time, message string, paths, parents []string) *Commit {
	c := &Commit{
		SHA: s.d.sha(s.r.Name), Parents: parents, AuthoredAt: authored, CommittedAt: committed, PushedAt: committed,
		Branch: branch, Message: message, Author: pick(s.d, s.h.members(s.team)), Paths: paths, Merge: len(parents) > 1,
	}
	s.r.Commits = append(s.r.Commits, c)
	if branch == "main" {
		s.r.main = append(s.r.main, c)
	}
	return c
}

func (s *simulation) head() *Commit { return s.r.main[len(s.r.main)-1] }

// headAt is the head of main on the server at an earlier time.
func (s *simulation) headAt(t time.Time) *Commit {
	for _, c := range slices.Backward(s.r.main) {
		if !c.PushedAt.After(t) {
			return c
		}
	}
	return s.r.main[0]
}

func (s *simulation) planWork(start time.Time) {
	perDay := 0.75 * float64(len(s.services))
	for day := start.Truncate(24 * time.Hour); day.Before(s.h.End); day = day.AddDate(0, 0, 1) {
		if wd := day.Weekday(); wd == time.Saturday || wd == time.Sunday {
			continue
		}
		for n := s.poisson(perDay); n > 0; n-- {
			at := day.Add(8*time.Hour + s.d.between(0, 10*time.Hour))
			if at.Before(start) {
				continue
			}
			if s.r.Kind == Trunk {
				s.at(at, func() { s.trunk(at) })
			} else {
				s.at(at, func() { s.work(at, nil, nil) })
			}
		}
	}
}

func (s *simulation) poisson(mean float64) int {
	n := 0
	for p := s.d.ExpFloat64(); p < mean; p += s.d.ExpFloat64() {
		n++
	}
	return n
}

// trunk commits to main, and pushes after the checks have run.
func (s *simulation) trunk(authored time.Time) {
	s.at(authored.Add(s.d.between(time.Minute, 40*time.Minute)), func() {
		c := s.commitTo("main", authored, authored, s.title(), []string{s.path()}, []string{s.head().SHA})
		c.PushedAt = s.now
	})
}

// work starts a pull request whose first commit is authored now. A request that
// reverts another, or carries labels, is hurried.
func (s *simulation) work(first time.Time, reverts *Pull, labels []string) {
	hurried := reverts != nil || len(labels) > 0
	p := &Pull{Repo: s.r, Number: s.r.nextNumber, Title: s.title(), FirstCommitAt: first, Labels: labels, Reverts: reverts}
	s.r.nextNumber++
	members := s.h.members(s.team)
	p.Author = pick(s.d, members)
	p.Branch = fmt.Sprintf("change-%d", p.Number)
	base := s.head()
	p.BaseSHA = base.SHA
	n := 1 + s.d.IntN(4)
	if hurried {
		n = 1
	}
	if reverts != nil {
		p.Title = fmt.Sprintf("Revert %q", reverts.Title)
	}
	parent, authored := base.SHA, first
	for i := range n {
		message := p.Title
		if i > 0 {
			message = s.title()
		}
		path := s.path()
		if reverts != nil {
			message += fmt.Sprintf("\n\nThis reverts commit %s.", reverts.MergeSHA)
			path = reverts.Paths[0]
		}
		c := s.commitTo(p.Branch, authored, authored, message, []string{path}, []string{parent})
		c.Author = p.Author
		p.Commits = append(p.Commits, c)
		if !slices.Contains(p.Paths, path) {
			p.Paths = append(p.Paths, path)
		}
		parent = c.SHA
		authored = authored.Add(s.d.around(90 * time.Minute))
	}
	last := p.Commits[n-1]
	p.HeadSHA = last.SHA
	if hurried {
		p.OpenedAt = last.AuthoredAt.Add(s.d.between(2*time.Minute, 10*time.Minute))
	} else {
		p.OpenedAt = workHour(last.AuthoredAt.Add(s.d.around(25 * time.Minute)))
	}
	for _, c := range p.Commits {
		c.PushedAt = p.OpenedAt.Add(-time.Minute)
	}
	if !hurried && s.d.chance(0.004) {
		s.misdate(p)
	}
	s.r.Pulls = append(s.r.Pulls, p)
	merged := p.OpenedAt.Add(s.d.between(15*time.Minute, 40*time.Minute))
	if !hurried {
		p.ReviewedAt = workHour(p.OpenedAt.Add(s.d.around(4 * time.Hour)))
		merged = workHour(p.ReviewedAt.Add(s.d.around(3 * time.Hour)))
		p.Reviewer = pick(s.d, slices.DeleteFunc(slices.Clone(members), func(m string) bool { return m == p.Author }))
		if s.d.chance(0.05) { // Merged without review.
			p.ReviewedAt, p.Reviewer = time.Time{}, ""
		}
	}
	if !hurried && s.d.chance(0.04) {
		s.at(merged, func() { p.ClosedAt = s.now })
		return
	}
	s.at(merged, func() { s.merge(p) })
}

// misdate is a machine whose clock was never set, or runs days ahead.
func (s *simulation) misdate(p *Pull) {
	wrong := time.Unix(0, 0).UTC()
	if s.d.chance(0.5) {
		wrong = p.OpenedAt.Add(s.d.between(48*time.Hour, 240*time.Hour))
	}
	for _, c := range p.Commits {
		c.AuthoredAt = wrong
	}
}

func (s *simulation) merge(p *Pull) {
	p.MergedAt, p.ClosedAt = s.now, s.now
	head := s.head().SHA
	switch s.r.Kind {
	case Merge:
		c := s.commitTo("main", s.now, s.now, fmt.Sprintf("Merge pull request #%d from acme/%s\n\n%s", p.Number, p.Branch, p.Title),
			p.Paths, []string{head, p.HeadSHA})
		p.MergeSHA = c.SHA
	case Rebase:
		for _, b := range p.Commits {
			c := s.commitTo("main", b.AuthoredAt, s.now, b.Message, b.Paths, []string{s.head().SHA})
			p.MergeSHA = c.SHA
		}
	default:
		message := fmt.Sprintf("%s (#%d)", p.Title, p.Number)
		if p.Reverts != nil {
			message += fmt.Sprintf("\n\nThis reverts commit %s.", p.Reverts.MergeSHA)
		}
		c := s.commitTo("main", s.now, s.now, message, p.Paths, []string{head})
		p.MergeSHA = c.SHA
	}
	svc := s.services[0]
	rate := svc.FailureRate
	if s.now.After(s.h.Day(badQuarterFrom)) && s.now.Before(s.h.Day(badQuarterTo)) {
		rate = svc.BadQuarter
	}
	p.breaks = p.Reverts == nil && len(p.Labels) == 0 && s.d.chance(rate)
	for _, svc := range s.services {
		if svc.Cadence == Continuous || p.Reverts != nil || len(p.Labels) > 0 {
			s.at(s.now.Add(s.d.between(12*time.Minute, 45*time.Minute)), func() { s.release(svc) })
		}
	}
}

package sample

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func (s *simulation) planReleases(svc *Service, start time.Time) {
	// What runs when the history begins, so that old services have a baseline.
	if svc.CreatedAt.IsZero() {
		s.at(start.Add(time.Hour+s.d.between(0, 6*time.Hour)), func() { s.release(svc) })
	}
	for day := start.Truncate(24*time.Hour).AddDate(0, 0, 1); day.Before(s.h.End); day = day.AddDate(0, 0, 1) {
		wd := day.Weekday()
		if wd == time.Saturday || wd == time.Sunday || svc.Cadence == Weekly && wd != time.Tuesday {
			continue
		}
		if svc.Cadence == Continuous && s.r.Kind != Trunk {
			continue
		}
		s.at(day.Add(9*time.Hour+s.d.between(0, 8*time.Hour)), func() { s.release(svc) })
		if s.r.Kind == Trunk && svc.Cadence == Continuous {
			s.at(day.Add(17*time.Hour+s.d.between(0, time.Hour)), func() { s.release(svc) })
		}
	}
}

// release puts the head of main into production, unless it runs already, in all
// regions of the service.
func (s *simulation) release(svc *Service) {
	l := s.lanes[svc]
	head := s.headAt(s.now)
	if s.now.Before(l.busy) || l.live >= 0 && l.releases[l.live].sha == head.SHA {
		return
	}
	// An attempt that never reaches production is seen but is no release.
	if s.d.chance(0.03) {
		s.deploy(svc, head.SHA, fmt.Sprintf("1.%d.0-rejected", l.version+1), s.now, "staging", Failed, -1, -1)
		return
	}
	l.version++
	status := Succeeded
	if s.d.chance(0.03) {
		status = Failed
	}
	before := l.live
	r := s.rollOut(svc, head.SHA, fmt.Sprintf("1.%d.0", l.version), status, -1)
	if status == Failed {
		// The job is run again until it goes through.
		s.at(r.finished.Add(s.d.between(20*time.Minute, 90*time.Minute)), func() { s.release(svc) })
		return
	}
	culprit := s.culprit(svc, before, l.live)
	if culprit == nil || before < 0 {
		return
	}
	culprit.breaks = false
	s.recover(svc, l.live, before, culprit)
}

// rollOut deploys to staging and then to every region, and records the release.
func (s *simulation) rollOut(svc *Service, sha, version string, status DeployStatus, restores int) release {
	l := s.lanes[svc]
	index := len(l.releases)
	s.deploy(svc, sha, version, s.now, "staging", Succeeded, -1, -1)
	at := s.now.Add(s.d.between(4*time.Minute, 12*time.Minute))
	r := release{sha: sha, version: version}
	for _, region := range svc.Regions {
		d := s.deploy(svc, sha, version, at, region, status, index, restores)
		r.deployments = append(r.deployments, d)
		r.finished = d.FinishedAt
		at = d.FinishedAt.Add(s.d.between(5*time.Minute, 20*time.Minute))
	}
	l.releases = append(l.releases, r)
	l.busy = r.finished
	if status == Succeeded {
		l.live = index
	}
	return r
}

func (s *simulation) deploy(svc *Service, sha, version string, at time.Time, env string, status DeployStatus, index, restores int) *Deployment {
	at = at.Truncate(time.Second)
	d := &Deployment{
		ID:      5_000_000_000 + s.r.ID%1000*100_000 + int64(len(svc.Deployments)+1)*10 + int64(slices.Index(s.services, svc)),
		Service: svc, Environment: env, Production: strings.HasPrefix(env, "production"), SHA: sha, Version: version,
		CreatedAt: at, StartedAt: at.Add(20 * time.Second), FinishedAt: at.Add(s.d.between(90*time.Second, 7*time.Minute)),
		Status: status, Release: index, RestoresRelease: restores,
	}
	svc.Deployments = append(svc.Deployments, d)
	return d
}

// culprit is a change that breaks production among those that came with the
// release after the one that ran before.
func (s *simulation) culprit(svc *Service, before, after int) *Pull {
	l := s.lanes[svc]
	from := -1
	if before >= 0 {
		from = s.indexOf(l.releases[before].sha)
	}
	to := s.indexOf(l.releases[after].sha)
	for _, c := range s.r.main[from+1 : to+1] {
		for _, p := range s.r.Pulls {
			if p.MergeSHA == c.SHA && p.breaks && p.Touches(svc) {
				return p
			}
		}
	}
	return nil
}

func (s *simulation) indexOf(sha string) int {
	return slices.IndexFunc(s.r.main, func(c *Commit) bool { return c.SHA == sha })
}

// recover mends production: most often the release before is put back, else the
// change is reverted, or a fix goes forward. An incident is raised in any case.
func (s *simulation) recover(svc *Service, broken, before int, culprit *Pull) {
	l := s.lanes[svc]
	failed := l.releases[broken]
	noticed := failed.finished.Add(s.d.around(15 * time.Minute))
	inc := &Incident{
		Service: svc, Title: svc.ID + ": error rate above 5 %", Urgency: pick(s.d, []string{"high", "high", "low"}),
		StartedAt: noticed, AckAt: noticed.Add(s.d.between(time.Minute, 12*time.Minute)),
		Deployment: failed.deployments[0], Reopened: s.d.chance(0.1),
	}
	s.h.Incidents = append(s.h.Incidents, inc)
	mended := func(at time.Time) { inc.ResolvedAt = at.Add(s.d.between(5*time.Minute, 25*time.Minute)) }
	roll := s.d.Float64()
	switch {
	case roll < 0.5 && len(l.releases[before].deployments) == len(svc.Regions):
		s.at(noticed.Add(s.d.around(35*time.Minute)), func() {
			if l.live != broken {
				mended(s.now)
				return
			}
			r := s.rollOut(svc, l.releases[before].sha, l.releases[before].version, Succeeded, before)
			mended(r.finished)
		})
		// The change itself is repaired before the next release.
		s.at(noticed.Add(10*time.Minute), func() { s.work(s.now, culprit, nil) })
	case roll < 0.8:
		s.at(noticed.Add(s.d.around(20*time.Minute)), func() { s.work(s.now, culprit, nil) })
		s.at(noticed.Add(3*time.Hour), func() { mended(s.now) })
	default:
		s.at(noticed.Add(s.d.around(20*time.Minute)), func() { s.work(s.now, nil, []string{"hotfix"}) })
		s.at(noticed.Add(3*time.Hour), func() { mended(s.now) })
	}
}

// finishDelivery puts incidents into order and numbers them.
func (h *History) finishDelivery() {
	slices.SortStableFunc(h.Incidents, func(a, b *Incident) int { return a.StartedAt.Compare(b.StartedAt) })
	h.Incidents = slices.DeleteFunc(h.Incidents, func(i *Incident) bool { return i.StartedAt.After(h.End) })
	for i, inc := range h.Incidents {
		inc.Number = i + 1
		inc.ID = fmt.Sprintf("QINC%05d", i+1)
		if inc.ResolvedAt.After(h.End) {
			inc.ResolvedAt = time.Time{}
		}
	}
}

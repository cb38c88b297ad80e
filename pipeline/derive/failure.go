package derive

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// blame is one piece of evidence that a release failed.
type blame struct {
	rule          string
	at            time.Time
	evidence, url string
}

// mend is one thing that may have ended a failure.
type mend struct {
	rule     string
	at       time.Time
	evidence string
}

// outcomes collects evidence. Only the strongest of a release is stored, and the
// earliest mend.
type outcomes struct {
	*claims
	all    []*release
	blames map[*release][]blame
	mends  map[*release][]mend
}

// judge marks failures, recoveries and rework (DEFINITIONS, "Failure evidence").
func judge(c *claims, all []*release, incidents []*incident) {
	o := &outcomes{claims: c, all: all, blames: map[*release][]blame{}, mends: map[*release][]mend{}}
	for _, i := range incidents {
		if r := o.named(i); r != nil {
			o.blameIncident(r, i, schema.FailureExplicit)
		}
	}
	back := o.rollbacks()
	o.repairs(back)
	if o.opt.TimeRule == TimeRuleAuto && len(o.blames) == 0 {
		o.byTime(incidents)
	}
	o.duringIncidents(incidents)
	for r, blames := range o.blames {
		o.settle(r, blames)
	}
}

// strength orders rules, strongest first.
func strength(rule string) int {
	return slices.Index([]string{
		schema.FailureExplicit, schema.FailureRollback, schema.FailureRevert, schema.FailureHotfix, schema.FailureTime, schema.ReworkIncident,
	}, rule)
}

// settle writes the strongest evidence and the earliest recovery.
func (o *outcomes) settle(r *release, blames []blame) {
	b := slices.MinFunc(blames, func(a, b blame) int {
		return cmp.Or(cmp.Compare(strength(a.rule), strength(b.rule)), a.at.Compare(b.at), strings.Compare(a.evidence, b.evidence))
	})
	r.row.Failed = 1
	r.row.FailureRule, r.row.FailureEvidence, r.row.FailureURL, r.row.FailedAt = b.rule, b.evidence, b.url, &b.at
	mends := o.mends[r]
	if len(mends) == 0 {
		return
	}
	m := slices.MinFunc(mends, func(a, b mend) int {
		order := []string{schema.RecoveryResolved, schema.RecoveryRollback, schema.RecoveryFix}
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(slices.Index(order, a.rule), slices.Index(order, b.rule)), strings.Compare(a.evidence, b.evidence))
	})
	r.row.RecoveredAt, r.row.RecoveryRule, r.row.RecoveryEvidence = &m.at, m.rule, m.evidence
	if r.row.Excluded == "" && m.at.Before(r.row.FinishedAt) {
		r.row.Excluded = schema.ExcludedNegative
	}
}

func (o *outcomes) blameIncident(r *release, i *incident, rule string) {
	i.blamed = r
	i.row.ReleaseID, i.row.Rule = r.row.ReleaseID, rule
	o.blames[r] = append(o.blames[r], blame{rule, i.row.StartedAt, i.row.IncidentID, i.row.URL})
	if i.row.ResolvedAt != nil && i.row.Excluded == "" {
		o.mends[r] = append(o.mends[r], mend{schema.RecoveryResolved, *i.row.ResolvedAt, i.row.IncidentID})
	}
}

// named is the release that an incident's cause names: a deployment, a change, a
// commit or a version.
func (o *outcomes) named(i *incident) *release {
	if i.cause == "" {
		return nil
	}
	for _, r := range o.all {
		if slices.Contains(r.row.Deployments, i.cause) {
			return r
		}
	}
	if r := o.deployer(i.cause); r != nil {
		return r
	}
	same := func(r *release) bool {
		id := r.repo.graph.lookup(i.cause)
		return (id != none && r.commit == id) || r.row.Commit == i.cause ||
			(r.row.DeployedVersion != "" && strings.TrimPrefix(r.row.DeployedVersion, "v") == strings.TrimPrefix(i.cause, "v"))
	}
	if r := latestBefore(o.all, i.row.StartedAt, same); r != nil {
		return r
	}
	for _, b := range o.books {
		id := b.repo.graph.lookup(i.cause)
		if id == none || b.first[id] < 0 {
			continue
		}
		if r := o.live[b.first[id]]; r.row.Baseline == 0 {
			return r
		}
	}
	return nil
}

// deployer is the release that deployed the change of this id.
func (o *outcomes) deployer(changeID string) *release {
	for _, b := range o.books {
		n, ok := b.repo.byID[changeID]
		if !ok {
			sha, isOurs := strings.CutPrefix(changeID, b.repo.id+"@")
			k := b.repo.graph.lookup(sha)
			if !isOurs || k == none {
				continue
			}
			n = b.repo.changeOf(k)
		}
		if n != none && b.by[n] >= 0 {
			return o.live[b.by[n]]
		}
	}
	return nil
}

// latestBefore is the last of the fitting releases to begin before the time, or
// the first of all when none did.
func latestBefore(releases []*release, at time.Time, fits func(*release) bool) *release {
	var best *release
	for _, r := range releases {
		if !fits(r) {
			continue
		}
		if best == nil || (!r.began.After(at) && r.position > best.position) {
			best = r
		}
	}
	return best
}

// rollbacks blames what was taken out and returns the releases that did it.
func (o *outcomes) rollbacks() map[*release]bool {
	back := map[*release]bool{}
	for _, w := range o.withdrawals() {
		back[w.by] = true
		id := w.by.row.ReleaseID
		evidence := id
		if w.blamed != nil {
			o.blames[w.blamed] = append(o.blames[w.blamed], blame{schema.FailureRollback, w.by.introduced, id, w.by.row.URL})
			evidence = w.blamed.row.ReleaseID
		}
		for _, t := range w.taken {
			o.mends[t] = append(o.mends[t], mend{schema.RecoveryRollback, w.by.row.FinishedAt, id})
		}
		rework(w.by, schema.FailureRollback, evidence)
	}
	return back
}

// rework marks unplanned repair; the strongest rule stays, and of its evidence
// the first by name.
func rework(r *release, rule, evidence string) {
	stronger := cmp.Or(cmp.Compare(strength(rule), strength(r.row.ReworkRule)), strings.Compare(evidence, r.row.ReworkEvidence))
	if r.row.Rework == 0 || stronger < 0 {
		r.row.Rework, r.row.ReworkRule, r.row.ReworkEvidence = 1, rule, evidence
	}
}

// repairs blames releases for what later ones revert or fix in haste.
func (o *outcomes) repairs(back map[*release]bool) {
	var candidate *release // the latest release that brought something new
	for _, f := range o.live {
		b := o.book(f)
		for _, n := range f.changes {
			if o.reverts(b, f, n) || !o.isHotfix(b, n) {
				continue
			}
			rework(f, schema.FailureHotfix, b.rows[n].ChangeID)
			if candidate != nil {
				o.repair(candidate, f, b.rows[n], schema.FailureHotfix)
			}
		}
		if f.fresh && !back[f] {
			candidate = f
		}
	}
}

func (o *outcomes) isHotfix(b *book, change int32) bool {
	_, isCommit := b.repo.isCommit(change)
	return !isCommit && o.opt.hotfix(b.repo.requests[change].Labels)
}

// repair records that release f mends with a change what r broke.
func (o *outcomes) repair(r, f *release, row *schema.ChangeDeployed, rule string) {
	o.blames[r] = append(o.blames[r], blame{rule, f.introduced, row.ChangeID, row.URL})
	o.mends[r] = append(o.mends[r], mend{schema.RecoveryFix, f.row.FinishedAt, f.row.ReleaseID})
}

// reverts blames the releases whose changes the change takes back, and reports
// whether there was something in production to take back. To revert a revert
// brings a change back and blames nothing.
func (o *outcomes) reverts(b *book, f *release, change int32) bool {
	found := false
	for _, t := range b.repo.undoes[change] {
		at := unclaimed
		switch {
		case t.change == none:
			at = b.first[t.commit]
			if at >= 0 && o.live[at].row.Baseline != 0 {
				at = history
			}
		case len(b.repo.undoes[t.change]) == 0:
			at = b.by[t.change]
		}
		// What is deployed with its revert, or after it, never was a failure.
		if at >= int32(f.order) || at == unclaimed || at == elsewhere { //nolint:gosec // Fewer releases than 2³¹.
			continue
		}
		found = true
		rework(f, schema.FailureRevert, b.rows[change].ChangeID)
		if at >= 0 {
			o.repair(o.live[at], f, b.rows[change], schema.FailureRevert)
		}
	}
	return found
}

// byTime blames the release that was the last to be introduced when an incident
// began, if that was not too long before. It guesses only where nobody knows
// better: not when the responders name a cause, be it one that is not deployed
// here, and not when several services have the incident, for it would mark a
// release of each.
func (o *outcomes) byTime(incidents []*incident) {
	for _, i := range incidents {
		if i.cause != "" || !i.onlyOf(&o.in.Service) {
			continue
		}
		started := i.row.StartedAt
		at, _ := slices.BinarySearchFunc(o.live, started, func(r *release, t time.Time) int {
			if r.introduced.After(t) {
				return 1
			}
			return -1
		})
		if at == 0 || i.row.Excluded == schema.ExcludedAbsurd {
			continue
		}
		if r := o.live[at-1]; started.Before(r.row.FinishedAt.Add(o.opt.TimeWindow)) {
			o.blameIncident(r, i, schema.FailureTime)
		}
	}
}

// duringIncidents marks as rework the release that was the last to finish while
// an incident with a named cause was open.
func (o *outcomes) duringIncidents(incidents []*incident) {
	for _, i := range incidents {
		if i.row.Rule != schema.FailureExplicit || i.row.ResolvedAt == nil || i.row.Excluded != "" {
			continue
		}
		var last *release
		for _, r := range o.live {
			end := r.row.FinishedAt
			open := end.After(i.row.StartedAt) && !end.After(*i.row.ResolvedAt)
			if r.fresh && open && r.position > i.blamed.position && (last == nil || !end.Before(last.row.FinishedAt)) {
				last = r
			}
		}
		if last != nil {
			rework(last, schema.ReworkIncident, i.row.IncidentID)
		}
	}
}

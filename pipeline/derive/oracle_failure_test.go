package derive_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

const (
	rankExplicit = iota
	rankRollback
	rankRevert
	rankHotfix
	rankTime
	rankIncident
)

type oracleIncident struct {
	row   schema.Incident
	cause string
	refs  []string
	gone  bool
	of    *oracleRelease
}

func (o *oracle) incidents() []*oracleIncident {
	byID := map[string]*oracleIncident{}
	updates := slices.Clone(o.h.in.Incidents)
	slices.SortFunc(updates, func(a, b schema.IncidentUpdate) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.UpdateID, b.UpdateID))
	})
	var out []*oracleIncident
	for _, u := range updates {
		i := byID[u.IncidentID]
		if i == nil {
			i = &oracleIncident{row: schema.Incident{IncidentID: u.IncidentID, StartedAt: u.At}}
			i.row.ServiceID = service
			byID[u.IncidentID] = i
			out = append(out, i)
		}
		if u.StartedAt != nil {
			i.row.StartedAt = *u.StartedAt
		}
		i.cause = cmp.Or(u.Cause, i.cause)
		if len(u.ServiceRefs) > 0 {
			i.refs = u.ServiceRefs
		}
		switch u.Kind {
		case schema.IncidentResolved:
			at := u.At
			i.row.ResolvedAt = &at
		case schema.IncidentReopened:
			i.row.ResolvedAt = nil
			i.row.Reopened++
		case schema.IncidentDeleted:
			i.gone = true
		}
	}
	out = slices.DeleteFunc(out, func(i *oracleIncident) bool { return i.gone })
	for _, i := range out {
		i.row.TeamID = team(i.row.StartedAt)
	}
	return out
}

// named finds the release that a cause names.
func (o *oracle) named(i *oracleIncident) *oracleRelease {
	if i.cause == "" {
		return nil
	}
	for _, r := range o.releases {
		if slices.Contains(r.row.Deployments, i.cause) {
			return r
		}
	}
	if o.requests[i.cause] != nil {
		if o.claimed[i.cause] {
			return o.at[i.cause]
		}
		return nil
	}
	var fitting []*oracleRelease
	for _, r := range o.releases {
		if r.row.Commit == i.cause || (r.row.DeployedVersion != "" && (r.row.DeployedVersion == i.cause || r.row.DeployedVersion == "v"+i.cause || "v"+r.row.DeployedVersion == i.cause)) {
			fitting = append(fitting, r)
		}
	}
	var best *oracleRelease
	for _, r := range fitting {
		if !r.tries[0].FinishedAt.After(i.row.StartedAt) {
			best = r
		}
	}
	if best == nil && len(fitting) > 0 {
		best = fitting[0]
	}
	if best != nil {
		return best
	}
	for _, r := range o.live {
		if r.content[i.cause] {
			if r.row.Baseline == 1 {
				return nil
			}
			return r
		}
	}
	return nil
}

func (o *oracle) outcome() derive.Output {
	incidents := o.incidents()
	for _, i := range incidents {
		if r := o.named(i); r != nil {
			o.mark(i, r, rankExplicit, schema.FailureExplicit)
		}
	}
	back := o.goBack()
	o.repair(back)
	strong := slices.ContainsFunc(o.releases, func(r *oracleRelease) bool { return len(r.blames) > 0 })
	for _, i := range incidents {
		if strong {
			break
		}
		if i.cause != "" || len(i.refs) > 1 {
			continue // Somebody knows better, or it is not of this service alone.
		}
		var last *oracleRelease
		for _, r := range o.live {
			if !r.introduced.After(i.row.StartedAt) {
				last = r
			}
		}
		if last != nil && i.row.StartedAt.Sub(last.row.FinishedAt) < 24*time.Hour {
			o.mark(i, last, rankTime, schema.FailureTime)
		}
	}
	for _, i := range incidents {
		if i.of == nil || i.row.Rule != schema.FailureExplicit || i.row.ResolvedAt == nil || i.row.Excluded != "" {
			continue
		}
		var last *oracleRelease
		for _, r := range o.live {
			end := r.row.FinishedAt
			if r.began > i.of.began && o.isFresh(r) && end.After(i.row.StartedAt) && !end.After(*i.row.ResolvedAt) && (last == nil || !end.Before(last.row.FinishedAt)) {
				last = r
			}
		}
		if last != nil {
			o.rework(last, rankIncident, schema.ReworkIncident, i.row.IncidentID)
		}
	}
	var out derive.Output
	for _, r := range o.releases {
		r.settle()
		out.Releases = append(out.Releases, r.row)
	}
	for _, c := range o.changes {
		out.Changes = append(out.Changes, *c)
	}
	for _, i := range incidents {
		out.Incidents = append(out.Incidents, i.row)
	}
	slices.SortFunc(out.Releases, func(a, b schema.Release) int { return cmp.Compare(a.ReleaseID, b.ReleaseID) })
	slices.SortFunc(out.Changes, func(a, b schema.ChangeDeployed) int { return cmp.Compare(a.ChangeID, b.ChangeID) })
	slices.SortFunc(out.Incidents, func(a, b schema.Incident) int { return cmp.Compare(a.IncidentID, b.IncidentID) })
	return out
}

func (o *oracle) mark(i *oracleIncident, r *oracleRelease, rank int, rule string) {
	i.of, i.row.ReleaseID, i.row.Rule = r, r.row.ReleaseID, rule
	r.blames = append(r.blames, oracleBlame{rank, rule, i.row.StartedAt, i.row.IncidentID})
	if i.row.ResolvedAt != nil && i.row.Excluded == "" {
		r.mends = append(r.mends, oracleBlame{0, schema.RecoveryResolved, *i.row.ResolvedAt, i.row.IncidentID})
	}
}

func (r *oracleRelease) settle() {
	if len(r.blames) == 0 {
		return
	}
	slices.SortFunc(r.blames, func(a, b oracleBlame) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), a.at.Compare(b.at), cmp.Compare(a.evidence, b.evidence))
	})
	b := r.blames[0]
	r.row.Failed, r.row.FailureRule, r.row.FailureEvidence, r.row.FailedAt = 1, b.rule, b.evidence, &b.at
	if len(r.mends) == 0 {
		return
	}
	slices.SortFunc(r.mends, func(a, b oracleBlame) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.rank, b.rank), cmp.Compare(a.evidence, b.evidence))
	})
	m := r.mends[0]
	r.row.RecoveredAt, r.row.RecoveryRule, r.row.RecoveryEvidence = &m.at, m.rule, m.evidence
	if m.at.Before(r.row.FinishedAt) {
		r.row.Excluded = schema.ExcludedNegative
	}
}

// isFresh: the release brought commits, or a version, that was not there before.
func (o *oracle) isFresh(r *oracleRelease) bool {
	if r.row.CommitKnown == 1 {
		for s := range r.content {
			if !r.before[s] {
				return true
			}
		}
		return false
	}
	for _, e := range o.live[:r.order] {
		if e.key == r.key {
			return false
		}
	}
	return true
}

func (o *oracle) rework(r *oracleRelease, rank int, rule, evidence string) {
	ranks := map[string]int{schema.FailureRollback: rankRollback, schema.FailureRevert: rankRevert, schema.FailureHotfix: rankHotfix, schema.ReworkIncident: rankIncident}
	if r.row.Rework == 0 || rank < ranks[r.row.ReworkRule] || (rule == r.row.ReworkRule && evidence < r.row.ReworkEvidence) {
		r.row.Rework, r.row.ReworkRule, r.row.ReworkEvidence = 1, rule, evidence
	}
}

func within(a, b *oracleRelease) bool {
	return a.row.CommitKnown == 1 && b.row.CommitKnown == 1 && b.content[a.row.Commit]
}

// goBack finds rollbacks, environment by environment.
func (o *oracle) goBack() map[*oracleRelease]bool {
	taken := map[*oracleRelease][]*oracleRelease{}
	back := map[*oracleRelease]bool{}
	for _, env := range []string{"production", "prod-eu", "prod-us"} {
		arrival, begun := map[*oracleRelease]time.Time{}, map[*oracleRelease]time.Time{}
		var seq []*oracleRelease
		for _, r := range o.live {
			for _, d := range r.tries {
				if d.Environment == env && d.Status == schema.StatusSuccess {
					arrival[r], begun[r] = *d.FinishedAt, d.CreatedAt
					seq = append(seq, r)
					break
				}
			}
		}
		slices.SortFunc(seq, func(a, b *oracleRelease) int {
			return cmp.Or(arrival[a].Compare(arrival[b]), cmp.Compare(a.order, b.order))
		})
		firstSeen := func(key string) int {
			return slices.IndexFunc(seq, func(r *oracleRelease) bool { return r.key == key })
		}
		for k, r := range seq {
			isBack := false
			if k > 0 {
				live := seq[k-1]
				if live.key == r.key {
					continue
				}
				older := within(r, live) || (!within(live, r) && firstSeen(r.key) < firstSeen(live.key))
				isBack = older && !begun[r].Before(begun[live])
			}
			if !isBack && !r.flagged {
				continue
			}
			back[r] = true
			start := 0
			for j := range k {
				if seq[j].key == r.key || within(seq[j], r) {
					start = j + 1
				}
			}
			if !isBack && k > 0 && (start == k || start == 0) {
				start = k - 1
			}
			taken[r] = append(taken[r], seq[start:k]...)
		}
	}
	for _, r := range o.live {
		if !back[r] {
			continue
		}
		evidence := r.row.ReleaseID
		if len(taken[r]) > 0 {
			first := slices.MinFunc(taken[r], func(a, b *oracleRelease) int { return cmp.Compare(a.order, b.order) })
			first.blames = append(first.blames, oracleBlame{rankRollback, schema.FailureRollback, r.introduced, r.row.ReleaseID})
			evidence = first.row.ReleaseID
		}
		for _, t := range taken[r] {
			t.mends = append(t.mends, oracleBlame{1, schema.RecoveryRollback, r.row.FinishedAt, r.row.ReleaseID})
		}
		o.rework(r, rankRollback, schema.FailureRollback, evidence)
	}
	return back
}

// undone lists the changes and the merge commits without request that a change
// takes back.
func (o *oracle) undone(id string) []string {
	var refs, shas []string
	if m := o.requests[id]; m != nil {
		for _, ref := range o.facts[id].Reverts {
			if o.requests[ref] != nil {
				refs = append(refs, ref)
			}
		}
		shas = append(append(append(shas, m.result...), m.branch...), m.merge)
	} else {
		shas = []string{strings.TrimPrefix(id, repo+"@")}
	}
	for _, s := range shas {
		for _, r := range o.commits[s].Reverts {
			if o.commits[r] == nil {
				continue
			}
			if target := o.changeOf(r); target != "" {
				refs = append(refs, target)
			} else {
				refs = append(refs, "commit "+r)
			}
		}
	}
	return slices.DeleteFunc(refs, func(r string) bool { return r == id })
}

func (o *oracle) repair(back map[*oracleRelease]bool) {
	var latest *oracleRelease
	for _, f := range o.live {
		for id, row := range o.changes {
			if o.at[id] != f {
				continue
			}
			reverted := false
			for _, t := range o.undone(id) {
				var broke *oracleRelease
				deployed := false
				if sha, isCommit := strings.CutPrefix(t, "commit "); isCommit {
					for _, r := range o.live {
						if r.content[sha] {
							deployed = r != f
							broke = r
							break
						}
					}
					deployed = deployed && broke.order < f.order
					if broke != nil && broke.row.Baseline == 1 {
						broke = nil
					}
				} else if len(o.undone(t)) == 0 {
					r := o.at[t]
					deployed = r != nil && r.order < f.order && (o.claimed[t] || (r.row.Baseline == 1 && o.isChange[t]))
					if o.claimed[t] {
						broke = r
					}
				}
				if !deployed {
					continue
				}
				reverted = true
				o.rework(f, rankRevert, schema.FailureRevert, id)
				if broke != nil {
					broke.blames = append(broke.blames, oracleBlame{rankRevert, schema.FailureRevert, f.introduced, row.ChangeID})
					broke.mends = append(broke.mends, oracleBlame{2, schema.RecoveryFix, f.row.FinishedAt, f.row.ReleaseID})
				}
			}
			if reverted || o.requests[id] == nil || !slices.Contains(o.facts[id].Labels, "Hotfix") {
				continue
			}
			o.rework(f, rankHotfix, schema.FailureHotfix, id)
			if latest != nil {
				latest.blames = append(latest.blames, oracleBlame{rankHotfix, schema.FailureHotfix, f.introduced, row.ChangeID})
				latest.mends = append(latest.mends, oracleBlame{2, schema.RecoveryFix, f.row.FinishedAt, f.row.ReleaseID})
			}
		}
		if o.isFresh(f) && !back[f] {
			latest = f
		}
	}
}

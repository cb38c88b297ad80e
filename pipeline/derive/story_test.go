package derive_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// The scenarios (scenario_*_test.go) are told with a world: what was committed,
// merged, deployed and what broke, with times such as "15:00" or "2d 15:00" of a
// made-up month. account turns what was derived into sentences, one a release
// and one an incident, in the order in which they happened; a scenario ends with
// the account that it expects.

// commits adds commits in a row on top of a parent ("" for none), each as
// "sha time".
func (w *world) commits(parent string, each ...string) {
	w.t.Helper()
	for _, e := range each {
		sha, when, _ := strings.Cut(e, " ")
		if parent == "" {
			w.commit(sha, when)
		} else {
			w.commit(sha, when, parent)
		}
		parent = sha
	}
}

// deploys adds successful production deployments, each as "id commit time".
func (w *world) deploys(each ...string) {
	w.t.Helper()
	for _, e := range each {
		part := strings.SplitN(e, " ", 3)
		w.deploy(part[0], part[1], part[2])
	}
}

// deployTo adds a deployment to an environment that ended in a status.
func (w *world) deployTo(env, status, id, commit, finished string) {
	w.t.Helper()
	d := w.deploy(id, commit, finished)
	d.Environment, d.Status = env, status
}

// outage adds an incident from its beginning to its end ("" while it is open).
// cause is what the responders hold responsible, or "".
func (w *world) outage(id, from, to, cause string) {
	w.t.Helper()
	w.incident(id, schema.IncidentTriggered, from).Cause = cause
	if to != "" {
		w.incident(id, schema.IncidentResolved, to)
	}
}

// tells derives the world and compares the account, line by line, the
// indentation apart.
func (w *world) tells(want string) {
	w.t.Helper()
	wantAccount(w.t, w.derive(), want)
}

func wantAccount(t *testing.T, out derive.Output, want string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(want), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	if d := cmp.Diff(lines, account(out)); d != "" {
		t.Errorf("expected (-) and derived (+):\n%s", d)
	}
}

// account tells what was derived: releases by when they finished, then incidents,
// then the change failure rate. The parts of a sentence that hold nothing are
// left out.
func account(out derive.Output) []string {
	var lines []string
	releases := slices.Clone(out.Releases)
	slices.SortFunc(releases, func(a, b schema.Release) int {
		if c := a.FinishedAt.Compare(b.FinishedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ReleaseID, b.ReleaseID)
	})
	failed, reached := 0, 0
	for _, r := range releases {
		lines = append(lines, releaseSentence(r, out.Changes))
		failed += int(r.Failed)
		if r.Succeeded == 1 || r.Failed == 1 {
			reached++
		}
	}
	for _, i := range out.Incidents {
		lines = append(lines, incidentSentence(i))
	}
	return append(lines, fmt.Sprintf("%d of %d failed", failed, reached))
}

// releaseSentence is "r2 11:00 deploys #1 after 2h, a2 after 1h; failed: rollback
// r3, recovered 12:00 by rollback r3".
func releaseSentence(r schema.Release, changes []schema.ChangeDeployed) string {
	head := r.ReleaseID + " " + clock(r.FinishedAt)
	var marks []string
	mark := func(on bool, s string) {
		if on {
			marks = append(marks, s)
		}
	}
	mark(r.Succeeded == 0, "never in production")
	mark(r.CommitKnown == 0, "commit unknown")
	mark(r.Baseline == 1, "baseline")
	mark(r.Excluded != "", r.Excluded)
	if len(marks) > 0 {
		head += " (" + strings.Join(marks, ", ") + ")"
	}
	if len(r.Deployments) > 1 {
		head += " in " + strings.Join(r.Environments, "+")
	}
	var deployed []string
	for _, c := range changes {
		if c.ReleaseID == r.ReleaseID {
			deployed = append(deployed, changeWords(c))
		}
	}
	if len(deployed) > 0 {
		head += " deploys " + strings.Join(deployed, ", ")
	}
	if r.Failed == 1 {
		head += fmt.Sprintf("; failed: %s %s", r.FailureRule, r.FailureEvidence)
		if r.RecoveredAt != nil {
			head += fmt.Sprintf(", recovered %s by %s %s", clock(*r.RecoveredAt), r.RecoveryRule, r.RecoveryEvidence)
		}
	}
	if r.Rework == 1 {
		head += fmt.Sprintf("; rework: %s %s", r.ReworkRule, r.ReworkEvidence)
	}
	return head
}

// changeWords is "#1 after 2h", with the rule when it is not the plain one.
func changeWords(c schema.ChangeDeployed) string {
	words := strings.TrimPrefix(strings.TrimPrefix(c.ChangeID, c.Repo), "@")
	if c.Rule == schema.LinkCherryPick {
		words += " by cherry-pick"
	}
	if c.LeadSeconds == nil {
		return words + " (" + c.Excluded + ")"
	}
	return words + " after " + brief(seconds(*c.LeadSeconds))
}

func incidentSentence(i schema.Incident) string {
	s := "incident " + i.IncidentID
	if i.ReleaseID != "" {
		s += " marks " + i.ReleaseID + " (" + i.Rule + ")"
	} else {
		s += " marks no release"
	}
	if i.ResolvedAt == nil {
		return s + ", open"
	}
	s += ", lasted " + brief(i.ResolvedAt.Sub(i.StartedAt))
	if i.Reopened > 0 {
		s += fmt.Sprintf(", reopened %d×", i.Reopened)
	}
	return s
}

// clock is a time as scenarios write it.
func clock(t time.Time) string {
	if days := int(t.Sub(day) / (24 * time.Hour)); days > 0 {
		return fmt.Sprintf("%dd %s", days, t.Format("15:04"))
	}
	return t.Format("15:04")
}

// brief is a duration in hours and minutes without what is zero: "2h", "1h30m".
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

package derive_test

import (
	"fmt"
	"testing"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// verdicts says of each release that failed or is rework which rule says so and
// by what evidence: "failed by rollback d4", "rework by rollback d2".
func verdicts(out derive.Output) map[string]string {
	got := map[string]string{}
	for _, r := range out.Releases {
		if r.Failed != 0 {
			got[r.ReleaseID] = "failed by " + r.FailureRule + " " + r.FailureEvidence
		}
		if r.Rework != 0 {
			got[r.ReleaseID] += " rework by " + r.ReworkRule + " " + r.ReworkEvidence
		}
	}
	return got
}

func wantVerdicts(t *testing.T, out derive.Output, want map[string]string) {
	t.Helper()
	if got := verdicts(out); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("verdicts %v, want %v", got, want)
	}
}

func TestRollbacks(t *testing.T) {
	t.Parallel()
	const ok, failed = schema.StatusSuccess, schema.StatusFailure
	on := func(id, commit, when string) deployed { return deployed{id, commit, "prod", ok, when} }
	for name, c := range map[string]struct {
		deployments []deployed
		flagged     string
		want        map[string]string
	}{
		"V1→V2→V3→V1 fails V2, the first after the version restored": {
			[]deployed{on("d1", "a1", "10:00"), on("d2", "a2", "11:00"), on("d3", "a3", "12:00"), on("d4", "a1", "13:00")},
			"",
			map[string]string{"d2": "failed by rollback d4", "d4": " rework by rollback d2"},
		},
		"V1→V2→V3→V2 fails V3": {
			[]deployed{on("d1", "a1", "10:00"), on("d2", "a2", "11:00"), on("d3", "a3", "12:00"), on("d4", "a2", "13:00")},
			"",
			map[string]string{"d3": "failed by rollback d4", "d4": " rework by rollback d3"},
		},
		"V1→V1 is no rollback": {
			[]deployed{on("d1", "a1", "10:00"), on("d2", "a1", "19:00")},
			"d2",
			map[string]string{},
		},
		"going back to what never was deployed is one": {
			[]deployed{on("d1", "a1", "10:00"), on("d2", "a3", "11:00"), on("d3", "a2", "12:00")},
			"",
			map[string]string{"d2": "failed by rollback d3", "d3": " rework by rollback d2"},
		},
		"undoing a rollback goes forward": {
			[]deployed{on("d1", "a1", "10:00"), on("d2", "a2", "11:00"), on("d3", "a1", "12:00"), on("d4", "a2", "13:00")},
			"",
			map[string]string{"d2": "failed by rollback d3", "d3": " rework by rollback d2"},
		},
		"after undoing it, the same version may fail again": {
			[]deployed{on("d1", "a1", "10:00"), on("d2", "a2", "11:00"), on("d3", "a1", "12:00"), on("d4", "a2", "13:00"), on("d5", "a1", "14:00")},
			"",
			map[string]string{"d2": "failed by rollback d3", "d3": " rework by rollback d2", "d4": "failed by rollback d5", "d5": " rework by rollback d4"},
		},
		"a failed attempt never was in production": {
			[]deployed{on("d1", "a1", "10:00"), {"d2", "a2", "prod", failed, "11:00"}, on("d3", "a1", "19:00")},
			"",
			map[string]string{},
		},
		"a version promoted late is no rollback": {
			[]deployed{
				{"d1", "a1", "prod-canary", ok, "10:00"},
				{"d2", "a2", "prod-canary", ok, "11:00"},
				{"d3", "a1", "prod-main", ok, "19:00"},
				{"d4", "a2", "prod-main", ok, "20:00"},
			},
			"",
			map[string]string{},
		},
		"one environment that goes back is enough": {
			[]deployed{
				{"d1", "a1", "prod-eu", ok, "10:00"},
				{"d2", "a1", "prod-us", ok, "10:00"},
				{"d3", "a2", "prod-eu", ok, "11:00"},
				{"d4", "a2", "prod-us", ok, "11:10"},
				{"d5", "a1", "prod-us", ok, "12:00"},
			},
			"",
			map[string]string{"d3": "failed by rollback d5", "d5": " rework by rollback d3"},
		},
		"versions without commits repeat": {
			[]deployed{on("d1", "", "10:00"), on("d2", "", "11:00"), on("d3", "", "12:00"), on("d4", "", "13:00")},
			"",
			map[string]string{"d2": "failed by rollback d4", "d4": " rework by rollback d2"},
		},
		"the sender knows it of a version never seen": {
			[]deployed{on("d1", "a1", "10:00"), on("d2", "a2", "11:00"), on("d3", "unknown", "12:00")},
			"d3",
			map[string]string{"d2": "failed by rollback d3", "d3": " rework by rollback d2"},
		},
		"the sender says it of the only release": {
			[]deployed{on("d1", "a1", "10:00")},
			"d1",
			map[string]string{"d1": " rework by rollback d1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.line(3)
			w.deployAll(c.deployments...)
			for i := range w.in.Deployments {
				d := &w.in.Deployments[i]
				if d.Commit == "" {
					d.Version = []string{"1.0", "1.1", "1.2", "1.0"}[i]
				}
				if d.DeploymentID == c.flagged {
					d.IsRollback = 1
				}
			}
			out := w.derive()
			wantVerdicts(t, out, c.want)
			for _, r := range out.Releases {
				if r.FailureRule == schema.FailureRollback && (r.RecoveredAt == nil || r.RecoveryRule != schema.RecoveryRollback || r.RecoveryEvidence != r.FailureEvidence || r.FailedAt == nil) {
					t.Errorf("recovery: %+v", r)
				}
			}
		})
	}
}

func TestAHotfixBranchAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit("a1", "01:00")
	w.commit("a2", "02:00", "a1")
	w.commit("h1", "03:00", "a1") // A branch from the version in production.
	w.commit("m1", "04:00", "a2", "h1")
	w.deploy("d1", "a1", "10:00")
	w.deploy("d2", "h1", "11:00")
	w.deploy("d3", "a2", "12:00") // Has not the fix, and is new: neither forward nor back.
	w.deploy("d4", "m1", "13:00")
	wantVerdicts(t, w.derive(), map[string]string{})
	w.deploy("d5", "h1", "14:00") // An ancestor of what was live.
	wantVerdicts(t, w.derive(), map[string]string{"d3": "failed by rollback d5", "d5": " rework by rollback d3"})
}

// broken is three releases d0, d1, d2 of the commits a1, a2 and a fix x on top.
func broken(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.line(2)
	w.commit("fix0000", "11:00", "a2")
	w.deploy("d0", "a1", "09:00")
	w.deploy("d1", "a2", "10:00")
	w.deploy("d2", "fix0000", "12:00")
	return w
}

func TestRevertsAndHotfixes(t *testing.T) {
	t.Parallel()
	fix := func(w *world) *schema.Change {
		q := w.request(1, "fix0000", "10:30", "11:00")
		q.HeadSHA = "gone"
		return q
	}
	byRevert := map[string]string{"d1": "failed by revert " + repo + "#1", "d2": " rework by revert " + repo + "#1"}
	for name, c := range map[string]struct {
		change func(w *world)
		want   map[string]string
	}{
		"a commit reverts a commit": {
			func(w *world) { w.rep.Commits[2].Reverts = []string{"a2"} },
			map[string]string{"d1": "failed by revert " + repo + "@fix0000", "d2": " rework by revert " + repo + "@fix0000"},
		},
		"a request whose commit says so": {
			func(w *world) { fix(w); w.rep.Commits[2].Reverts = []string{"a2"} }, byRevert,
		},
		"a request that names the commit": {
			func(w *world) { fix(w).Reverts = []string{"a2"} }, byRevert,
		},
		"a request that names a request": {
			func(w *world) { fix(w).Reverts = []string{changeID(2)}; w.request(2, "a2", "00:00", "09:30") }, byRevert,
		},
		"a revert of what a baseline holds blames nobody": {
			func(w *world) { fix(w).Reverts = []string{"a1"} },
			map[string]string{"d2": " rework by revert " + repo + "#1"},
		},
		"a revert of what nobody knows is an ordinary change": {
			func(w *world) { fix(w).Reverts = []string{"fffffff"} }, map[string]string{},
		},
		"a hotfix label blames the release before": {
			func(w *world) { fix(w).Labels = []string{"ops", " HotFix"} },
			map[string]string{"d1": "failed by hotfix " + repo + "#1", "d2": " rework by hotfix " + repo + "#1"},
		},
		"a revert with a hotfix label is a revert": {
			func(w *world) { q := fix(w); q.Reverts, q.Labels = []string{"a2"}, []string{"hotfix"} }, byRevert,
		},
		"the change and its revert in one release never failed": {
			func(w *world) { fix(w).Reverts = []string{"a2"}; w.in.Deployments[1].Status = schema.StatusFailure }, map[string]string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := broken(t)
			c.change(w)
			out := w.derive()
			wantVerdicts(t, out, c.want)
			if d1 := releaseOf(t, out, "d1"); d1.Failed != 0 && (d1.RecoveryRule != schema.RecoveryFix || d1.RecoveryEvidence != "d2" || !d1.RecoveredAt.Equal(at(t, "12:00"))) {
				t.Errorf("%+v", d1)
			}
		})
	}
}

func TestRevertingARevertBlamesNothing(t *testing.T) {
	t.Parallel()
	w := broken(t)
	w.rep.Commits[2].Reverts = []string{"a2"}
	w.commit("again", "13:00", "fix0000").Reverts = []string{"fix0000"}
	w.deploy("d3", "again", "14:00")
	wantVerdicts(t, w.derive(), map[string]string{"d1": "failed by revert " + repo + "@fix0000", "d2": " rework by revert " + repo + "@fix0000"})
}

func TestAHotfixBlamesWhatBroughtSomethingNew(t *testing.T) {
	t.Parallel()
	w := broken(t)
	w.in.Deployments[2].FinishedAt = new(at(t, "15:00"))
	w.deploy("back", "a1", "11:00")
	w.deploy("again", "a1", "20:00")
	w.in.Deployments[2].FinishedAt = new(at(t, "21:00"))
	w.request(1, "fix0000", "10:30", "11:00").Labels = []string{"hotfix"}
	// The hotfix repairs d1, not the rollback or its repetition.
	out := w.derive()
	wantVerdicts(t, out, map[string]string{
		"d1": "failed by rollback back", "back": " rework by rollback d1", "d2": " rework by hotfix " + repo + "#1",
	})
	if r := releaseOf(t, out, "d1"); r.RecoveryRule != schema.RecoveryRollback || !r.RecoveredAt.Equal(at(t, "11:00")) {
		t.Errorf("the earlier recovery counts: %+v", r)
	}
}

func TestIncidentsThatNameTheirCause(t *testing.T) {
	t.Parallel()
	for cause, want := range map[string]string{
		"d1":           "d1",    // A deployment.
		"d2-eu":        "d2",    // A deployment that is not the first of its release.
		"a200000":      "d1",    // A commit,
		"a20000":       "",      // abbreviated too much,
		"v2":           "d1",    // a version,
		"2":            "d1",    // without its v,
		repo + "#1":    "d1",    // a request,
		"b100000":      "d1",    // a commit of it,
		repo + "@a3":   "d2",    // a commit without request,
		"a100000":      "d0",    // the commit of a baseline, but
		"a000000":      "",      // not what a baseline contains;
		"fails":        "fails", // an attempt that failed.
		"something":    "",
		"":             "",
		repo + "#9":    "",
		repo + "@none": "",
	} {
		t.Run("cause "+cause, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.commit("a000000", "01:00")
			w.commit("a100000", "01:30", "a000000")
			w.commit("b100000", "02:00", "a100000")
			w.commit("a200000", "03:00", "a100000", "b100000")
			w.request(1, "a200000", "02:30", "03:00").HeadSHA = "b100000"
			w.commit("a3", "04:00", "a200000")
			w.deploy("d0", "a100000", "09:00")
			w.deploy("d1", "a200000", "10:00").Version = "v2"
			w.deploy("d2", "a3", "11:00")
			w.deploy("d2-eu", "a3", "11:10").Environment = "prod-eu"
			w.deploy("fails", "never", "11:30").Status = schema.StatusFailure
			w.opt.TimeRule = derive.TimeRuleOff
			w.incident("i1", schema.IncidentTriggered, "12:00").Cause = cause
			out := w.derive()
			if i := out.Incidents[0]; i.ReleaseID != want || (i.Rule == schema.FailureExplicit) != (want != "") {
				t.Errorf("marks %q by %q, want %q", i.ReleaseID, i.Rule, want)
			}
			for _, r := range out.Releases {
				if (r.Failed == 1) != (r.ReleaseID == want) {
					t.Errorf("%s failed %d", r.ReleaseID, r.Failed)
				}
			}
		})
	}
}

func TestACauseDeployedTwiceIsTheLatestBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(1)
	w.deploy("d1", "a1", "01:00")
	w.deploy("d2", "a1", "06:00")
	w.deploy("d3", "a1", "12:00")
	w.incident("i1", schema.IncidentTriggered, "07:00").Cause = "a1"
	w.incident("i2", schema.IncidentTriggered, "00:30").Cause = "a1"
	out := w.derive()
	if a, b := out.Incidents[0].ReleaseID, out.Incidents[1].ReleaseID; a != "d2" || b != "d1" {
		t.Errorf("marked %s and %s", a, b)
	}
}

func TestNineReleasesThreeFailuresSevenIncidents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(9)
	for i := range 9 {
		w.deploy(fmt.Sprint("d", i+1), fmt.Sprint("a", i+1), fmt.Sprintf("%02d:00", i+1))
	}
	for i, cause := range []string{"d2", "d2", "d2", "d5", "d5", "d8", "d8"} {
		id := fmt.Sprint("i", i)
		w.incident(id, schema.IncidentTriggered, "10:00").Cause = cause
		w.incident(id, schema.IncidentResolved, fmt.Sprintf("1%d:00", i+1))
	}
	out := w.derive()
	failed := 0
	for _, r := range out.Releases {
		failed += int(r.Failed)
	}
	if failed != 3 || len(out.Releases) != 9 {
		t.Errorf("%d of %d releases failed, want 3 of 9", failed, len(out.Releases))
	}
	if r := releaseOf(t, out, "d5"); r.FailureEvidence != "i3" || r.RecoveryRule != schema.RecoveryResolved || !r.RecoveredAt.Equal(at(t, "14:00")) {
		t.Errorf("of several incidents the first to be resolved counts: %+v", r)
	}
}

func TestTheHeuristicByTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		began  string
		change func(w *world)
		want   string
	}{
		"the release live when it began": {"11:00", nil, "d1"},
		"not the next one's":             {"12:00", nil, "d2"},
		"within the window":              {"1d 11:59", nil, "d2"},
		"not when it ends":               {"1d 12:00", nil, ""},
		"not before the first":           {"08:00", nil, ""},
		"not when it is off":             {"11:00", func(w *world) { w.opt.TimeRule = derive.TimeRuleOff }, ""},
		"not when there is a rollback":   {"11:00", func(w *world) { w.deploy("d3", "a1", "18:00") }, ""},
		"not when an incident names":     {"11:00", func(w *world) { w.incident("i2", schema.IncidentTriggered, "13:00").Cause = "d2" }, ""},
		"not when it has been withdrawn": {"11:00", func(w *world) { w.incident("i1", schema.IncidentDeleted, "13:00") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := broken(t)
			w.incident("i1", schema.IncidentTriggered, c.began)
			if c.change != nil {
				c.change(w)
			}
			out := w.derive()
			for _, r := range out.Releases {
				if (r.FailureRule == schema.FailureTime) != (r.ReleaseID == c.want) {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

func TestTheStrongestEvidenceIsStored(t *testing.T) {
	t.Parallel()
	w := broken(t)
	w.request(1, "fix0000", "10:30", "11:00").Reverts = []string{"a2"}
	w.deploy("d3", "a1", "13:00") // Takes out d1 and d2.
	out := w.derive()
	if r := releaseOf(t, out, "d1"); r.FailureRule != schema.FailureRollback || r.RecoveryRule != schema.RecoveryFix {
		t.Errorf("rollback beats revert, and the earlier fix ends it: %+v", r)
	}
	i := w.incident("i1", schema.IncidentTriggered, "10:10")
	i.Cause, i.URL = "d1", "https://pager.example/i1"
	w.incident("i1", schema.IncidentResolved, "11:30")
	r := releaseOf(t, w.derive(), "d1")
	if r.FailureRule != schema.FailureExplicit || r.FailureEvidence != "i1" || r.FailureURL != "https://pager.example/i1" || !r.FailedAt.Equal(at(t, "10:10")) ||
		r.RecoveryRule != schema.RecoveryResolved || !r.RecoveredAt.Equal(at(t, "11:30")) {
		t.Errorf("an incident that names it beats all: %+v", r)
	}
}

func TestRecoveryBeforeTheReleaseFinishedIsExcluded(t *testing.T) {
	t.Parallel()
	w := broken(t)
	w.incident("i1", schema.IncidentTriggered, "09:10").Cause = "d1"
	w.incident("i1", schema.IncidentResolved, "09:50")
	if r := releaseOf(t, w.derive(), "d1"); r.Failed != 1 || r.Excluded != schema.ExcludedNegative || r.RecoveredAt == nil {
		t.Errorf("%+v", r)
	}
}

func TestTheReleaseThatEndsANamedIncidentIsRework(t *testing.T) {
	t.Parallel()
	w := broken(t)
	w.commit("next", "12:30", "fix0000")
	w.deploy("d3", "next", "13:00")
	w.incident("i1", schema.IncidentTriggered, "10:30").Cause = "d1"
	wantVerdicts(t, w.derive(), map[string]string{"d1": "failed by explicit i1"}) // Still open.
	w.incident("i1", schema.IncidentResolved, "12:20")
	wantVerdicts(t, w.derive(), map[string]string{"d1": "failed by explicit i1", "d2": " rework by incident i1"})
}

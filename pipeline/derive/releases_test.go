package derive_test

import (
	"slices"
	"testing"
	"time"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// deployed is a short way to write deployments down: id, commit, environment,
// status and when it finished.
type deployed struct{ id, commit, env, status, at string }

func (w *world) deployAll(ds ...deployed) {
	w.t.Helper()
	for _, d := range ds {
		x := w.deploy(d.id, d.commit, d.at)
		x.Environment, x.Status = d.env, d.status
	}
}

// line makes a straight history a1 … an, a minute apart.
func (w *world) line(n int) {
	w.t.Helper()
	parents := []string{}
	for i := range n {
		sha := "a" + string(rune('1'+i))
		c := w.commit(sha, "00:00", parents...)
		c.AuthoredAt = c.AuthoredAt.Add(time.Duration(i) * time.Minute)
		parents = []string{sha}
	}
}

func TestReleasesAreFansOfDeployments(t *testing.T) {
	t.Parallel()
	const ok, failed, cancelled, running = schema.StatusSuccess, schema.StatusFailure, schema.StatusCancelled, schema.StatusRunning
	type want struct {
		id          string
		deployments []string
		finished    string
		succeeded   uint8
	}
	for name, c := range map[string]struct {
		deployments []deployed
		want        []want
	}{
		"two environments in one fan-out are one release": {
			[]deployed{{"d1", "a1", "prod-eu", ok, "10:00"}, {"d2", "a1", "prod-us", ok, "11:30"}},
			[]want{{"d1", []string{"d1", "d2"}, "11:30", 1}},
		},
		"the same version after the window is deployed anew": {
			[]deployed{{"d1", "a1", "prod", ok, "10:00"}, {"d2", "a1", "prod", ok, "14:01"}},
			[]want{{"d1", []string{"d1"}, "10:00", 1}, {"d2", []string{"d2"}, "14:01", 1}},
		},
		"the window counts from the first deployment, its end included": {
			[]deployed{{"d1", "a1", "prod-1", ok, "10:00"}, {"d2", "a1", "prod-2", ok, "13:00"}, {"d3", "a1", "prod-3", ok, "14:00"}, {"d4", "a1", "prod-4", ok, "14:01"}},
			[]want{{"d1", []string{"d1", "d2", "d3"}, "14:00", 1}, {"d4", []string{"d4"}, "14:01", 1}},
		},
		"a version put back within the window is a release of its own": {
			[]deployed{{"d1", "a1", "prod", ok, "10:00"}, {"d2", "a2", "prod", ok, "10:30"}, {"d3", "a1", "prod", ok, "11:00"}},
			[]want{{"d1", []string{"d1"}, "10:00", 1}, {"d2", []string{"d2"}, "10:30", 1}, {"d3", []string{"d3"}, "11:00", 1}},
		},
		"overlapping fan-outs stay apart and whole": {
			[]deployed{{"d1", "a1", "prod-eu", ok, "10:00"}, {"d2", "a2", "prod-eu", ok, "10:30"}, {"d3", "a1", "prod-us", ok, "10:40"}, {"d4", "a2", "prod-us", ok, "11:00"}},
			[]want{{"d1", []string{"d1", "d3"}, "10:40", 1}, {"d2", []string{"d2", "d4"}, "11:00", 1}},
		},
		"a failed attempt of another version interrupts nothing": {
			[]deployed{{"d1", "a1", "prod", ok, "10:00"}, {"d2", "a2", "prod", failed, "10:30"}, {"d3", "a1", "prod", ok, "11:00"}},
			[]want{{"d1", []string{"d1", "d3"}, "10:00", 1}, {"d2", []string{"d2"}, "10:30", 0}},
		},
		"repeating a deployment moves nothing": {
			[]deployed{{"d1", "a1", "prod", ok, "10:00"}, {"d2", "a1", "prod", ok, "12:00"}},
			[]want{{"d1", []string{"d1", "d2"}, "10:00", 1}},
		},
		"a retry that succeeds makes the release succeed then": {
			[]deployed{{"d1", "a1", "prod", failed, "10:00"}, {"d2", "a1", "prod", ok, "10:20"}},
			[]want{{"d1", []string{"d1", "d2"}, "10:20", 1}},
		},
		"a fan-out that failed in one environment reached production in the other": {
			[]deployed{{"d1", "a1", "prod-eu", ok, "10:00"}, {"d2", "a1", "prod-us", failed, "10:05"}},
			[]want{{"d1", []string{"d1", "d2"}, "10:05", 1}},
		},
		"an attempt that failed everywhere is a release that did not succeed": {
			[]deployed{{"d1", "a1", "prod", failed, "10:00"}},
			[]want{{"d1", []string{"d1"}, "10:00", 0}},
		},
		"a cancelled attempt takes no part": {
			[]deployed{{"d1", "a1", "prod-eu", ok, "10:00"}, {"d2", "a1", "prod-us", cancelled, "11:00"}, {"d3", "a2", "prod-us", cancelled, "12:00"}},
			[]want{{"d1", []string{"d1"}, "10:00", 1}},
		},
		"running and staging are not releases": {
			[]deployed{{"d1", "a1", "prod", running, "10:00"}, {"d2", "a1", "staging", ok, "10:00"}, {"d3", "a1", "pre-prod", ok, "10:00"}},
			nil,
		},
		"one that finished earlier and arrived later names the release": {
			[]deployed{{"d9", "a1", "prod-us", ok, "11:00"}, {"d1", "a1", "prod-eu", ok, "10:00"}},
			[]want{{"d1", []string{"d1", "d9"}, "11:00", 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.line(2)
			w.deployAll(c.deployments...)
			out := w.derive()
			if len(out.Releases) != len(c.want) {
				t.Fatalf("%d releases, want %d: %+v", len(out.Releases), len(c.want), out.Releases)
			}
			for _, x := range c.want {
				r := releaseOf(t, out, x.id)
				if !slices.Equal(r.Deployments, x.deployments) || !r.FinishedAt.Equal(at(t, x.finished)) || r.Succeeded != x.succeeded {
					t.Errorf("%s: %v finished %v succeeded %d", x.id, r.Deployments, r.FinishedAt, r.Succeeded)
				}
			}
		})
	}
}

func TestProductionIsRuleThenHintThenName(t *testing.T) {
	t.Parallel()
	pattern := func(s string) derive.Pattern {
		p, err := derive.NewPattern(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, c := range map[string]struct {
		rules     []derive.TierRule
		env, hint string
		want      int
	}{
		"the name":                        {nil, "Production", "", 1},
		"the hint beats the name":         {nil, "production", schema.TierStaging, 0},
		"a hint makes any name":           {nil, "blue", schema.TierProduction, 1},
		"a rule beats the hint":           {[]derive.TierRule{{Environment: pattern("blue"), Tier: schema.TierOther}}, "blue", schema.TierProduction, 0},
		"a rule needs the whole name":     {[]derive.TierRule{{Environment: pattern("blue"), Tier: schema.TierProduction}}, "blueish", "", 0},
		"a rule of another service":       {[]derive.TierRule{{Environment: pattern("blue"), Service: "pay", Tier: schema.TierProduction}}, "blue", "", 0},
		"a rule of this service and repo": {[]derive.TierRule{{Environment: pattern("b.*"), Service: service, Repo: repo, Tier: schema.TierProduction}}, "blue", "", 1},
		"the first rule that fits":        {[]derive.TierRule{{Environment: pattern("b.*"), Tier: schema.TierOther}, {Environment: pattern("blue"), Tier: schema.TierProduction}}, "blue", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.line(1)
			d := w.deploy("d1", "a1", "10:00")
			d.Environment, d.TierHint = c.env, c.hint
			w.opt.Tiers = c.rules
			if got := len(w.derive().Releases); got != c.want {
				t.Errorf("%d releases, want %d", got, c.want)
			}
		})
	}
}

func TestVersionsResolveToCommits(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"v1.0":       "a1b2c3d4e5",
		"1.0":        "a1b2c3d4e5", // As the tag v1.0.
		"v2.0":       "c2b2c3d4e5", // As the tag 2.0.
		"a1b2c3d":    "a1b2c3d4e5",
		"a1b2c3d4e5": "a1b2c3d4e5",
		"a1b2c3":     "", // Too short to be believed.
		"c2b2c3d":    "", // Two commits begin so.
		"build-7":    "",
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.commit("a1b2c3d4e5", "01:00")
			w.commit("c2b2c3d4e5", "02:00", "a1b2c3d4e5")
			w.commit("c2b2c3d000", "02:00", "a1b2c3d4e5")
			w.rep.Tags = []schema.Tag{{Repo: repo, Name: "v1.0", Commit: "a1b2c3d4e5"}, {Repo: repo, Name: "2.0", Commit: "c2b2c3d4e5"}}
			w.deploy("d1", "", "10:00").Version = version
			r := releaseOf(t, w.derive(), "d1")
			if r.Commit != want || (r.CommitKnown == 1) != (want != "") || r.DeployedVersion != version {
				t.Errorf("commit %q known %d version %q", r.Commit, r.CommitKnown, r.DeployedVersion)
			}
		})
	}
}

func TestTagsMadeTwiceAreOneRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(1)
	w.rep.Tags = []schema.Tag{{Repo: repo, Name: "v1.0", Commit: "a1"}, {Repo: repo, Name: "v1.0-again", Commit: "a1"}}
	w.deploy("d1", "", "10:00").Version = "v1.0"
	w.deploy("d2", "", "10:05").Version = "v1.0-again"
	if out := w.derive(); len(out.Releases) != 1 {
		t.Errorf("%+v", out.Releases)
	}
}

func TestDeploymentOfAnotherRepositoryKnowsNoCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(1)
	w.deploy("d1", "a1", "10:00").Repo = "git.example/acme/config"
	if r := releaseOf(t, w.derive(), "d1"); r.CommitKnown != 0 || r.Repo != "git.example/acme/config" || r.Commit != "a1" {
		t.Errorf("%+v", r)
	}
}

func TestAbsurdTimesAreFlaggedAndClaimNothing(t *testing.T) {
	t.Parallel()
	for name, when := range map[string]time.Time{"before": time.Unix(0, 0), "after": day.AddDate(1, 0, 0)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.line(3)
			w.deploy("d1", "a1", "10:00")
			w.deploy("d2", "a3", "11:00").FinishedAt = &when
			w.deploy("d3", "a3", "20:00")
			out := w.derive()
			if r := releaseOf(t, out, "d2"); r.Excluded != schema.ExcludedAbsurd || r.Changes != 0 || r.Baseline != 0 {
				t.Errorf("the absurd one: %+v", r)
			}
			if r := releaseOf(t, out, "d3"); r.Changes != 2 || r.Excluded != "" {
				t.Errorf("the next: %+v", r)
			}
		})
	}
}

func TestTimesFallBackOnWhatIsGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.line(1)
	d := w.deploy("d1", "a1", "10:00")
	started := at(t, "09:30")
	d.FinishedAt, d.StartedAt, d.CreatedAt = nil, &started, schema.MinTime
	if r := releaseOf(t, w.derive(), "d1"); !r.FinishedAt.Equal(started) || !r.StartedAt.Equal(started) {
		t.Errorf("started %v, finished %v", r.StartedAt, r.FinishedAt)
	}
}

func TestReorganisationDoesNotRewriteHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit("a1", "01:00")
	w.commit("a2", "02:00", "a1")
	w.commit("a3", "1d 02:00", "a2")
	w.in.Ownerships = []schema.Ownership{
		{ServiceID: service, ValidFrom: at(t, "1d 00:00"), TeamID: "new"},
		{ServiceID: service, ValidFrom: at(t, "12:00"), TeamID: "old"},
	}
	w.deploy("d0", "a1", "01:00") // Before the first row: the first owner.
	w.deploy("d1", "a2", "23:00")
	w.deploy("d2", "a3", "1d 03:00")
	w.incident("i1", schema.IncidentTriggered, "23:30")
	w.incident("i2", schema.IncidentTriggered, "1d 00:00")
	out := w.derive()
	for id, team := range map[string]string{"d0": "old", "d1": "old", "d2": "new"} {
		if r := releaseOf(t, out, id); r.TeamID != team {
			t.Errorf("%s belongs to %q", id, r.TeamID)
		}
	}
	if a, b := changeOf(t, out, repo+"@a2"), changeOf(t, out, repo+"@a3"); a.TeamID != "old" || b.TeamID != "new" {
		t.Errorf("changes belong to %q and %q", a.TeamID, b.TeamID)
	}
	if out.Incidents[0].TeamID != "old" || out.Incidents[1].TeamID != "new" {
		t.Errorf("incidents: %+v", out.Incidents)
	}
}

package metrics

import (
	"testing"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// june is a window that no test's other data touches.
func june(metric string, by ...Dimension) Request {
	return Request{Metric: metric, By: by, From: at("2026-06-01T00:00:00Z"), To: at("2026-06-11T00:00:00Z"), Zone: "UTC"}
}

// release is a successful production release of a service.
func release(service, team, id, finished string, edit ...func(*schema.Release)) schema.Release {
	r := schema.Release{
		DerivedMeta: schema.DerivedMeta{ServiceID: service, TeamID: team, Version: 1},
		ReleaseID:   id, StartedAt: at(finished), FinishedAt: at(finished), Succeeded: 1,
	}
	for _, f := range edit {
		f(&r)
	}
	return r
}

func failed(rule, evidence, recovered string) func(*schema.Release) {
	return func(r *schema.Release) {
		r.Failed, r.FailureRule, r.FailureEvidence = 1, rule, evidence
		if recovered != "" {
			r.RecoveredAt, r.RecoveryRule = new(at(recovered)), schema.RecoveryResolved
		}
	}
}

func unsuccessful(r *schema.Release) { r.Succeeded = 0 }

// change is a deployed change with a lead time.
func change(service, team, id, deployed string, lead time.Duration, edit ...func(*schema.ChangeDeployed)) schema.ChangeDeployed {
	c := schema.ChangeDeployed{
		DerivedMeta: schema.DerivedMeta{ServiceID: service, TeamID: team, Version: 1},
		ChangeID:    id, ReleaseID: "r", Kind: schema.ChangeKindRequest, Rule: schema.LinkAncestor, DeployedAt: at(deployed),
		LeadSeconds: new(lead.Seconds()),
	}
	for _, f := range edit {
		f(&c)
	}
	return c
}

func TestLeadTime(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.insert(t, schema.ChangeDeployedTable, []schema.ChangeDeployed{
		// Commits at 15:00 and 16:00, release at 19:00 (DEFINITIONS, "Worked examples").
		change("shop", "pay", "c1", "2026-06-02T19:00:00Z", 4*time.Hour),
		change("shop", "pay", "c2", "2026-06-02T19:00:00Z", 3*time.Hour),
		// Three requests that took 5, 7 and 50 minutes: the median is 7 by request.
		change("cart", "buy", "c3", "2026-06-03T10:00:00Z", 5*time.Minute),
		change("cart", "buy", "c4", "2026-06-03T10:00:00Z", 7*time.Minute),
		change("cart", "buy", "c5", "2026-06-03T10:00:00Z", 50*time.Minute),
		// Bad data is listed, never counted.
		change("cart", "buy", "c6", "2026-06-03T10:00:00Z", 0, func(c *schema.ChangeDeployed) {
			c.LeadSeconds, c.Excluded = nil, schema.ExcludedNegative
		}),
		// Outside: the end of a window is not in it.
		change("cart", "buy", "c7", "2026-06-11T00:00:00Z", time.Hour),
	})
	byTeam := w.get(t, june("lead_time", Team))
	if len(byTeam) != 2 || byTeam[0].Dims["team"] != "buy" || byTeam[1].Dims["team"] != "pay" {
		t.Fatalf("teams: %+v", byTeam)
	}
	wantNumber(t, "median of 5, 7 and 50 min", byTeam[0].Value, 7*60)
	wantNumber(t, "p90 of 5, 7 and 50 min", byTeam[0].P90, (7+0.8*43)*60)
	wantNumber(t, "median of 3 and 4 h", byTeam[1].Value, 3.5*3600)
	if all := w.total(t, june("lead_time")); all.N != 5 {
		t.Errorf("n = %d, want 5", all.N)
	}
	x := w.explain(t, june("lead_time", Team))
	if len(x.Counted) != 5 || len(x.Excluded) != 1 || x.Excluded[0].Subject != "c6" || x.Excluded[0].Excluded != schema.ExcludedNegative {
		t.Errorf("explanation: %+v", x)
	}
	// The changes of the first release seen do not exist; nothing is NULL, not 0.
	r := june("lead_time")
	r.Filters = map[Dimension][]string{Team: {"nobody"}}
	p := w.total(t, r)
	wantNull(t, "lead time without changes", p.Value)
	wantNull(t, "p90 without changes", p.P90)
}

func TestLeadTimeStages(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.insert(t, schema.ChangeDeployedTable, []schema.ChangeDeployed{
		change("shop", "pay", "c1", "2026-06-02T19:00:00Z", 10*time.Hour, func(c *schema.ChangeDeployed) {
			c.CodingSeconds, c.PickupSeconds, c.ReviewSeconds, c.DeploySeconds = new(100.), new(200.), new(300.), new(400.)
			c.MergeToProductionSecs = new(400.)
		}),
		// Merged without review.
		change("shop", "pay", "c2", "2026-06-02T19:00:00Z", 10*time.Hour, func(c *schema.ChangeDeployed) {
			c.CodingSeconds, c.DeploySeconds, c.MergeToProductionSecs = new(300.), new(600.), new(600.)
		}),
	})
	for metric, want := range map[string]struct {
		value float64
		n     uint64
	}{
		"lead_time_coding": {200, 2}, "lead_time_pickup": {200, 1}, "lead_time_review": {300, 1},
		"lead_time_deploy": {500, 2}, "merge_to_production": {500, 2},
	} {
		p := w.total(t, june(metric))
		wantNumber(t, metric, p.Value, want.value)
		if p.N != want.n {
			t.Errorf("%s: n = %d, want %d: a missing stage is NULL, not 0", metric, p.N, want.n)
		}
		if got := len(w.explain(t, june(metric)).Excluded); got != 2-int(want.n) {
			t.Errorf("%s: %d rows excluded", metric, got)
		}
	}
}

func TestDeploymentFrequency(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.insert(t, schema.ReleaseTable, []schema.Release{
		release("shop", "pay", "r1", "2026-06-01T00:00:00Z"),
		release("shop", "pay", "r2", "2026-06-01T23:59:59Z"),
		release("cart", "buy", "r3", "2026-06-01T23:59:59Z"), // The same minute, another service: two releases.
		release("shop", "pay", "r4", "2026-06-05T10:00:00Z"),
		release("shop", "pay", "r5", "2026-06-05T10:00:00Z", unsuccessful),
		release("old", "idle", "r6", "2025-01-01T10:00:00Z"),
		release("shop", "pay", "r7", "2026-06-11T00:00:00Z"),
	})
	p := w.total(t, june("deployment_frequency"))
	wantNumber(t, "releases per day", p.Value, 4./10)
	wantNumber(t, "numerator", p.Numerator, 4)
	wantNumber(t, "denominator", p.Denominator, 10)
	wantNumber(t, "share of days", w.total(t, june("deployment_days")).Value, 2./10)

	teams := w.get(t, june("deployment_frequency", Team))
	if len(teams) != 3 || teams[1].Dims["team"] != "idle" {
		t.Fatalf("teams: %+v", teams)
	}
	wantNumber(t, "a team that did not release", teams[1].Value, 0)

	r := june("deployment_frequency")
	r.Every = Day
	days := w.get(t, r)
	if len(days) != 10 {
		t.Fatalf("%d days, want 10: days without a release are there", len(days))
	}
	wantNumber(t, "1 June", days[0].Value, 3)
	wantNumber(t, "2 June", days[1].Value, 0)

	// Days that have not begun are not days without a release.
	r = june("deployment_frequency")
	r.From, r.To = at("2026-06-16T00:00:00Z"), at("2026-06-20T00:00:00Z")
	wantNull(t, "the future", w.total(t, r).Value)
	if x := w.explain(t, june("deployment_frequency")); len(x.Counted) != 4 || len(x.Excluded) != 1 {
		t.Errorf("explanation: %d counted, %d excluded", len(x.Counted), len(x.Excluded))
	}
}

func TestFailureMetrics(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	rows := []schema.Release{
		release("shop", "pay", "r1", "2026-06-01T10:00:00Z", failed(schema.FailureExplicit, "three incidents", "2026-06-01T12:00:00Z")),
		release("shop", "pay", "r2", "2026-06-02T10:00:00Z", failed(schema.FailureExplicit, "three incidents", "2026-06-02T11:00:00Z")),
		release("shop", "pay", "r3", "2026-06-03T10:00:00Z", failed(schema.FailureRollback, "r4", "")),
		release("shop", "pay", "tried", "2026-06-03T11:00:00Z", unsuccessful),
		release("shop", "pay", "harmful", "2026-06-20T11:00:00Z", unsuccessful, failed(schema.FailureExplicit, "INC-9", "")),
		release("shop", "pay", "skewed", "2026-06-22T10:00:00Z", failed(schema.FailureExplicit, "INC-8", "2026-06-22T09:00:00Z")),
	}
	for i, id := range []string{"r4", "r5", "r6", "r7", "r8", "r9"} {
		rows = append(rows, release("shop", "pay", id, "2026-06-04T10:00:00Z", func(r *schema.Release) {
			if i < 2 {
				r.Rework, r.ReworkRule = 1, schema.FailureRollback
			}
		}))
	}
	w.insert(t, schema.ReleaseTable, rows)

	// Releases 9, failures on 3 of them with 7 incidents → 3/9.
	p := w.total(t, june("change_failure_rate"))
	wantNumber(t, "change failure rate", p.Value, 3./9)
	wantNumber(t, "numerator", p.Numerator, 3)
	wantNumber(t, "denominator", p.Denominator, 9)
	// Wilson, by the published formula: 3 of 9 is 12.06 % to 64.58 %.
	wantNumber(t, "low", new(round(p.Interval.Low, 4)), 0.1206)
	wantNumber(t, "high", new(round(p.Interval.High, 4)), 0.6458)
	if !p.Provisional {
		t.Error("10 June is within seven days of 15 June: provisional")
	}
	r := june("change_failure_rate")
	r.To = at("2026-06-08T00:00:00Z")
	if w.total(t, r).Provisional {
		t.Error("7 June is eight days before 15 June: final")
	}
	x := w.explain(t, june("change_failure_rate"))
	if len(x.Counted) != 9 || len(x.Excluded) != 1 || x.Excluded[0].Subject != "tried" {
		t.Errorf("explanation: %d counted, excluded %+v", len(x.Counted), x.Excluded)
	}
	wantNumber(t, "rework rate", w.total(t, june("deployment_rework_rate")).Value, 2./9)

	p = w.total(t, june("failed_deployment_recovery_time"))
	wantNumber(t, "recovery time", p.Value, 1.5*3600)
	if p.N != 2 || p.Censored != 1 {
		t.Errorf("n = %d, censored = %d, want 2 and 1", p.N, p.Censored)
	}

	late := june("change_failure_rate")
	late.From, late.To = at("2026-06-20T00:00:00Z"), at("2026-06-23T00:00:00Z")
	wantNumber(t, "an attempt that did harm", w.total(t, late).Value, 1)
	late.Metric = "failed_deployment_recovery_time"
	p = w.total(t, late)
	wantNull(t, "recovery before the failure", p.Value)
	if x := w.explain(t, late); len(x.Excluded) != 1 || x.Excluded[0].Excluded != "negative" || p.Censored != 1 {
		t.Errorf("negative recovery: %+v", x)
	}

	late.From, late.To = at("2026-05-01T00:00:00Z"), at("2026-05-02T00:00:00Z")
	for _, late.Metric = range []string{"change_failure_rate", "deployment_rework_rate", "failed_deployment_recovery_time"} {
		p := w.total(t, late)
		wantNull(t, late.Metric+" without releases", p.Value)
		if p.Interval != nil {
			t.Errorf("%s without releases has an interval", late.Metric)
		}
	}
}

func TestIncidentRestoreTime(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	incident := func(service, team, id, started, resolved string) schema.Incident {
		i := schema.Incident{
			DerivedMeta: schema.DerivedMeta{ServiceID: service, TeamID: team, Version: 1},
			IncidentID:  id, Severity: "sev1", StartedAt: at(started),
		}
		if resolved != "" {
			i.ResolvedAt = new(at(resolved))
		}
		return i
	}
	w.insert(t, schema.IncidentTable, []schema.Incident{
		incident("shop", "pay", "i1", "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z"),
		incident("cart", "buy", "i1", "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z"), // One incident of two services.
		incident("shop", "pay", "i2", "2026-06-02T10:00:00Z", "2026-06-02T16:00:00Z"),
		incident("shop", "pay", "i3", "2026-06-03T10:00:00Z", ""),
	})
	p := w.total(t, june("incident_restore_time"))
	wantNumber(t, "median", p.Value, 3.5*3600)
	wantNumber(t, "mean", p.Mean, 3.5*3600)
	if p.N != 2 || p.Censored != 1 {
		t.Errorf("n = %d, censored = %d, want 2 and 1", p.N, p.Censored)
	}
	services := w.get(t, june("incident_restore_time", Service))
	if len(services) != 2 || services[0].N != 1 || services[1].N != 2 {
		t.Errorf("by service: %+v", services)
	}
	if x := w.explain(t, june("incident_restore_time")); len(x.Counted) != 3 {
		t.Errorf("explanation: %d rows, want 3", len(x.Counted))
	}
	r := june("incident_restore_time")
	r.To = at("2026-06-01T09:00:00Z")
	wantNull(t, "without incidents", w.total(t, r).Value)
}

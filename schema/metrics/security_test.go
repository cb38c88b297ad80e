package metrics

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// finding is one that its source tells the whole life of.
func finding(id, service, fingerprint, severity, opened string, edit ...func(*schema.Finding)) *schema.Finding {
	f := &schema.Finding{
		Meta: meta(), FindingID: id, Fingerprint: fingerprint, Kind: schema.FindingVulnerability, Tool: "trivy", Rule: fingerprint, Severity: severity,
		ServiceRef: service, State: schema.FindingOpen, OpenedAt: new(at(opened)), SeenAt: at(opened),
	}
	for _, e := range edit {
		e(f)
	}
	return f
}

func closedAs(state, reason, when string) func(*schema.Finding) {
	return func(f *schema.Finding) { f.State, f.Reason, f.ClosedAt = state, reason, new(at(when)) }
}

func foundBy(tool string) func(*schema.Finding) { return func(f *schema.Finding) { f.Tool = tool } }

// report is a complete report of a series with what it shows.
func report(series, service, when string, fingerprints ...string) []schema.Fact {
	m := schema.Meta{Version: schema.NewVersion(at(when), 0)}
	out := []schema.Fact{&schema.Scan{Meta: m, ScanID: series + when, At: at(when), Tool: "trivy", Report: series, ServiceRef: service}}
	for _, fp := range fingerprints {
		f := finding(series+fp, service, fp, schema.SeverityHigh, when)
		f.Meta, f.OpenedAt, f.Report = m, nil, series
		out = append(out, f, &schema.FindingStart{Meta: schema.Meta{Version: schema.EarliestVersion(at(when))}, FindingID: series + fp, At: at(when)})
	}
	return out
}

func running(day, cluster, service string) *schema.Workload {
	return &schema.Workload{
		Meta: meta(), WorkloadID: cluster + "/" + service, Day: at(day + "T00:00:00Z"), Cluster: cluster, Namespace: "apps", Name: service,
		Tier: schema.TierProduction, ServiceRef: service, OnPlatform: schema.OnPlatformYes,
	}
}

func scanOf(service, when string, edit ...func(*schema.Scan)) *schema.Scan {
	s := &schema.Scan{Meta: meta(), ScanID: service + when, At: at(when), Tool: "trivy", ServiceRef: service}
	for _, e := range edit {
		e(s)
	}
	return s
}

func owned(service, team string) []schema.Fact {
	return []schema.Fact{
		&schema.Team{Meta: meta(), TeamID: team, Name: team},
		&schema.Service{Meta: meta(), ServiceID: service, Name: service, Repo: "github.com/acme/" + service},
		&schema.Ownership{Meta: meta(), ServiceID: service, ValidFrom: at("2026-01-01T00:00:00Z"), TeamID: team},
	}
}

func values(points []Point, d Dimension) map[string]string {
	out := map[string]string{}
	for _, p := range points {
		v := "NULL"
		if p.Value != nil {
			v = fmt.Sprint(round(*p.Value, 3))
		}
		out[p.Dims[string(d)]] = v
	}
	return out
}

func wantValues(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestSecurityFindingRate(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	facts := slices.Concat(
		owned("shop", "a"), owned("cart", "b"),
		[]schema.Fact{
			running("2026-06-03", "eu", "shop"), running("2026-06-03", "us", "shop"), running("2026-06-03", "eu", "cart"), running("2026-06-03", "eu", "dark"),
			running("2026-06-03", "eu", "old"), running("2026-06-01", "eu", "gone"),
			&schema.Workload{Meta: meta(), WorkloadID: "trial", Day: at("2026-06-03T00:00:00Z"), Cluster: "eu", Name: "trial", Tier: schema.TierStaging, ServiceRef: "shop"},
			scanOf("shop", "2026-05-20T00:00:00Z"),
			// The scan names only what runs; and one that is 31 days old does not count.
			scanOf("", "2026-06-03T10:00:00Z", func(s *schema.Scan) { s.Workload = "apps/cart" }),
			scanOf("old", "2026-05-04T00:00:00Z"), scanOf("dark", "2026-06-04T00:00:00Z"),
			// Two tools, two images, one weakness; the worse severity counts.
			finding("1", "shop", "cve-1|zlib", schema.SeverityMedium, "2026-06-02T10:00:00Z"),
			finding("2", "shop", "cve-1|zlib", schema.SeverityHigh, "2026-06-05T10:00:00Z", foundBy("snyk"), closedAs(schema.FindingFixed, "", "2026-06-06T10:00:00Z")),
			finding("3", "cart", "cve-1|zlib", schema.SeverityLow, "2026-06-02T10:00:00Z"),
			finding("4", "cart", "cve-2|curl", schema.SeverityCritical, "2026-06-02T10:00:00Z", closedAs(schema.FindingDismissed, schema.DismissedFalsePositive, "2026-06-03T10:00:00Z")),
			finding("5", "cart", "cve-3|curl", schema.SeverityCritical, "2026-06-02T10:00:00Z", closedAs(schema.FindingDismissed, schema.DismissedAccepted, "2026-06-03T10:00:00Z")),
			finding("6", "shop", "cve-4|curl", schema.SeverityLow, "2026-06-11T00:00:00Z"),
		},
	)
	w.facts(t, facts...)
	// Scanned: shop in two clusters and cart. New: 1 and 2 together, 3, 5.
	p := w.total(t, june("security_finding_rate"))
	wantNumber(t, "findings", p.Numerator, 3)
	wantNumber(t, "scanned workloads", p.Denominator, 3)
	wantNumber(t, "rate", p.Value, 100)
	wantValues(t, "by severity", values(w.get(t, june("security_finding_rate", Severity)), Severity),
		map[string]string{"critical": "33.333", "high": "33.333", "medium": "0", "low": "33.333", "unknown": "0"})
	wantValues(t, "by team", values(w.get(t, june("security_finding_rate", Team)), Team), map[string]string{"a": "50", "b": "200"})
	x := w.explain(t, june("security_finding_rate"))
	if len(x.Excluded) != 1 || x.Excluded[0].Excluded != "false positive" {
		t.Errorf("excluded: %+v", x.Excluded)
	}
	coverage := w.total(t, june("security_scan_coverage"))
	wantNumber(t, "scanned", coverage.Numerator, 3)
	wantNumber(t, "of", coverage.Denominator, 5)
	if x := w.explain(t, june("security_scan_coverage")); len(x.Excluded) != 1 {
		t.Errorf("excluded from coverage: %+v", x.Excluded)
	}
	r := june("security_finding_rate")
	r.To = at("2026-06-03T00:00:00Z")
	// On 1 June only what is gone was inventoried, and nobody had scanned it.
	p = w.total(t, r)
	wantNull(t, "without scanned workloads", p.Value)
	wantNumber(t, "findings without scanned workloads", p.Numerator, 3)
}

func TestSecurityBacklog(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.facts(t, slices.Concat(
		owned("shop", "a"), owned("cart", "b"),
		[]schema.Fact{
			finding("1", "shop", "1", schema.SeverityHigh, "2026-05-31T00:00:00Z", closedAs(schema.FindingFixed, "", "2026-06-05T00:00:00Z")),
			finding("2", "shop", "2", schema.SeverityLow, "2026-06-02T00:00:00Z", closedAs(schema.FindingFixed, "", "2026-06-04T00:00:00Z")),
			finding("3", "shop", "3", schema.SeverityHigh, "2026-06-03T00:00:00Z"),
			finding("4", "shop", "4", schema.SeverityHigh, "2026-06-03T00:00:00Z", closedAs(schema.FindingDismissed, schema.DismissedOther, "2026-06-09T00:00:00Z")),
			finding("5", "shop", "5", schema.SeverityHigh, "2026-06-03T00:00:00Z", closedAs(schema.FindingFixed, "", "2026-06-01T00:00:00Z")),
			scanOf("cart", "2026-06-01T10:00:00Z"),
		},
	)...)
	r := june("security_backlog")
	r.Every = Day
	var got []string
	for _, p := range w.get(t, r) {
		if p.Value == nil {
			t.Fatalf("%s has no value", p.From)
		}
		got = append(got, fmt.Sprint(*p.Value))
	}
	// At the ends of 1 to 10 June; finding 5 never was open.
	if want := []string{"1", "2", "4", "3", "2", "2", "2", "2", "1", "1"}; !slices.Equal(got, want) {
		t.Errorf("open by day: %v, want %v", got, want)
	}
	wantValues(t, "by team", values(w.get(t, june("security_backlog", Team)), Team), map[string]string{"a": "1", "b": "0"})
	wantValues(t, "by severity", values(w.get(t, june("security_backlog", Severity)), Severity),
		map[string]string{"critical": "0", "high": "1", "medium": "0", "low": "0", "unknown": "0"})
	wantNumber(t, "age", w.total(t, june("security_finding_age")).Value, 8*86400)
	p := w.total(t, Request{Metric: "security_time_to_fix", From: at("2026-05-01T00:00:00Z"), To: at("2026-06-11T00:00:00Z"), Zone: "UTC"})
	wantNumber(t, "median of 5 and 2 days", p.Value, 3.5*86400)
	if p.N != 2 || p.Censored != 1 {
		t.Errorf("n = %d, censored = %d, want 2 and 1", p.N, p.Censored)
	}
	r = june("security_backlog")
	r.From, r.To = at("2025-06-01T00:00:00Z"), at("2025-06-08T00:00:00Z")
	wantNull(t, "before anybody looked", w.total(t, r).Value)
}

// TestFindingsOfReports: a report says what is there, and only the next one what
// is there no more.
func TestFindingsOfReports(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.facts(t, slices.Concat(
		owned("shop", "a"), owned("new", "a"), []schema.Fact{&schema.Service{
			Meta: schema.Meta{Version: schema.NewVersion(at("2026-02-01T00:00:00Z"), 0)}, ServiceID: "new", Name: "new", CreatedAt: new(at("2026-06-01T00:00:00Z")),
		}},
		// In no order of time, and the third twice.
		report("r", "shop", "2026-06-04T00:00:00Z", "kept", "came"),
		report("r", "shop", "2026-06-02T00:00:00Z", "kept", "went"),
		report("r", "shop", "2026-06-06T00:00:00Z", "kept"),
		report("r", "shop", "2026-06-06T00:00:00Z", "kept"),
		report("r", "shop", "2026-06-08T00:00:00Z", "kept"),
		// Another series ends nothing of the first.
		report("other", "shop", "2026-06-03T00:00:00Z"),
		// A service just made has no baseline.
		report("n", "new", "2026-06-05T00:00:00Z", "born"),
	)...)
	var got []string
	for _, row := range w.explain(t, june("security_time_to_fix")).Counted {
		got = append(got, fmt.Sprint(row.Subject, " ", row.At.Format(time.DateOnly), " ", row.Rule))
	}
	if want := []string{"nborn 2026-06-05 open", "rcame 2026-06-04 fixed"}; !slices.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	excluded := w.explain(t, june("security_finding_rate")).Excluded
	if len(excluded) != 2 || excluded[0].Subject != "rkept" || excluded[1].Subject != "rwent" || excluded[0].Excluded != "baseline" {
		t.Errorf("baselines: %+v", excluded)
	}
	wantNumber(t, "time to fix", w.total(t, june("security_time_to_fix")).Value, 2*86400)
	wantNumber(t, "open", w.total(t, june("security_backlog")).Value, 2)
	r := june("security_backlog")
	r.To = at("2026-06-05T00:00:00Z")
	wantNumber(t, "open on the 4th", w.total(t, r).Value, 2)
}

// TestFindingsFindTheirService: by name, by repository and path, by what runs.
func TestFindingsFindTheirService(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	repo := func(repo, path string) func(*schema.Finding) {
		return func(f *schema.Finding) { f.ServiceRef, f.Repo, f.Path = "", repo, path }
	}
	w.facts(t, slices.Concat(
		owned("shop", "a"),
		[]schema.Fact{
			&schema.Service{Meta: meta(), ServiceID: "web", Repo: "github.com/acme/mono", Paths: []string{"web/"}, Aliases: []string{"snyk:web"}},
			&schema.Service{Meta: meta(), ServiceID: "edge", Repo: "github.com/acme/mono", Paths: []string{"edge/"}},
			&schema.Ownership{Meta: meta(), ServiceID: "web", ValidFrom: at("2026-01-01T00:00:00Z"), TeamID: "a"},
			&schema.Ownership{Meta: meta(), ServiceID: "web", ValidFrom: at("2026-06-03T00:00:00Z"), TeamID: "b"},
			running("2026-06-01", "eu", "shop"),
			finding("alias", "snyk:web", "1", "low", "2026-06-02T00:00:00Z"),
			finding("moved", "snyk:web", "2", "low", "2026-06-03T00:00:00Z"),
			finding("path", "", "3", "low", "2026-06-02T00:00:00Z", repo("github.com/acme/mono", "edge/main.go")),
			finding("nopath", "", "4", "low", "2026-06-02T00:00:00Z", repo("github.com/acme/mono", "README.md")),
			finding("repo", "", "5", "low", "2026-06-02T00:00:00Z", repo("github.com/acme/shop", "x")),
			finding("unknown", "", "6", "low", "2026-06-02T00:00:00Z", repo("github.com/acme/other", "x")),
			finding("runs", "", "7", "low", "2026-06-02T00:00:00Z", func(f *schema.Finding) { f.Workload = "apps/shop" }),
			finding("named", "nobody", "8", "low", "2026-06-02T00:00:00Z", func(f *schema.Finding) { f.TeamRef = "a" }),
			finding("image1", "", "9", "low", "2026-06-02T00:00:00Z", func(f *schema.Finding) { f.Target = "img/1" }),
			finding("image2", "", "9", "low", "2026-06-02T00:00:00Z", func(f *schema.Finding) { f.Target = "img/2" }),
		},
	)...)
	_, rows, err := w.Reader.Query(t.Context(), "SELECT finding_id, service_id, team_id FROM owned_findings ORDER BY finding_id", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, row := range rows {
		got[row[0].(string)] = fmt.Sprintf("%s of %s", row[1], row[2])
	}
	wantValues(t, "services", got, map[string]string{
		"alias": "web of a", "moved": "web of b", "path": "edge of ", "nopath": "github.com/acme/mono of ", "repo": "shop of a",
		"unknown": "github.com/acme/other of ", "runs": "shop of a", "named": "nobody of a", "image1": " of ", "image2": " of ",
	})
}

func policy(id, outcome, when string, edit ...func(*schema.PolicyResult)) *schema.PolicyResult {
	r := &schema.PolicyResult{
		Meta: schema.Meta{Version: schema.NewVersion(at(when), 0)}, ResultID: id, Day: at(when).Truncate(24 * time.Hour), At: at(when), Tool: "kyverno",
		Policy: "limits", Severity: schema.SeverityMedium, Outcome: outcome, TeamRef: "a", Resource: "Deployment/apps/" + id,
	}
	for _, e := range edit {
		e(r)
	}
	return r
}

func TestCompliance(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.facts(t,
		policy("1", "fail", "2026-06-02T10:00:00Z"),
		policy("1", "pass", "2026-06-05T10:00:00Z"), // The last word counts.
		policy("2", "fail", "2026-06-09T10:00:00Z", func(r *schema.PolicyResult) { r.Policy = "registries" }),
		policy("3", "pass", "2026-06-05T11:00:00Z"),
		policy("4", "skip", "2026-06-05T11:00:00Z"), policy("5", "error", "2026-06-05T11:00:00Z"), policy("6", "warn", "2026-06-05T11:00:00Z"),
		policy("7", "fail", "2026-06-02T23:59:59Z"), // More than 7 days before the window's end.
		policy("8", "denied", "2026-06-05T11:00:00Z"), policy("9", "denied", "2026-06-06T11:00:00Z"),
	)
	p := w.total(t, june("compliance_violation_rate"))
	wantNumber(t, "violations", p.Value, 1./3)
	wantNumber(t, "of", p.Denominator, 3)
	wantValues(t, "by policy", values(w.get(t, june("compliance_violation_rate", Policy)), Policy), map[string]string{"limits": "0", "registries": "1"})
	var excluded []string
	for _, row := range w.explain(t, june("compliance_violation_rate")).Excluded {
		excluded = append(excluded, row.Excluded)
	}
	slices.Sort(excluded)
	if !slices.Equal(excluded, []string{"error", "skipped", "warning"}) {
		t.Errorf("excluded: %v", excluded)
	}
	wantNumber(t, "errors", w.total(t, june("policy_error_rate")).Value, 1./4)
	p = w.total(t, june("admission_denials"))
	wantNumber(t, "denials", p.Numerator, 2)
	r := june("compliance_violation_rate")
	r.Every = Day
	days := w.get(t, r)
	wantNumber(t, "2 June", days[1].Value, 1)
	wantNull(t, "3 June", days[2].Value)
	wantNumber(t, "5 June", days[4].Value, 0)
}

func TestPlatformCost(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	cost := func(id, day string, amount float64, currency string, edit ...func(*schema.Cost)) *schema.Cost {
		c := &schema.Cost{Meta: meta(), CostID: id, Day: at(day + "T00:00:00Z"), Amount: amount, Currency: currency, Category: "compute", ServiceRef: "shop"}
		for _, e := range edit {
			e(c)
		}
		return c
	}
	facts := owned("shop", "a")
	facts = append(facts,
		&schema.Ownership{Meta: meta(), ServiceID: "shop", ValidFrom: at("2026-06-03T00:00:00Z"), TeamID: "b"},
		cost("1", "2026-06-01", 10, "EUR"), cost("1", "2026-06-02", 20, "EUR"), cost("1", "2026-06-04", 30, "EUR"),
		cost("2", "2026-06-02", 5, "USD", func(c *schema.Cost) { c.ServiceRef, c.Workload = "", "apps/shop" }),
		cost("3", "2026-06-02", 4, "EUR", func(c *schema.Cost) { c.ServiceRef, c.TeamRef, c.Category = "", "b", "storage" }),
		running("2026-06-01", "eu", "shop"),
	)
	w.facts(t, facts...)
	const month = 30.4375
	r := june("platform_cost")
	r.Every = Total
	points := w.get(t, r)
	if len(points) != 2 || points[0].Dims["currency"] != "EUR" || points[1].Dims["currency"] != "USD" {
		t.Fatalf("currencies are put together or lost: %+v", points)
	}
	// 1 to 4 June, of which one cost nothing.
	wantNumber(t, "EUR", points[0].Value, 64/4.*month)
	wantNumber(t, "sum of EUR", points[0].Numerator, 64)
	wantNumber(t, "months", points[0].Denominator, 4/month)
	wantNumber(t, "USD", points[1].Value, 5*month)
	by := map[string]string{}
	for _, p := range w.get(t, june("platform_cost", Team, Category)) {
		by[p.Dims["team"]+" "+p.Dims["category"]+" "+p.Dims["currency"]] = fmt.Sprint(*p.Numerator)
	}
	wantValues(t, "by team", by, map[string]string{"a compute EUR": "30", "b compute EUR": "30", "b storage EUR": "4", "a compute USD": "5"})
	r.Every = Day
	for i, p := range w.get(t, r)[:5] {
		if i == 2 || i == 4 {
			wantNull(t, p.From.Format(time.DateOnly), p.Value)
		} else {
			wantNumber(t, p.From.Format(time.DateOnly), p.Value, *p.Numerator*month)
		}
	}
}

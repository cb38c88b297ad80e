// Package dashtest fills a database with a small, deterministic organisation,
// so that every dashboard has something to draw in tests.
//
// It writes facts and derived rows directly: it says nothing about sources and
// derivation, and is no sample for people to look at.
package dashtest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Store takes facts and rows; internal/clickhouse has one.
type Store interface {
	Insert(ctx context.Context, facts []schema.Fact) error
	InsertRows(ctx context.Context, table string, rows any) error
}

// Days of history before the time that Fill is given.
const Days = 200

type setting struct {
	Key     string `ch:"key"`
	Value   string `ch:"value"`
	Version uint64 `ch:"version"`
}

type organisation struct {
	r        *rand.Rand
	now      time.Time
	facts    []schema.Fact
	releases []schema.Release
	changes  []schema.ChangeDeployed
	incident []schema.Incident
}

var teams = []string{"checkout", "search", "payments", "mobile", "data", "identity", "platform"}

// Fill writes the organisation as it stands at now. The same now gives the
// same rows.
func Fill(ctx context.Context, s Store, now time.Time) error {
	o := &organisation{r: rand.New(rand.NewPCG(7, 11)), now: now.UTC().Truncate(time.Hour)} //nolint:gosec // reproducible on purpose.
	o.catalogue()
	for i, team := range teams[:6] {
		for _, part := range []string{"api", "web", "worker"}[:2+i%2] {
			o.service(team, team+"-"+part, float64(i+1))
		}
	}
	o.platform()
	o.people()
	o.security()
	o.surveys()
	o.receipts()
	for _, f := range o.facts {
		if err := schema.Seal(f, 0); err != nil {
			return fmt.Errorf("sealing the test organisation: %w", err)
		}
	}
	if err := s.Insert(ctx, o.facts); err != nil {
		return fmt.Errorf("writing facts of the test organisation: %w", err)
	}
	for table, rows := range map[string]any{
		schema.ReleaseTable: o.releases, schema.ChangeDeployedTable: o.changes, schema.IncidentTable: o.incident,
		schema.AnnotationTable: []schema.Annotation{{At: o.day(Days - 30), Metric: "lead_time", Version: 1, Title: "Lead time: definition version 1"}},
		"settings":             []setting{{"timezone", "Europe/Berlin", 1}, {"organisation", "Example Organisation", 1}, {"sample", "1", 1}},
	} {
		if err := s.InsertRows(ctx, table, rows); err != nil {
			return fmt.Errorf("writing %s of the test organisation: %w", table, err)
		}
	}
	return nil
}

func (o *organisation) meta() schema.Meta {
	return schema.Meta{Source: "test", Version: schema.NewVersion(o.now, 0)}
}

func (o *organisation) day(n int) time.Time { return o.now.AddDate(0, 0, n-Days) }

// seconds is a log-normal duration around a median.
func (o *organisation) seconds(median, spread float64) float64 {
	return median * math.Exp(o.r.NormFloat64()*spread)
}

func (o *organisation) catalogue() {
	for _, team := range teams {
		kind := schema.TeamStream
		if team == "platform" {
			kind = schema.TeamPlatform
		}
		o.facts = append(o.facts, &schema.Team{Meta: o.meta(), TeamID: team, Name: "Team " + team, Kind: kind})
	}
	released := o.day(70)
	o.facts = append(o.facts,
		&schema.Capability{Meta: o.meta(), CapabilityID: "deploy", Name: "Deployments", Kind: "delivery"},
		&schema.Capability{Meta: o.meta(), CapabilityID: "database", Name: "Databases", Kind: "data"},
		&schema.Capability{Meta: o.meta(), CapabilityID: "preview", Name: "Preview environments", Kind: "delivery", ReleasedAt: &released},
	)
}

func (o *organisation) service(team, id string, pace float64) {
	created := o.day(-60)
	if id == "search-worker" || id == "mobile-worker" || id == "data-web" {
		created = o.day(60)
	}
	o.facts = append(o.facts, &schema.Service{Meta: o.meta(), ServiceID: id, Name: id, Kind: "service", Repo: "example.org/" + id, Template: "go-service", CreatedAt: &created},
		&schema.Ownership{Meta: o.meta(), ServiceID: id, ValidFrom: created, TeamID: team})
	for n := 1; n < Days; n++ {
		if o.day(n).Before(created.AddDate(0, 0, 5)) || o.r.Float64() > pace/7 || o.day(n).Weekday() == time.Saturday || o.day(n).Weekday() == time.Sunday {
			continue
		}
		o.release(team, id, n)
	}
}

func (o *organisation) release(team, service string, n int) {
	at := o.day(n).Add(time.Duration(o.r.IntN(480)) * time.Minute)
	meta := schema.DerivedMeta{ServiceID: service, TeamID: team, Version: 1}
	id := fmt.Sprintf("%s-%d", service, n)
	rel := schema.Release{
		DerivedMeta: meta, ReleaseID: id, Repo: "example.org/" + service, Commit: fmt.Sprintf("%040x", n), DeployedVersion: fmt.Sprintf("1.%d.0", n),
		Environments: []string{"production"}, Deployments: []string{id}, StartedAt: at.Add(-6 * time.Minute), FinishedAt: at, Succeeded: 1, CommitKnown: 1,
		URL: "https://ci.example.org/" + id,
	}
	if o.r.Float64() < 0.12 {
		o.fail(&rel)
	}
	if o.r.Float64() < 0.06 {
		rel.Rework, rel.ReworkRule, rel.ReworkEvidence = 1, schema.FailureHotfix, "label hotfix"
	}
	for c := range 1 + o.r.IntN(4) {
		o.change(&rel, meta, c)
	}
	o.releases = append(o.releases, rel)
}

func (o *organisation) fail(rel *schema.Release) {
	rules := []string{schema.FailureExplicit, schema.FailureRollback, schema.FailureRevert, schema.FailureHotfix}
	rel.Failed, rel.FailureRule = 1, rules[o.r.IntN(len(rules))]
	failed := rel.FinishedAt.Add(20 * time.Minute)
	rel.FailedAt, rel.FailureEvidence = &failed, "incident INC-"+rel.ReleaseID
	inc := schema.Incident{
		DerivedMeta: rel.DerivedMeta, IncidentID: "INC-" + rel.ReleaseID, Source: "pagerduty", Title: "Errors after " + rel.DeployedVersion,
		Severity: []string{"sev1", "sev2", "sev3"}[o.r.IntN(3)], StartedAt: failed, ReleaseID: rel.ReleaseID, Rule: schema.FailureExplicit,
		URL: "https://incidents.example.org/" + rel.ReleaseID,
	}
	if o.r.Float64() < 0.95 {
		recovered := rel.FinishedAt.Add(time.Duration(o.seconds(2*3600, .9)) * time.Second)
		if recovered.Before(o.now) {
			rel.RecoveredAt, rel.RecoveryRule, rel.RecoveryEvidence = &recovered, schema.RecoveryResolved, inc.IncidentID
			inc.ResolvedAt = &recovered
		}
	}
	o.incident = append(o.incident, inc)
}

func (o *organisation) change(rel *schema.Release, meta schema.DerivedMeta, c int) {
	rel.Changes++
	trendDown := 1.5 - 0.8*float64(Days-int(o.now.Sub(rel.FinishedAt).Hours()/24))/Days
	stages := [4]float64{o.seconds(9*3600*trendDown, .8), o.seconds(4*3600*trendDown, .9), o.seconds(6*3600, .9), o.seconds(3*3600, .6)}
	lead := stages[0] + stages[1] + stages[2] + stages[3]
	toProduction := stages[3]
	merged := rel.FinishedAt.Add(-time.Duration(stages[3]) * time.Second)
	first := rel.FinishedAt.Add(-time.Duration(lead) * time.Second)
	id := fmt.Sprintf("%s#%d", rel.ReleaseID, c)
	change := schema.ChangeDeployed{
		DerivedMeta: meta, ChangeID: id, ReleaseID: rel.ReleaseID, Repo: rel.Repo, Kind: schema.ChangeKindRequest, Title: "Change " + id,
		URL: "https://git.example.org/" + id, Rule: schema.LinkAncestor, FirstCommitAt: &first, MergedAt: &merged, DeployedAt: rel.FinishedAt,
		CodingSeconds: &stages[0], PickupSeconds: &stages[1], ReviewSeconds: &stages[2], DeploySeconds: &stages[3], LeadSeconds: &lead, MergeToProductionSecs: &toProduction,
	}
	if o.r.Float64() < 0.02 {
		change.LeadSeconds, change.Excluded = nil, schema.ExcludedNegative
	}
	o.changes = append(o.changes, change)
}

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// TestUnmapped: what leads to nothing is listed with how often and how to map it;
// what leads somewhere is not.
func TestUnmapped(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	day := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	meta := schema.Meta{Source: "test", Version: schema.NewVersion(day, 0)}
	use := func(id, actor, service, team string) schema.CapabilityUse {
		return schema.CapabilityUse{Meta: meta, UseID: id, CapabilityID: "db", At: day, Actor: actor, ServiceRef: service, TeamRef: team}
	}
	deployed := func(id, ref string) schema.Deployment {
		return schema.Deployment{Meta: meta, DeploymentID: id, ServiceRef: ref, CreatedAt: day}
	}
	for table, rows := range map[string]any{
		"services":    []schema.Service{{Meta: meta, ServiceID: "shop", Repo: "github.com/acme/shop", Aliases: []string{"pagerduty:P1"}}},
		"teams":       []schema.Team{{Meta: meta, TeamID: "group:default/a", Name: "A"}},
		"identities":  []schema.Identity{{Meta: meta, Ref: "github:ada", PersonID: "ada"}, {Meta: meta, Ref: "github:teamless", PersonID: "t"}},
		"memberships": []schema.Membership{{Meta: meta, PersonID: "ada", TeamID: "group:default/a", ValidFrom: day}},
		"ownerships": []schema.Ownership{
			{Meta: meta, ServiceID: "shop", ValidFrom: day, TeamID: "ghosts"},
			{Meta: meta, ServiceID: "github.com/acme/shop", Claim: schema.ClaimCodeowners, ValidFrom: day.AddDate(0, 0, -1), Others: []string{"@before"}},
			{Meta: meta, ServiceID: "github.com/acme/shop", Claim: schema.ClaimCodeowners, ValidFrom: day, TeamID: "a", Teams: []string{"a", "phantoms", ""}, Patterns: []string{"^", "^b", "^c"}, Others: []string{"@ada"}},
			{Meta: meta, ServiceID: "github.com/acme/shop", Claim: schema.TeamClaim("a"), ValidFrom: day, TeamID: "a"},
			{Meta: meta, ServiceID: "github.com/acme/shop", Claim: schema.TeamClaim("A"), ValidFrom: day, TeamID: "A"},
			{Meta: meta, ServiceID: "github.com/acme/cart", Claim: schema.TeamClaim("a"), ValidFrom: day, TeamID: "a"},
			{Meta: meta, ServiceID: "github.com/acme/cart", Claim: schema.TeamClaim("A"), ValidFrom: day, TeamID: "A"},
			{Meta: meta, ServiceID: "github.com/acme/cart", Claim: schema.TeamClaim("A"), ValidFrom: day.AddDate(0, 0, 1)},
		},
		"capability_uses": []schema.CapabilityUse{
			use("1", "github:ada", "shop", "a"), use("2", "github:grace", "cart", ""), use("3", "github:grace", "", ""),
			use("4", "github:teamless", "", ""), use("5", "github:named-by-team", "", "A"),
		},
		"deployments":      []schema.Deployment{deployed("1", "shop"), deployed("2", "cart"), deployed("3", "github.com/acme/shop"), deployed("4", "")},
		"incident_updates": []schema.IncidentUpdate{{Meta: meta, IncidentID: "1", UpdateID: "1", At: day, ServiceRefs: []string{"pagerduty:P1", "pagerduty:P9"}}},
	} {
		if err := db.InsertRows(t.Context(), table, rows); err != nil {
			t.Fatal(err)
		}
	}
	columns, rows, err := db.Reader.Query(t.Context(), unmappedSQL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"kind", "ref", "sources", "facts", "last_seen", "map_with"}; !slices.Equal(columns, want) {
		t.Errorf("columns %q, want %q", columns, want)
	}
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprint(r[0], " ", r[1], " ", r[3], " ", r[5]))
	}
	want := []string{
		"owner @ada 1 a team beside @ada in CODEOWNERS",
		"person github:grace 2 catalog.people[].identities: ['github:grace']",
		"person github:teamless 1 catalog.people[].identities: ['github:teamless']",
		"repository github.com/acme/shop 1 owner of github.com/acme/shop in the catalog, or sources.github.own_nothing",
		"service cart 2 catalog.services[].aliases: ['cart']",
		"service pagerduty:P9 1 catalog.services[].aliases: ['pagerduty:P9']",
		"team ghosts 1 catalog.teams[].id: ghosts",
		"team phantoms 1 catalog.teams[].id: phantoms",
	}
	if !slices.Equal(got, want) {
		t.Errorf("unmapped:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

package derive

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/schema"
)

// TestTheCatalogsOwnerCountsBeforeThatOfTheConfiguration: from the day on which the
// catalog speaks, in whatever order the rows arrive.
func TestTheCatalogsOwnerCountsBeforeThatOfTheConfiguration(t *testing.T) {
	t.Parallel()
	on := func(d int) time.Time { return time.Date(2026, 5, d, 0, 0, 0, 0, time.UTC) }
	row := func(source string, from time.Time, team string) schema.Ownership {
		return schema.Ownership{Meta: schema.Meta{Source: source, Version: 1}, ServiceID: "shop", ValidFrom: from, TeamID: team}
	}
	rows := []schema.Ownership{
		row("config", schema.MinTime, "founders"), row("config", on(5), "movers"), row("config", on(20), "by hand"),
		row("backstage", on(10), "catalog"), row("backstage", on(25), "reorganised"),
	}
	backwards := []schema.Ownership{rows[4], rows[3], rows[2], rows[1], rows[0]}
	for _, list := range [][]schema.Ownership{rows, backwards} {
		for day, want := range map[int]string{1: "founders", 5: "movers", 9: "movers", 10: "catalog", 20: "catalog", 24: "catalog", 25: "reorganised"} {
			if got := teamAt(owners(list), on(day)); got != want {
				t.Errorf("on May %d the owner is %q, want %q", day, got, want)
			}
		}
	}
}

// ranked are lines of claims, the heaviest first (SOURCES, "Identity").
func ranked() []string {
	return []string{schema.CatalogClaim("backstage"), schema.TeamClaim("payments"), schema.ClaimCodeowners, schema.ClaimConfig}
}

func says(line string, day int, team string) schema.Ownership {
	return schema.Ownership{
		Meta: schema.Meta{Version: 1}, ServiceID: "shop", ValidFrom: time.Date(2026, 5, day, 0, 0, 0, 0, time.UTC), TeamID: team, Claim: line,
	}
}

// TestTheBetterClaimCounts: of each two ranks, from the day on which the better one
// speaks until it is withdrawn; then the other counts again, also what it said
// meanwhile.
func TestTheBetterClaimCounts(t *testing.T) {
	t.Parallel()
	for i, better := range ranked() {
		for _, worse := range ranked()[i+1:] {
			t.Run(better+" before "+worse, func(t *testing.T) {
				t.Parallel()
				rows := []schema.Ownership{
					says(worse, 1, "first"), says(better, 10, "payments"), says(worse, 15, "second"), says(better, 20, ""),
					says(worse, 25, ""), says(better, 28, "payments"),
				}
				want := map[int]string{1: "first", 9: "first", 10: "payments", 19: "payments", 20: "second", 24: "second", 25: "", 28: "payments"}
				for range 2 {
					for day, team := range want {
						if got := teamAt(owners(rows), says("", day, "").ValidFrom); got != team {
							t.Errorf("on May %d the owner is %q, want %q", day, got, team)
						}
					}
					slices.Reverse(rows)
				}
			})
		}
	}
}

// TestClaimsWithdrawnAltogether: rows that are deleted were never true.
func TestClaimsWithdrawnAltogether(t *testing.T) {
	t.Parallel()
	for i, better := range ranked() {
		for _, worse := range ranked()[i+1:] {
			gone := says(better, 10, "payments")
			gone.Version, gone.Deleted = 2, 1
			rows := []schema.Ownership{gone, says(worse, 1, "first"), says(better, 10, "payments")}
			if got := teamAt(owners(rows), says("", 20, "").ValidFrom); got != "first" {
				t.Errorf("without %s the owner is %q", better, got)
			}
		}
	}
}

// TestSeveralTeamsOfOneRepository: nobody can tell them apart, so what is said
// elsewhere counts, until one is left.
func TestSeveralTeamsOfOneRepository(t *testing.T) {
	t.Parallel()
	rows := []schema.Ownership{
		says(schema.TeamClaim("a"), 1, "a"), says(schema.TeamClaim("b"), 5, "b"), says(schema.TeamClaim("a"), 20, ""),
		says(schema.ClaimCodeowners, 10, "c"),
	}
	for day, want := range map[int]string{1: "a", 5: "", 10: "c", 20: "b"} {
		if got := teamAt(owners(rows), says("", day, "").ValidFrom); got != want {
			t.Errorf("on May %d the owner is %q, want %q", day, got, want)
		}
	}
}

// TestOwnersAreThoseOfTheView: the warehouse resolves claims as derivation does, of
// services with and without paths and of repositories.
func TestOwnersAreThoseOfTheView(t *testing.T) {
	t.Parallel()
	const repo = "git.example/acme/mono"
	db := clickhousetest.New(t)
	random := rand.New(rand.NewPCG(7, 11))
	services := []schema.Service{{ServiceID: "whole", Repo: repo}, {ServiceID: "api", Repo: repo, Paths: []string{"services/api/"}}, {ServiceID: "web", Repo: repo, Paths: []string{"web", "x"}}}
	rules := []string{`^services/.*$`, `^services/api/.*$`, `^web/[^/]*$`, `^`, `\.go$`, `^x/`}
	lines := append(ranked(), schema.TeamClaim("b"), schema.CatalogClaim("port"))
	var rows []schema.Ownership
	for range 160 {
		o := says(lines[random.IntN(len(lines))], 1+random.IntN(28), []string{"", "a", "b", "c"}[random.IntN(4)])
		o.ServiceID = services[random.IntN(len(services))].ServiceID
		if o.OfRepo() {
			o.ServiceID = repo
		}
		if o.Claim == schema.ClaimCodeowners {
			for range random.IntN(5) {
				o.Patterns = append(o.Patterns, rules[random.IntN(len(rules))])
				o.Teams = append(o.Teams, []string{"", "p", "q"}[random.IntN(3)])
			}
		}
		o.Version, o.Deleted = schema.NewVersion(o.ValidFrom, uint8(random.IntN(8))), uint8(random.IntN(9)/8)
		if err := schema.Seal(&o, 0); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, o)
	}
	for table, fresh := range map[string]any{"services": services, "ownerships": rows} {
		if err := db.InsertRows(t.Context(), table, fresh); err != nil {
			t.Fatal(err)
		}
	}
	p := &patterns{compiled: map[string]*regexp.Regexp{}}
	for i := range services {
		s := &services[i]
		var mine []schema.Ownership
		for _, o := range rows {
			if o.ServiceID == s.ServiceID || o.OfRepo() {
				mine = append(mine, p.claimed(o, s))
			}
		}
		var want [][]any
		for _, o := range owners(mine) {
			want = append(want, []any{o.ValidFrom.Format(time.DateOnly), o.TeamID})
		}
		_, got, err := db.Reader.Query(t.Context(), `SELECT toString(toDate(o.1)), o.2 FROM (SELECT arrayJoin(owners) AS o FROM service_owners WHERE service_id = {s:String}) ORDER BY o`,
			map[string]any{"s": s.ServiceID})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); d != "" || len(want) < 3 {
			t.Errorf("%s: derived (-) and viewed (+):\n%s", s.ServiceID, d)
		}
	}
}

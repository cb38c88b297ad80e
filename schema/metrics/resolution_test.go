package metrics

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/schema"
	"github.com/headway-metrics/headway/schema/migrations"
)

// TestResolutionIsThatOfTheFirstViews: the tables name the same service and team for
// every fact as the first views, whatever the catalogue says and however often it is
// corrected; only who has left every team has none, where the first views had the
// earliest.
func TestResolutionIsThatOfTheFirstViews(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	first, err := migrations.FS.ReadFile("0005_metric_views.sql")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`{{table "([a-z_]+)"}}`).ReplaceAllString(string(first), "$1")
	text = strings.ReplaceAll(regexp.MustCompile(`(?m)^--.*$`).ReplaceAllString(text, ""), "{{onCluster}}", "")
	left := regexp.MustCompile(`notEmpty\(a\.teams\), if\((arrayExists\(m -> m\.1 <= (\S+) AND \S+ < m\.2, a\.teams\)), (arrayFirst\(m -> .*?, a\.teams\)), a\.teams\[-1\]\)\.3,`)
	if n := len(left.FindAllString(text, -1)); n != 2 {
		t.Fatalf("%d views of 0005 name the team of who acted, want 2", n)
	}
	text = left.ReplaceAllString(text, "$1, $3.3, notEmpty(a.teams) AND $2 < a.teams[-1].1, a.teams[-1].3,")
	views := 0
	for statement := range strings.SplitSeq(text, ";") {
		if !strings.Contains(statement, "VIEW IF NOT EXISTS owned_") {
			continue
		}
		views++
		if err := w.Exec(t.Context(), strings.Replace(statement, "EXISTS owned_", "EXISTS first_", 1), nil); err != nil {
			t.Fatal(err)
		}
	}
	if views != 4 {
		t.Fatalf("0005 has %d views of owned facts, want 4", views)
	}
	random := rand.New(rand.NewPCG(3, 1))
	for round := range 3 {
		w.facts(t, randomFacts(random, round)...)
		for _, name := range []string{"uses", "requests", "tickets", "workloads"} {
			columns := "* EXCEPT (version, is_deleted)"
			if name == "uses" {
				columns = "* EXCEPT (source, version, is_deleted)" // The first view had no source.
			}
			_, rows, err := w.Reader.Query(t.Context(), fmt.Sprintf(`SELECT countIf(n != 2), count(), uniqExact(team_id), uniqExact(service_id) FROM (
				SELECT *, count() AS n FROM (SELECT %[2]s FROM resolved_%[1]s FINAL UNION ALL SELECT * FROM first_%[1]s) GROUP BY ALL)`, name, columns), nil)
			if err != nil {
				t.Fatal(err)
			}
			if r := rows[0]; r[0] != uint64(0) || r[1].(uint64) < 300 || r[2].(uint64) < 5 || r[3].(uint64) < 5 {
				t.Errorf("round %d, %s: %v rows differ of %v, of %v teams and %v services", round, name, r[0], r[1], r[2], r[3])
			}
		}
	}
}

// randomFacts are a catalogue and facts that name it in all the ways they can.
// Later rounds correct what earlier ones said.
func randomFacts(random *rand.Rand, round int) []schema.Fact {
	meta := schema.Meta{Version: schema.NewVersion(at("2026-01-01T00:00:00Z"), uint8(round))}
	day := func() time.Time {
		return at("2026-01-01T00:00:00Z").Add(time.Duration(random.IntN(180*24)) * time.Hour)
	}
	name := func(prefix string, n int) string { return fmt.Sprint(prefix, random.IntN(n)) }
	var out []schema.Fact
	for i := range 6 {
		out = append(out, &schema.Team{Meta: meta, TeamID: []string{"", "group:default/", "org/"}[i%3] + fmt.Sprint("t", i), Name: name("T", 8)})
	}
	team := func() string {
		return []string{"", "t1", "T2", "group:default/t1", "org/t2", "x/T3", "unknown", "a:t4/", "T5"}[random.IntN(9)]
	}
	for i := range 8 {
		out = append(out, &schema.Service{Meta: meta, ServiceID: fmt.Sprint("s", i), Aliases: []string{fmt.Sprint("k8s:s", i), name("alias", 4)}})
	}
	for range 8 + round*4 {
		out = append(out, &schema.Ownership{Meta: meta, ServiceID: name("s", 8), ValidFrom: day(), TeamID: team()})
		m := &schema.Membership{Meta: meta, PersonID: name("p", 9), TeamID: team(), ValidFrom: day()}
		if random.IntN(2) == 0 {
			m.ValidTo = new(m.ValidFrom.AddDate(0, 0, random.IntN(60)))
		}
		out = append(out, m)
	}
	for i := range 7 {
		out = append(out, &schema.Identity{Meta: meta, Ref: fmt.Sprint("github:p", i), PersonID: name("p", 9)})
	}
	service := func() string { return []string{"", name("s", 10), name("k8s:s", 10), name("alias", 5)}[random.IntN(4)] }
	actor := func() string { return []string{"", name("github:p", 9)}[random.IntN(2)] }
	for i := range 400 {
		out = append(out,
			&schema.CapabilityUse{Meta: meta, UseID: fmt.Sprint("u", i), CapabilityID: "c", At: day(), Qualifying: 1, TeamRef: team(), ServiceRef: service(), Actor: actor()},
			&schema.Request{Meta: meta, RequestID: fmt.Sprint("r", i), CreatedAt: day(), TeamRef: team(), ServiceRef: service(), Actor: actor()},
			&schema.Ticket{Meta: meta, TicketID: fmt.Sprint("k", i), CreatedAt: day(), TeamRef: team(), ServiceRef: service()},
			&schema.Workload{Meta: meta, WorkloadID: fmt.Sprint("w", i), Day: at("2026-02-02T00:00:00Z").AddDate(0, 0, i%9), TeamRef: team(), ServiceRef: service()})
	}
	return out
}

package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline/resolve"
	"github.com/headway-metrics/headway/schema"
)

// The tables hold what the views say, row for row, after facts, corrections,
// deletions and changes of the catalogue in any order and grouping, with workers
// that die in the middle (invariants 2 and 3).
func TestTablesAreTheirViews(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			db := clickhousetest.New(t)
			w := &world{t: t, db: db, random: rand.New(rand.NewPCG(seed, 5)), version: 1}
			r := resolve.New(db)
			handle(t, r, schema.DirtyNames) // As the pipeline begins.
			for round := range 4 {
				facts := w.facts(round)
				w.random.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
				for batch := range slices.Chunk(facts, len(facts)/3+w.random.IntN(len(facts))) {
					keys := w.store(batch)
					w.random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
					for dies := w.random.IntN(30); ; dies += 3 + w.random.IntN(9) {
						err := resolve.New(&dying{Store: db, after: dies}).Handle(t.Context(), keys)
						if err == nil {
							break
						}
						if !errors.Is(err, errDead) {
							t.Fatal(err)
						}
					}
				}
				wantTheViews(t, db, round)
			}
			before := written(t, db)
			handle(t, r, schema.DirtyAll)
			if after := written(t, db); after != before {
				t.Errorf("resolving everything again wrote rows:\n%s\n%s", before, after)
			}
			for _, table := range resolve.Tables() {
				if err := db.Exec(t.Context(), "TRUNCATE TABLE "+table, nil); err != nil {
					t.Fatal(err)
				}
			}
			handle(t, r, schema.DirtyNames) // As after an upgrade.
			wantTheViews(t, db, 5)
		})
	}
}

// A clock that is behind writes rows that count all the same.
func TestVersionsGrowWithoutTheClock(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	w := &world{t: t, db: db, random: rand.New(rand.NewPCG(1, 1)), version: 1}
	r := resolve.New(db)
	handle(t, r, append(w.store(w.facts(0)), schema.DirtyNames)...)
	if err := db.Exec(t.Context(), "INSERT INTO resolved_uses SELECT * REPLACE (version * 2 AS version, 'wrong' AS team_id) FROM resolved_uses FINAL", nil); err != nil {
		t.Fatal(err)
	}
	handle(t, r, schema.DirtyAll)
	wantTheViews(t, db, 0)
}

func handle(t *testing.T, r *resolve.Resolver, keys ...schema.DirtyKey) {
	t.Helper()
	if err := r.Handle(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
}

var errDead = errors.New("the worker died")

// dying is a store whose worker dies after so many statements; every second time the
// last of them was done.
type dying struct {
	resolve.Store
	after int
}

func (d *dying) Exec(ctx context.Context, sql string, args map[string]any) error {
	if d.after--; d.after > 0 {
		return d.Store.Exec(ctx, sql, args)
	}
	if d.after%2 == 0 {
		if err := d.Store.Exec(ctx, sql, args); err != nil {
			return err
		}
	}
	return errDead
}

// resolved are the tables of resolved rows without the prefix.
func resolved() []string {
	var out []string
	for _, table := range resolve.Tables() {
		if name, ok := strings.CutPrefix(table, "resolved_"); ok {
			out = append(out, name)
		}
	}
	return out
}

// wantTheViews compares every table with its view, row for row.
func wantTheViews(t *testing.T, db *clickhousetest.Database, round int) {
	t.Helper()
	for _, name := range resolved() {
		_, found, err := db.Query(t.Context(), fmt.Sprintf(`SELECT countIf(n != 2), count(), toString(groupArrayIf(3)(tuple(*), n != 2)) FROM (
			SELECT *, count() AS n FROM (SELECT * EXCEPT (version, is_deleted) FROM resolved_%[1]s FINAL UNION ALL SELECT * FROM owned_%[1]s) GROUP BY ALL)`, name), nil)
		if err != nil {
			t.Fatal(err)
		}
		if r := found[0]; r[0] != uint64(0) || r[1].(uint64) < 5 {
			t.Errorf("round %d, %s: %v rows differ of %v: %.500s", round, name, r[0], r[1], r[2])
		}
	}
}

// written is when each table was last written, but for the spans of merges, which
// always are. Rows are no sign, for merges in the background make them fewer.
func written(t *testing.T, db *clickhousetest.Database) string {
	t.Helper()
	var out []string
	for _, name := range resolved() {
		if name == "merge_spans" {
			continue
		}
		_, found, err := db.Query(t.Context(), "SELECT max(version) FROM resolved_"+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(name, " ", found[0]))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// world makes facts that name teams, services and people in all the ways they can.
type world struct {
	t       *testing.T
	db      *clickhousetest.Database
	random  *rand.Rand
	version int
}

// store stores a batch as the loader does and gives its dirty keys.
func (w *world) store(facts []schema.Fact) []schema.DirtyKey {
	w.t.Helper()
	var keys []schema.DirtyKey
	var deployed []schema.ChangeDeployed
	for _, f := range facts {
		if err := schema.Seal(f, 0); err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, f.DirtyKeys()...)
		if c, ok := f.(*schema.Change); ok && c.MergedAt != nil && w.random.IntN(2) == 0 {
			d := schema.ChangeDeployed{ChangeID: c.ChangeID, MergedAt: c.MergedAt, DeployedAt: *c.MergedAt}
			d.ServiceID, d.TeamID, d.Version = w.name("s", 8), w.name("t", 3), schema.MetaOf(c).Version
			deployed = append(deployed, d)
		}
		if _, ok := f.(*schema.Change); ok { // What is deployed of it is derived again.
			for i := range 8 {
				keys = append(keys, schema.DirtyService(fmt.Sprint("s", i)))
			}
		}
	}
	if err := w.db.Insert(w.t.Context(), facts); err != nil {
		w.t.Fatal(err)
	}
	if len(deployed) > 0 {
		if err := w.db.InsertRows(w.t.Context(), schema.ChangeDeployedTable, deployed); err != nil {
			w.t.Fatal(err)
		}
	}
	return keys
}

func (w *world) name(prefix string, n int) string { return fmt.Sprint(prefix, w.random.IntN(n)) }

func (w *world) day() time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(w.random.IntN(180*24)) * time.Hour)
}

func (w *world) midnight() time.Time { return w.day().Truncate(20 * 24 * time.Hour) }

func (w *world) team() string {
	return []string{"", "t1", "T2", "group:default/t1", "org/t2", "x/T3", "unknown", "a:t4/", "T5"}[w.random.IntN(9)]
}

func (w *world) service() string {
	return []string{"", w.name("s", 10), w.name("k8s:s", 10), w.name("alias", 5)}[w.random.IntN(4)]
}

func (w *world) workload() string { return []string{"", w.name("ns/w", 9)}[w.random.IntN(2)] }

func (w *world) meta() schema.Meta {
	w.version++
	return schema.Meta{Version: schema.NewVersion(time.UnixMilli(int64(1_767_225_600_000+w.version)), 0)}
}

// facts are the catalogue, wholly in the first round and in parts later, and facts
// of which later rounds correct and withdraw some.
func (w *world) facts(round int) []schema.Fact {
	out := w.catalogue(round)
	for i := range 60 >> min(round, 2) {
		id := fmt.Sprintf(`i'\%d`, i) // As nasty as an id can be.
		if round > 0 && w.random.IntN(4) == 0 {
			id = w.name("late", 40)
		}
		repo := w.name("github.com/acme/r", 6)
		c := &schema.Change{Meta: w.meta(), Repo: repo, ChangeID: repo + "#" + w.name("", 12), State: schema.ChangeMerged, OpenedAt: w.day(), MergedAt: new(w.day())}
		c.AuthorIsBot = uint8(w.random.IntN(6) / 5)
		completed := w.day()
		ns := w.name("w", 9)
		out = append(out, c,
			&schema.CapabilityUse{Meta: w.meta(), UseID: id, CapabilityID: w.name("c", 3), At: w.day(), Qualifying: uint8(min(w.random.IntN(5), 1)), TeamRef: w.team(), ServiceRef: w.service(), Actor: w.name("github:p", 9)},
			&schema.Request{Meta: w.meta(), RequestID: id, CreatedAt: w.day(), CompletedAt: []*time.Time{nil, &completed}[i%2], TeamRef: w.team(), ServiceRef: w.service(), Actor: w.name("github:p", 9)},
			&schema.Ticket{Meta: w.meta(), TicketID: id, Type: w.name("type", 3), CreatedAt: w.day(), TeamRef: w.team(), ServiceRef: w.service()},
			&schema.Workload{Meta: w.meta(), WorkloadID: "k8s:" + ns, Day: w.midnight(), Namespace: "ns", Name: ns, TeamRef: w.team(), ServiceRef: w.service()},
			&schema.PolicyResult{Meta: w.meta(), ResultID: id, Day: w.midnight(), At: w.day(), Outcome: schema.PolicyFail, Workload: w.workload(), TeamRef: w.team(), ServiceRef: w.service()},
			&schema.Cost{Meta: w.meta(), CostID: id, Day: w.midnight(), Amount: 3, Currency: "EUR", Workload: w.workload(), TeamRef: w.team(), ServiceRef: w.service()})
	}
	if round > 0 {
		for _, f := range out {
			if w.random.IntN(5) == 0 {
				schema.MarkDeleted(f)
			}
		}
	}
	return out
}

func (w *world) catalogue(round int) []schema.Fact {
	var out []schema.Fact
	some := func() bool { return round == 0 || w.random.IntN(4) == 0 }
	for i := range 6 {
		if some() {
			out = append(out, &schema.Team{Meta: w.meta(), TeamID: []string{"", "group:default/", "org/"}[i%3] + fmt.Sprint("t", i), Name: w.name("T", 8)})
		}
	}
	for i := range 8 {
		if some() {
			s := &schema.Service{Meta: w.meta(), ServiceID: fmt.Sprint("s", i), Repo: w.name("github.com/acme/r", 6), Aliases: []string{fmt.Sprint("k8s:s", i), w.name("alias", 4)}}
			if w.random.IntN(3) == 0 {
				s.Paths = []string{"p/"}
			}
			out = append(out, s)
		}
		for range 3 {
			if !some() {
				continue
			}
			out = append(out, &schema.Ownership{Meta: w.meta(), ServiceID: w.name("s", 10), ValidFrom: w.day(), TeamID: w.team()})
		}
		if some() {
			m := &schema.Membership{Meta: w.meta(), PersonID: w.name("p", 9), TeamID: w.team(), ValidFrom: w.day()}
			if w.random.IntN(2) == 0 {
				m.ValidTo = new(m.ValidFrom.AddDate(0, 0, w.random.IntN(60)))
			}
			out = append(out, m)
		}
		if some() {
			out = append(out, &schema.Identity{Meta: w.meta(), Ref: fmt.Sprint("github:p", i), PersonID: w.name("p", 9)})
		}
	}
	return out
}

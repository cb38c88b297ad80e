package recompute_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/pipeline/recompute"
	"github.com/headway-metrics/headway/schema"
	"github.com/headway-metrics/headway/schema/metrics"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// services of the history: each deploys one version to two regions, an hour apart,
// and has one incident. That is one release, or two when nothing may fan out.
const services = 40

var day = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// topic stands for the topic of dirty keys.
type topic struct {
	mu        sync.Mutex
	published []schema.DirtyKey
	// meanwhile are keys that others publish during the run.
	meanwhile []schema.DirtyKey
}

func (o *topic) PublishDirty(_ context.Context, keys ...schema.DirtyKey) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.published = append(o.published, keys...)
	return nil
}

func (o *topic) DirtySince(context.Context, time.Time) ([]schema.DirtyKey, error) {
	return o.meanwhile, nil
}

func (o *topic) take() []schema.DirtyKey {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := o.published
	o.published = nil
	return out
}

func now() time.Time { return day.AddDate(0, 1, 0) }

func deployment(t *testing.T, id, repo, environment string, finished time.Time) schema.Fact {
	t.Helper()
	d := &schema.Deployment{
		DeploymentID: id, Repo: repo, Environment: environment, TierHint: schema.TierProduction, Version: "v" + finished.Format(time.DateOnly),
		Status: schema.StatusSuccess, CreatedAt: finished.Add(-time.Minute), FinishedAt: &finished,
	}
	if err := schema.Seal(d, 0); err != nil {
		t.Fatal(err)
	}
	return d
}

// history is a database with facts and what follows from them with the default options.
func history(t *testing.T) *clickhousetest.Database {
	t.Helper()
	db := clickhousetest.New(t)
	var facts []schema.Fact
	for i := range services {
		repo := fmt.Sprintf("git.example/acme/r%03d", i)
		i := &schema.IncidentUpdate{IncidentID: "i-" + repo, UpdateID: "1", At: day.Add(3 * time.Hour), Kind: schema.IncidentTriggered, ServiceRefs: []string{repo}}
		if err := schema.Seal(i, 0); err != nil {
			t.Fatal(err)
		}
		facts = append(facts, i, deployment(t, "east-"+repo, repo, "east", day.Add(time.Hour)), deployment(t, "west-"+repo, repo, "west", day.Add(2*time.Hour)))
	}
	if err := db.Insert(t.Context(), facts); err != nil {
		t.Fatal(err)
	}
	pipeline(t, db, derive.DefaultOptions(), schema.DirtyAll)
	return db
}

// pipeline derives into the tables in force what keys name.
func pipeline(t *testing.T, db *clickhousetest.Database, opts derive.Options, keys ...schema.DirtyKey) {
	t.Helper()
	o := &topic{}
	d, err := derive.New(derive.Config{Store: db.Conn, Outbox: o, Options: opts, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for len(keys) > 0 {
		if err := d.Handle(t.Context(), keys); err != nil {
			t.Fatal(err)
		}
		keys = o.take()
	}
}

// noFanOut are options by which every deployment is a release of its own.
func noFanOut() derive.Options {
	opts := derive.DefaultOptions()
	opts.FanOutWindow = 0
	return opts
}

func options(db *clickhousetest.Database, o *topic) recompute.Options {
	return recompute.Options{
		Store: db.Conn, Dirty: o, Derive: noFanOut(), Now: now, Log: slog.New(slog.DiscardHandler),
		Copy: func(ctx context.Context, tables ...string) (recompute.Copies, error) {
			return clickhouse.NewCopies(ctx, db.Conn, "", tables...)
		},
	}
}

// rows are the derived rows that count, without versions.
func rows(t *testing.T, db *clickhousetest.Database) derive.Output {
	t.Helper()
	var out derive.Output
	for sql, dest := range map[string]any{
		"SELECT * FROM releases FINAL ORDER BY service_id, release_id":        &out.Releases,
		"SELECT * FROM changes_deployed FINAL ORDER BY service_id, change_id": &out.Changes,
		"SELECT * FROM incidents FINAL ORDER BY service_id, incident_id":      &out.Incidents,
	} {
		if err := db.Select(t.Context(), dest, sql, nil); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func diff(want, got derive.Output) string {
	return cmp.Diff(want, got, cmpopts.IgnoreFields(schema.DerivedMeta{}, "Version"))
}

// tables are the names of the database's tables that are or copy derived ones.
func tables(t *testing.T, db *clickhousetest.Database) []string {
	t.Helper()
	var found []struct {
		Name string `ch:"name"`
	}
	sql := "SELECT name FROM system.tables WHERE database = currentDatabase() AND match(name, '^(releases|changes_deployed|incidents)') ORDER BY name"
	if err := db.Select(t.Context(), &found, sql, nil); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range found {
		out = append(out, f.Name)
	}
	return out
}

func checkTables(t *testing.T, db *clickhousetest.Database) {
	t.Helper()
	if got := tables(t, db); !slices.Equal(got, []string{"changes_deployed", "incidents", "releases"}) {
		t.Errorf("tables %v", got)
	}
}

func annotations(t *testing.T, db *clickhousetest.Database) []schema.Annotation {
	t.Helper()
	var out []schema.Annotation
	if err := db.Select(t.Context(), &out, "SELECT at, metric, version, title, text FROM annotations", nil); err != nil {
		t.Fatal(err)
	}
	return out
}

// reader counts releases over and over as the dashboards' user, until stop.
func reader(t *testing.T, db *clickhousetest.Database) (stop func() map[uint64]int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	seen := map[uint64]int{}
	first, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		var once sync.Once
		defer once.Do(func() { close(first) })
		for ctx.Err() == nil {
			var n []struct {
				N uint64 `ch:"n"`
			}
			if err := db.Reader.Select(context.WithoutCancel(ctx), &n, "SELECT count() AS n FROM releases FINAL", nil); err != nil {
				ended <- err
				return
			}
			seen[n[0].N]++
			once.Do(func() { close(first) })
		}
		ended <- nil
	}()
	<-first
	return func() map[uint64]int {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("reading meanwhile: %v", err)
		}
		return seen
	}
}

func TestHistoryIsRebuiltBesideTheOldOne(t *testing.T) {
	t.Parallel()
	db := history(t)
	old := rows(t, db)
	o := &topic{}
	opts := options(db, o)
	var last [2]int
	opts.OnProgress = func(done, total int) { last = [2]int{done, total} }
	stop := reader(t, db)
	m, _ := metrics.ByID("deployment_frequency")
	a, n, err := recompute.Run(t.Context(), opts, recompute.Change{Metric: m.ID, Version: m.Version, Reason: "each region counts"})
	if err != nil {
		t.Fatal(err)
	}
	seen := stop()
	if n != services || last != [2]int{services, services} {
		t.Errorf("derived %d services, progress %v", n, last)
	}
	for count := range seen {
		if count != services && count != 2*services {
			t.Errorf("a reader saw %d releases %d times", count, seen[count])
		}
	}
	if seen[services] == 0 {
		t.Errorf("the reader never saw the old history: %v", seen)
	}
	got := rows(t, db)
	if len(old.Releases) != services || len(got.Releases) != 2*services || len(got.Incidents) != services {
		t.Errorf("%d releases before, %d and %d incidents after", len(old.Releases), len(got.Releases), len(got.Incidents))
	}
	checkTables(t, db)
	if keys := o.take(); !slices.Equal(keys, []schema.DirtyKey{schema.DirtyAll}) {
		t.Errorf("published %v", keys)
	}
	want := schema.Annotation{At: now(), Metric: m.ID, Version: uint32(m.Version), Title: fmt.Sprintf("%s: definition version %d", m.Title, m.Version), Text: "each region counts"}
	if d := cmp.Diff([]schema.Annotation{want}, annotations(t, db)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want, a); d != "" {
		t.Error(d)
	}

	// What a deriver with these options and nothing to build on makes of the facts.
	for _, table := range recompute.Tables() {
		if err := db.Exec(t.Context(), "TRUNCATE TABLE "+table, nil); err != nil {
			t.Fatal(err)
		}
	}
	pipeline(t, db, noFanOut(), schema.DirtyAll)
	if d := diff(rows(t, db), got); d != "" {
		t.Errorf("the rebuilt history is not the derived one (-derived +rebuilt):\n%s", d)
	}
}

// TestTheSameRulesGiveTheSameHistory holds a run to building on nothing: a row
// that it found stored already would be missing in the copies.
func TestTheSameRulesGiveTheSameHistory(t *testing.T) {
	t.Parallel()
	db := history(t)
	old := rows(t, db)
	opts := options(db, &topic{})
	opts.Derive = derive.DefaultOptions()
	a, _, err := recompute.Run(t.Context(), opts, recompute.Change{Reason: "  to be sure "})
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(old, rows(t, db)); d != "" {
		t.Errorf("history changed:\n%s", d)
	}
	if want := (schema.Annotation{At: now(), Title: "History derived anew", Text: "to be sure"}); a != want {
		t.Errorf("annotation %+v", a)
	}
}

// TestMetricsReadOneDerivedTable holds to what the switch relies on: tables are
// exchanged one after another, so a metric of two could see one new and one old.
func TestMetricsReadOneDerivedTable(t *testing.T) {
	t.Parallel()
	read := regexp.MustCompile(`\b(?:FROM|JOIN) (releases|incidents|changes_deployed)\b`)
	for _, m := range metrics.Catalogue() {
		tables := map[string]bool{}
		for _, match := range read.FindAllStringSubmatch(m.PointsSQL(metrics.Slice{From: "1", To: "2", Zone: "'UTC'", Every: metrics.Total}), -1) {
			tables[match[1]] = true
		}
		// Of releases reliability reads only when a service had its first.
		if len(tables) > 1 && m.ID != "reliability" {
			t.Errorf("%s reads %v", m.ID, tables)
		}
		if m.ID == "reliability" && len(tables) != 2 {
			t.Errorf("reliability reads %v: the exception, and the decision in docs/ARCHITECTURE.md, are out of date", tables)
		}
	}
}

// TestThePipelineGoesOn has facts arrive during the run and after it.
func TestThePipelineGoesOn(t *testing.T) {
	t.Parallel()
	db := history(t)
	o := &topic{meanwhile: []schema.DirtyKey{schema.DirtyRepo("git.example/acme/late"), schema.DirtyService("git.example/acme/r000"), schema.DirtyService("git.example/acme/late")}}
	opts := options(db, o)
	arrived := false
	opts.OnProgress = func(done, total int) {
		if done < total || arrived {
			return
		}
		arrived = true
		late := deployment(t, "late", "git.example/acme/late", "east", day.Add(time.Hour))
		again := deployment(t, "again", "git.example/acme/r000", "east", day.AddDate(0, 0, 1))
		if err := db.Insert(t.Context(), []schema.Fact{late, again}); err != nil {
			t.Error(err)
		}
		pipeline(t, db, noFanOut(), schema.DirtyRepo("git.example/acme/late"), schema.DirtyRepo("git.example/acme/r000"))
	}
	if _, _, err := recompute.Run(t.Context(), opts, recompute.Change{}); err != nil {
		t.Fatal(err)
	}
	got := rows(t, db)
	if !arrived || len(got.Releases) != 2*services+2 {
		t.Errorf("%d releases, want %d: what arrived during the run is not there", len(got.Releases), 2*services+2)
	}
	// Once the pipeline has heard of it nothing is left to write.
	var before, after []struct {
		N uint64 `ch:"n"`
	}
	count := "SELECT (SELECT count() FROM releases) + (SELECT count() FROM incidents) + (SELECT count() FROM changes_deployed) AS n"
	if err := db.Select(t.Context(), &before, count, nil); err != nil {
		t.Fatal(err)
	}
	pipeline(t, db, noFanOut(), o.take()...)
	if err := db.Select(t.Context(), &after, count, nil); err != nil {
		t.Fatal(err)
	}
	if before[0].N != after[0].N {
		t.Errorf("the pipeline wrote %d rows that were there", after[0].N-before[0].N)
	}
}

// TestTheCatalogueStaysUnapplied holds a run to noting nothing that is true only
// of the tables in force: the pipeline has still to apply the catalogue to them.
func TestTheCatalogueStaysUnapplied(t *testing.T) {
	t.Parallel()
	db := history(t)
	s := &schema.Service{ServiceID: "shop", Repo: "git.example/acme/r000"}
	if err := schema.Seal(s, 0); err != nil {
		t.Fatal(err)
	}
	if err := db.Insert(t.Context(), []schema.Fact{s}); err != nil {
		t.Fatal(err)
	}
	opts := options(db, &topic{})
	ctx, cancel := context.WithCancel(t.Context())
	opts.OnStep = func(step string) {
		if strings.HasPrefix(step, "Deriving") {
			cancel()
		}
	}
	if _, _, err := recompute.Run(ctx, opts, recompute.Change{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want that it was cancelled", err)
	}
	pipeline(t, db, derive.DefaultOptions(), schema.DirtyCatalog)
	if !slices.ContainsFunc(rows(t, db).Releases, func(r schema.Release) bool { return r.ServiceID == "shop" }) {
		t.Error("the pipeline believes that the catalogue is applied")
	}
}

func TestAnInterruptionLeavesTheOldHistory(t *testing.T) {
	t.Parallel()
	db := history(t)
	old := rows(t, db)
	for _, c := range []struct {
		name string
		// at says at which report the run is interrupted.
		step string
		done int
	}{
		{"before anything is derived", "Finding the services", -1},
		{"in the middle", "", 0},
		{"when all is derived", "", services},
	} {
		opts := options(db, &topic{})
		ctx, cancel := context.WithCancel(t.Context())
		opts.OnStep = func(step string) {
			if step == c.step {
				cancel()
			}
		}
		opts.OnProgress = func(done, _ int) {
			if done == c.done {
				cancel()
			}
		}
		_, _, err := recompute.Run(ctx, opts, recompute.Change{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want that it was cancelled", c.name, err)
		}
		if d := diff(old, rows(t, db)); d != "" {
			t.Errorf("%s: history changed:\n%s", c.name, d)
		}
		if got := annotations(t, db); len(got) > 0 {
			t.Errorf("%s: annotated %v", c.name, got)
		}
		checkTables(t, db)
	}
}

// TestARunThatDied finds what a killed process leaves: half-filled copies before
// the switch, old tables after it.
func TestARunThatDied(t *testing.T) {
	t.Parallel()
	db := history(t)
	copies, err := clickhouse.NewCopies(t.Context(), db.Conn, "", recompute.Tables()...)
	if err != nil {
		t.Fatal(err)
	}
	old := rows(t, db)
	if err := db.InsertRows(t.Context(), copies.Name(schema.ReleaseTable), old.Releases[:1]); err != nil {
		t.Fatal(err)
	}
	if _, _, err := recompute.Run(t.Context(), options(db, &topic{}), recompute.Change{}); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, db); len(got.Releases) != 2*services {
		t.Errorf("%d releases", len(got.Releases))
	}
	checkTables(t, db)
	// Were it alive after all, it could no longer do harm.
	if err := copies.Switch(t.Context()); err == nil {
		t.Error("a run switched to tables that a later one has dropped")
	}
	if got := rows(t, db); len(got.Releases) != 2*services {
		t.Errorf("%d releases", len(got.Releases))
	}
}

func TestTheDefinitionMustBeThisBinarys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change recompute.Change
		want   string
	}{
		{recompute.Change{Metric: "speed", Version: 1}, `there is no metric "speed"`},
		{recompute.Change{Metric: "lead_time", Version: 7}, "this Headway has version 1 of lead_time, not 7"},
		{recompute.Change{Version: 2}, "needs the metric"},
	} {
		opts := recompute.Options{
			Store: untouched{}, Dirty: &topic{}, Derive: derive.DefaultOptions(), Now: now, Log: slog.New(slog.DiscardHandler),
			Copy: func(context.Context, ...string) (recompute.Copies, error) { return nil, errors.New("tables were made") },
		}
		_, _, err := recompute.Run(t.Context(), opts, c.change)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.change, err, c.want)
		}
	}
}

// untouched is a store that nobody may use.
type untouched struct{ derive.Store }

package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/schema"
	"github.com/headway-metrics/headway/schema/migrations"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

func query(t *testing.T, c *clickhouse.Conn, sql string, args map[string]any) [][]any {
	t.Helper()
	_, rows, err := c.Query(t.Context(), sql, args)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return rows
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestInsertFacts(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	merged := at("2026-01-02T03:04:05Z").Add(678 * time.Millisecond)
	change := &schema.Change{Repo: "h/a", ChangeID: "h/a#1", Number: 1, State: "merged", MergedAt: &merged, Labels: []string{"x", "y"}}
	change.Version, change.Source = 2, "github"
	older := *change
	older.Version, older.Title = 1, "older"
	facts := []schema.Fact{
		&schema.Commit{Repo: "h/a", SHA: "1", Parents: []string{"0"}, CommittedAt: merged},
		change, &older,
		&schema.Commit{Repo: "h/a", SHA: "2"},
	}
	for range 2 { // Redelivered: the same final tables (invariant 3).
		if err := db.Insert(t.Context(), facts); err != nil {
			t.Fatal(err)
		}
	}
	want := [][]any{{"h/a#1", uint64(1), "", merged, nil, []any{"x", "y"}}}
	got := query(t, db.Conn, "SELECT change_id, number, title, merged_at, closed_at, labels FROM changes FINAL", nil)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := query(t, db.Reader, "SELECT sha, parents FROM commits FINAL ORDER BY sha", nil); !reflect.DeepEqual(got, [][]any{{"1", []any{"0"}}, {"2", []any{}}}) {
		t.Errorf("commits %v", got)
	}
	if err := db.Insert(t.Context(), nil); err != nil {
		t.Errorf("inserting nothing: %v", err)
	}
}

// TestEveryFactFitsItsTable inserts an empty row of every kind: a column that a
// struct names and its table lacks fails here.
func TestEveryFactFitsItsTable(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	facts := []schema.Fact{
		&schema.RepoName{}, &schema.Commit{}, &schema.Tag{}, &schema.Change{}, &schema.Review{}, &schema.Build{}, &schema.Deployment{},
		&schema.IncidentUpdate{}, &schema.Ticket{}, &schema.Request{}, &schema.Service{}, &schema.Ownership{},
		&schema.Team{}, &schema.Person{}, &schema.Membership{}, &schema.Identity{}, &schema.Capability{}, &schema.CapabilityUse{},
		&schema.Workload{}, &schema.Finding{}, &schema.FindingStart{}, &schema.Scan{}, &schema.PolicyResult{}, &schema.Cost{}, &schema.SurveyAnswer{}, &schema.SurveyParticipation{}, &schema.Receipt{}, &schema.DeadLetter{},
	}
	for _, f := range facts {
		if err := db.Insert(t.Context(), []schema.Fact{f}); err != nil {
			t.Errorf("%T: %v", f, err)
		}
	}
}

func TestInsertRows(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	r := schema.Release{ReleaseID: "r1", FinishedAt: at("2026-01-01T00:00:00Z")}
	r.ServiceID, r.Version = "s", 1
	if err := db.InsertRows(t.Context(), schema.ReleaseTable, []schema.Release{r}); err != nil {
		t.Fatal(err)
	}
	r.ReleaseID = "r2"
	if err := db.InsertRows(t.Context(), schema.ReleaseTable, []*schema.Release{&r}); err != nil {
		t.Fatal(err)
	}
	var back []schema.Release
	if err := db.Select(t.Context(), &back, "SELECT * FROM releases FINAL WHERE service_id = {s:String} ORDER BY release_id", map[string]any{"s": "s"}); err != nil {
		t.Fatal(err)
	}
	if len(back) != 2 || back[1].ReleaseID != "r2" || back[0].FailedAt != nil || !back[0].FinishedAt.Equal(r.FinishedAt) {
		t.Errorf("got %+v", back)
	}
	for name, rows := range map[string]any{"no slice": r, "no structs": []int{1}, "no tags": []struct{ A int }{{1}}} {
		if err := db.InsertRows(t.Context(), schema.ReleaseTable, rows); err == nil {
			t.Errorf("%s: inserted", name)
		}
	}
	if err := db.InsertRows(t.Context(), "nosuch", []schema.Release{r}); err == nil || clickhouse.ErrorCode(err) != 60 {
		t.Errorf("an unknown table: %v", err)
	}
}

func TestQueryValues(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	moment := time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC)
	for _, tt := range []struct {
		sql  string
		arg  any
		want any
	}{
		{"SELECT {v:String}", "it's \\ a\ttab\nand 🚀", "it's \\ a\ttab\nand 🚀"},
		{"SELECT {v:String}", "', 1) --", "', 1) --"},
		{"SELECT {v:Nullable(String)}", nil, nil},
		{"SELECT {v:UInt64}", uint64(18446744073709551615), uint64(18446744073709551615)},
		{"SELECT {v:Int32}", -5, int64(-5)},
		{"SELECT {v:Float64}", 0.1, 0.1},
		{"SELECT {v:Bool}", true, true},
		{"SELECT {v:DateTime64(3, 'UTC')}", moment, moment},
		{"SELECT {v:DateTime64(3, 'UTC')}", moment.In(time.FixedZone("", 7200)), moment},
		{"SELECT {v:Array(String)}", []string{"a", "it's"}, []any{"a", "it's"}},
		{"SELECT {v:Array(String)}", []string{}, []any{}},
		{"SELECT toUInt8(3)", nil, uint64(3)},
		{"SELECT toFloat32(0.5)", nil, 0.5},
		{"SELECT toDecimal64(1.25, 2)", nil, 1.25},
		{"SELECT toDate('2026-01-02')", nil, at("2026-01-02T00:00:00Z")},
		{"SELECT toDateTime('2026-01-02 03:04:05', 'Europe/Berlin')", nil, at("2026-01-02T02:04:05Z")},
		{"SELECT toLowCardinality('x')", nil, "x"},
		{"SELECT CAST('a', 'Enum8(\\'a\\' = 1)')", nil, "a"},
		{"SELECT CAST(NULL, 'Nullable(Float64)')", nil, nil},
		{"SELECT NULL", nil, nil},
		{"SELECT [1.5, NULL]", nil, []any{1.5, nil}},
		{"SELECT map('a', 1)", nil, map[string]any{"a": uint64(1)}},
		{"SELECT tuple(1, 'a')", nil, []any{uint64(1), "a"}},
		{"SELECT toUUID('00000000-0000-0000-0000-000000000001')", nil, "00000000-0000-0000-0000-000000000001"},
		{"SELECT quantileExactInclusive(0.5)(x) FROM (SELECT toFloat64(1) AS x WHERE 0)", nil, nil},
	} {
		args := map[string]any{"unused": 1}
		if strings.Contains(tt.sql, "{v:") {
			args["v"] = tt.arg
		}
		for who, c := range map[string]*clickhouse.Conn{"writer": db.Conn, "reader": db.Reader} {
			rows := query(t, c, tt.sql, args)
			got := rows[0][0]
			if f, ok := got.(float64); ok && math.IsNaN(f) { // Of an empty aggregate.
				got = nil
			}
			if !cmp.Equal(got, tt.want) {
				t.Errorf("%s as %s: got %#v, want %#v", tt.sql, who, got, tt.want)
			}
		}
	}
}

func TestQueryNullsDoNotRepeat(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	got := query(t, db.Conn, "SELECT arrayJoin([1, NULL, 3]) AS a, if(a = 3, [], [a]) AS b", nil)
	want := [][]any{{uint64(1), []any{uint64(1)}}, {nil, []any{nil}}, {uint64(3), []any{}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestQueryTyped(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	columns, rows, err := db.QueryTyped(t.Context(), "SELECT 1 AS a, CAST(NULL, 'Nullable(Float64)') AS b WHERE 0", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []clickhouse.Column{{Name: "a", Type: "UInt8"}, {Name: "b", Type: "Nullable(Float64)"}}
	if diff := cmp.Diff(want, columns); diff != "" || len(rows) != 0 {
		t.Error(diff, rows)
	}
}

func TestQueryErrors(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	_, _, err := db.Query(t.Context(), "SELECT * FROM nosuch", nil)
	if clickhouse.ErrorCode(err) != 60 {
		t.Errorf("an unknown table: code %d, %v", clickhouse.ErrorCode(err), err)
	}
	// The rows before a failure must not pass for the answer.
	_, rows, err := db.Query(t.Context(), "SELECT throwIf(number = 200000) FROM numbers(300000) SETTINGS max_block_size = 1000", nil)
	if err == nil || rows != nil {
		t.Errorf("a query that fails half way: %d rows, %v", len(rows), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, _, err = db.Reader.Query(ctx, "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))", nil)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 10*time.Second {
		t.Errorf("a deadline: %v after %s", err, time.Since(began))
	}
	long, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, _, err := db.Reader.Query(long, "SELECT 1", nil); err != nil {
		t.Errorf("a deadline above the reader's cap: %v", err)
	}
}

func TestReaderCannotWrite(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	if err := db.Reader.Insert(t.Context(), []schema.Fact{&schema.Commit{SHA: "1"}}); err == nil {
		t.Error("the reader inserted")
	}
	if err := db.Reader.Exec(t.Context(), "DROP TABLE commits", nil); err == nil {
		t.Error("the reader dropped a table")
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	db := clickhousetest.Empty(t)
	wrong := db.WriteConfig
	wrong.Password = "wrong"
	_, err := clickhouse.Open(t.Context(), wrong)
	if err == nil || strings.Contains(err.Error(), "wrong") && !strings.Contains(err.Error(), "as "+wrong.Username) {
		t.Errorf("a wrong password: %v", err)
	}
	nobody := db.WriteConfig
	nobody.Addresses = []string{"127.0.0.1:1"}
	if _, err := clickhouse.Open(t.Context(), nobody); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("no server: %v", err)
	}
	for _, cfg := range []clickhouse.Config{{}, {Addresses: []string{"a:1"}}, {Addresses: []string{"a:1"}, Database: "d"}} {
		if _, err := clickhouse.Open(t.Context(), cfg); err == nil {
			t.Errorf("opened %+v", cfg)
		}
	}
}

func TestMigrateTwiceAndAtOnce(t *testing.T) {
	t.Parallel()
	db := clickhousetest.Empty(t)
	errs := make(chan error, 4)
	for range 4 {
		go func() {
			errs <- clickhouse.Migrate(t.Context(), db.Conn, migrations.FS, clickhouse.MigrateOptions{})
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if err := clickhouse.Migrate(t.Context(), db.Conn, migrations.FS, clickhouse.MigrateOptions{}); err != nil {
		t.Error(err)
	}
}

func TestMigrateRefuses(t *testing.T) {
	t.Parallel()
	db := clickhousetest.Empty(t)
	files := func(n int, body string) fstest.MapFS {
		out := fstest.MapFS{}
		for i := 1; i <= n; i++ {
			sql := fmt.Sprintf("-- %s\nCREATE TABLE IF NOT EXISTS {{table \"t%d\"}} {{onCluster}} (a UInt8)\nENGINE = {{mergeTree}} ORDER BY a;\n", body, i)
			out[fmt.Sprintf("%04d_t.sql", i)] = &fstest.MapFile{Data: []byte(sql)}
		}
		return out
	}
	run := func(f fstest.MapFS) error {
		return clickhouse.Migrate(t.Context(), db.Conn, f, clickhouse.MigrateOptions{})
	}
	if err := run(files(2, "first")); err != nil {
		t.Fatal(err)
	}
	if err := run(files(3, "first")); err != nil {
		t.Fatalf("one more file: %v", err)
	}
	var newer *clickhouse.NewerSchemaError
	if err := run(files(2, "first")); !errors.As(err, &newer) || newer.Applied != 3 || newer.Known != 2 {
		t.Errorf("an older binary: %v", err)
	}
	var edited *clickhouse.EditedMigrationError
	if err := run(files(3, "second")); !errors.As(err, &edited) || edited.Name != "0001_t.sql" {
		t.Errorf("an edited file: %v", err)
	}
	for name, f := range map[string]fstest.MapFS{
		"a wrong name":     {"x.sql": &fstest.MapFile{}},
		"a number twice":   {"0001_a.sql": &fstest.MapFile{}, "0001_b.sql": &fstest.MapFile{}},
		"a wrong template": {"0001_a.sql": &fstest.MapFile{Data: []byte("{{nosuch}}")}},
	} {
		if err := run(f); err == nil {
			t.Errorf("%s was applied", name)
		}
	}
	bad := files(3, "first")
	bad["0004_bad.sql"] = &fstest.MapFile{Data: []byte("SELECT 1;\nSELEC 2;\n")}
	if err := run(bad); err == nil || !strings.Contains(err.Error(), "0004_bad.sql, statement 2") {
		t.Errorf("a statement that fails: %v", err)
	}
	if got := query(t, db.Conn, "SELECT count() FROM schema_migrations FINAL", nil); got[0][0] != uint64(3) {
		t.Errorf("%v migrations are recorded, want 3", got[0][0])
	}
}

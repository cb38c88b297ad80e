package clickhouse

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/schema/migrations"
)

func TestRenderForACluster(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"0001_a.sql": &fstest.MapFile{Data: []byte(
		`CREATE TABLE {{table "t"}} {{onCluster}} ENGINE = {{replacing "version, is_deleted"}} ORDER BY a;` + "\n" +
			`CREATE TABLE {{table "u"}} {{onCluster}} ENGINE = {{mergeTree}} ORDER BY a;`)}}
	for _, tt := range []struct {
		opts MigrateOptions
		want []string
	}{
		{MigrateOptions{Database: "d"}, []string{
			"CREATE TABLE `d`.`t`  ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY a",
			"CREATE TABLE `d`.`u`  ENGINE = MergeTree() ORDER BY a",
		}},
		{MigrateOptions{Database: "d", Cluster: "c"}, []string{
			"CREATE TABLE `d`.`t` ON CLUSTER `c` ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version, is_deleted) ORDER BY a",
			"CREATE TABLE `d`.`u` ON CLUSTER `c` ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}') ORDER BY a",
		}},
	} {
		got, err := readMigrations(files, tt.opts)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got[0].statements); diff != "" {
			t.Error(diff)
		}
	}
}

func TestSplitStatements(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sql  string
		want []string
	}{
		{"", nil},
		{"-- only a comment\n", nil},
		{"SELECT 1", []string{"SELECT 1"}},
		{"SELECT 1;\nSELECT 2;\n-- end", []string{"SELECT 1", "SELECT 2"}},
		{"-- why\nSELECT\n  ';' AS a,\n  2;  \n", []string{"-- why\nSELECT\n  ';' AS a,\n  2"}},
	} {
		got := splitStatements(tt.sql)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q: %s", tt.sql, diff)
		}
	}
}

// TestMigrationsAreWellFormed: every file renders, has statements, and each can
// be repeated.
func TestMigrationsAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, cluster := range []string{"", "c"} {
		files, err := readMigrations(fs.FS(migrations.FS), MigrateOptions{Database: "d", Cluster: cluster})
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range files {
			if m.number != i+1 || len(m.statements) == 0 {
				t.Errorf("%s: number %d at place %d, %d statements", m.name, m.number, i+1, len(m.statements))
			}
			for _, s := range m.statements {
				if strings.Contains(s, "CREATE") && !strings.Contains(s, "IF NOT EXISTS") && !strings.Contains(s, "OR REPLACE") {
					t.Errorf("%s: a statement cannot be repeated: %.80s", m.name, s)
				}
				// Rows that one replica takes, the others fetch.
				if cluster != "" && !strings.Contains(s, "ON CLUSTER") && !strings.Contains(s, "INSERT INTO") {
					t.Errorf("%s: a statement misses {{onCluster}}: %.80s", m.name, s)
				}
			}
		}
	}
}

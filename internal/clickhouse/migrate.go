package clickhouse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
)

// MigrateOptions choose what the templates of the DDL render.
type MigrateOptions struct {
	// Database of all tables; empty means the connection's.
	Database string
	// Cluster is the ClickHouse cluster to define tables on, replicated with
	// Keeper; empty means a single server.
	Cluster string
}

const migrationsTable = "schema_migrations"

// replicaPath is the place of a replicated table in Keeper.
const replicaPath = "'/clickhouse/tables/{shard}/{database}/{table}'"

// NewerSchemaError says that the database was migrated by a newer Headway.
type NewerSchemaError struct {
	Database string
	// Applied is the newest migration of the database, Known that of this binary.
	Applied, Known int
}

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("the database %s has schema version %d and this Headway knows only up to %d: "+
		"run a Headway at least as new as the one that migrated it (migrations go forward only), or use another database",
		e.Database, e.Applied, e.Known)
}

// EditedMigrationError says that a migration changed after it was applied.
type EditedMigrationError struct {
	Name string
}

func (e *EditedMigrationError) Error() string {
	return fmt.Sprintf("the migration %s differs from the one the database was built with: "+
		"restore the file and put the change into a new one", e.Name)
}

type migration struct {
	number     int
	name       string
	checksum   string
	statements []string
}

// Migrate brings the database to the newest of the files NNNN_name.sql at the
// root of fsys and makes the database when it is missing. Each file is a
// text/template whose statements end with a line ending in ";". Its functions:
//
//	{{table "t"}}                     the qualified, quoted name of a table
//	{{onCluster}}                     ON CLUSTER …, or nothing
//	{{replacing "version, deleted"}}  the ReplacingMergeTree engine
//	{{mergeTree}}                     the MergeTree engine
//
// A statement must be safe to repeat (IF NOT EXISTS): a migration that was
// interrupted, or that another process runs at once, is run again.
func Migrate(ctx context.Context, conn *Conn, fsys fs.FS, opts MigrateOptions) error {
	if opts.Database == "" {
		opts.Database = conn.cfg.Database
	}
	files, err := readMigrations(fsys, opts)
	if err != nil {
		return err
	}
	db, err := openBare(ctx, conn.cfg)
	if err != nil {
		return err
	}
	err = migrate(ctx, db, files, opts)
	if cerr := db.Close(); cerr != nil && err == nil {
		err = fmt.Errorf("closing the migration's connection: %w", cerr)
	}
	return err
}

func migrate(ctx context.Context, db driver.Conn, files []migration, opts MigrateOptions) error {
	if opts.Cluster != "" {
		// Return when every replica has the table, not when one has.
		ctx = driver.Context(ctx, driver.WithSettings(driver.Settings{"distributed_ddl_task_timeout": 60}))
	}
	f := opts.functions()
	setup := []string{
		"CREATE DATABASE IF NOT EXISTS " + quote(opts.Database) + " " + opts.onCluster(),
		"CREATE TABLE IF NOT EXISTS " + opts.table(migrationsTable) + " " + opts.onCluster() +
			" (number UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC')) ENGINE = " +
			f["replacing"].(func(string) string)("applied_at") + " ORDER BY number",
	}
	for _, s := range setup {
		if err := db.Exec(ctx, s); err != nil {
			return fmt.Errorf("preparing the database %s: %w", opts.Database, err)
		}
	}
	applied, err := appliedMigrations(ctx, db, opts)
	if err != nil {
		return err
	}
	known := 0
	for _, m := range files {
		known = max(known, m.number)
	}
	for number := range applied {
		if number > known {
			return &NewerSchemaError{Database: opts.Database, Applied: number, Known: known}
		}
	}
	for _, m := range files {
		switch checksum, ok := applied[m.number]; {
		case ok && checksum != m.checksum:
			return &EditedMigrationError{Name: m.name}
		case ok:
			continue
		}
		if err := apply(ctx, db, m, opts); err != nil {
			return err
		}
	}
	return nil
}

func appliedMigrations(ctx context.Context, db driver.Conn, opts MigrateOptions) (map[int]string, error) {
	var rows []struct {
		Number   uint32 `ch:"number"`
		Checksum string `ch:"checksum"`
	}
	if err := db.Select(ctx, &rows, "SELECT number, checksum FROM "+opts.table(migrationsTable)+" FINAL"); err != nil {
		return nil, fmt.Errorf("reading the applied migrations: %w", err)
	}
	out := make(map[int]string, len(rows))
	for _, r := range rows {
		out[int(r.Number)] = r.Checksum
	}
	return out, nil
}

func apply(ctx context.Context, db driver.Conn, m migration, opts MigrateOptions) error {
	for i, s := range m.statements {
		if err := db.Exec(ctx, s); err != nil {
			return fmt.Errorf("migration %s, statement %d: %w", m.name, i+1, err)
		}
	}
	insert := "INSERT INTO " + opts.table(migrationsTable) + " (number, name, checksum, applied_at)"
	batch, err := db.PrepareBatch(ctx, insert)
	if err != nil {
		return fmt.Errorf("recording the migration %s: %w", m.name, err)
	}
	if err := batch.Append(uint32(m.number), m.name, m.checksum, time.Now().UTC()); err != nil { //nolint:gosec // Four digits.
		return errors.Join(fmt.Errorf("recording the migration %s: %w", m.name, err), batch.Abort())
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("recording the migration %s: %w", m.name, err)
	}
	return nil
}

func (o MigrateOptions) table(name string) string { return quote(o.Database) + "." + quote(name) }

func (o MigrateOptions) onCluster() string {
	if o.Cluster == "" {
		return ""
	}
	return "ON CLUSTER " + quote(o.Cluster)
}

func (o MigrateOptions) functions() template.FuncMap {
	engine := func(family string, args ...string) string {
		if o.Cluster != "" {
			family = "Replicated" + family
			args = append([]string{replicaPath, "'{replica}'"}, args...)
		}
		return family + "(" + strings.Join(args, ", ") + ")"
	}
	return template.FuncMap{
		"table":     o.table,
		"onCluster": o.onCluster,
		"replacing": func(args string) string { return engine("ReplacingMergeTree", args) },
		"mergeTree": func() string { return engine("MergeTree") },
	}
}

var migrationName = regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)

// readMigrations renders the files in order of their numbers.
func readMigrations(fsys fs.FS, opts MigrateOptions) ([]migration, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("listing the migrations: %w", err)
	}
	var out []migration
	for _, name := range names { // Glob sorts.
		m := migrationName.FindStringSubmatch(path.Base(name))
		if m == nil {
			return nil, fmt.Errorf("the migration %s is not named NNNN_name.sql", name)
		}
		number, err := strconv.Atoi(m[1])
		if err != nil {
			return nil, fmt.Errorf("the migration %s: %w", name, err)
		}
		if len(out) > 0 && out[len(out)-1].number == number {
			return nil, fmt.Errorf("two migrations have the number %04d: %s and %s", number, out[len(out)-1].name, name)
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("reading the migration %s: %w", name, err)
		}
		t, err := template.New(name).Funcs(opts.functions()).Parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("the migration %s: %w", name, err)
		}
		var b bytes.Buffer
		if err := t.Execute(&b, nil); err != nil {
			return nil, fmt.Errorf("the migration %s: %w", name, err)
		}
		sum := sha256.Sum256(b.Bytes())
		out = append(out, migration{number: number, name: name, checksum: hex.EncodeToString(sum[:]), statements: splitStatements(b.String())})
	}
	return out, nil
}

// splitStatements cuts behind every line that ends in ";" and drops pieces that
// hold nothing but comments.
func splitStatements(sql string) []string {
	var out []string
	var piece []string
	empty := true
	flush := func() {
		if !empty {
			out = append(out, strings.TrimSuffix(strings.TrimSpace(strings.Join(piece, "\n")), ";"))
		}
		piece, empty = nil, true
	}
	for line := range strings.Lines(sql) {
		line = strings.TrimRight(line, " \t\r\n")
		piece = append(piece, line)
		code := strings.TrimSpace(line)
		if code == "" || strings.HasPrefix(code, "--") {
			continue
		}
		empty = false
		if strings.HasSuffix(code, ";") {
			flush()
		}
	}
	flush()
	return out
}

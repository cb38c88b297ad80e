package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
)

// nextInfix stands between a table's name and the number of the run that made the
// copy. No other table may have it in its name.
const nextInfix = "_next_"

// Copies are empty tables beside others, of the same form, which are filled and
// then put in their place. Their names are of one run: another run drops them as
// leftovers, and what the first one does with them then fails instead of mixing.
type Copies struct {
	conn   *Conn
	opts   MigrateOptions
	tables []string
	run    int64
}

// NewCopies makes an empty copy of each table and drops those that earlier runs
// have left behind. Only Drop and another NewCopies remove them.
func NewCopies(ctx context.Context, conn *Conn, cluster string, tables ...string) (*Copies, error) {
	c := &Copies{conn: conn, opts: MigrateOptions{Database: conn.cfg.Database, Cluster: cluster}, tables: tables, run: time.Now().UnixNano()}
	if err := c.dropLeftovers(ctx); err != nil {
		return nil, err
	}
	engines, err := c.engines(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		err := c.exec(ctx, "CREATE TABLE "+c.opts.table(c.Name(t))+" "+c.opts.onCluster()+" AS "+c.opts.table(t)+" ENGINE = "+ownPath(engines[t]))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("making the copy of %s: %w", t, err), c.Drop(context.WithoutCancel(ctx)))
		}
	}
	return c, nil
}

// Name is the name of a table's copy.
func (c *Copies) Name(table string) string {
	return table + nextInfix + strconv.FormatInt(c.run, 10)
}

// Switch puts every copy in the place of its table, and the table in that of its
// copy. A query sees a table before or after, never without rows; between two
// tables there is an instant, because ClickHouse exchanges one pair at a time. On
// a cluster every replica has all rows before the first one switches, and the
// replicas switch one after another.
func (c *Copies) Switch(ctx context.Context) error {
	var pairs []string
	for _, t := range c.tables {
		if c.opts.Cluster != "" {
			if err := c.exec(ctx, "SYSTEM SYNC REPLICA "+c.opts.onCluster()+" "+c.opts.table(c.Name(t))); err != nil {
				return fmt.Errorf("waiting until every replica has the new %s: %w", t, err)
			}
		}
		pairs = append(pairs, c.opts.table(t)+" AND "+c.opts.table(c.Name(t)))
	}
	if err := c.exec(ctx, "EXCHANGE TABLES "+strings.Join(pairs, ", ")+" "+c.opts.onCluster()); err != nil {
		return fmt.Errorf("exchanging %s: %w", strings.Join(c.tables, ", "), err)
	}
	return nil
}

// Drop removes what now has the names of the copies: the copies themselves, or
// after Switch the tables that they have replaced.
func (c *Copies) Drop(ctx context.Context) error {
	var errs []error
	for _, t := range c.tables {
		errs = append(errs, c.drop(ctx, c.Name(t)))
	}
	return errors.Join(errs...)
}

func (c *Copies) drop(ctx context.Context, name string) error {
	if err := c.exec(ctx, "DROP TABLE IF EXISTS "+c.opts.table(name)+" "+c.opts.onCluster()+" SYNC"); err != nil {
		return fmt.Errorf("dropping %s: %w", name, err)
	}
	return nil
}

func (c *Copies) dropLeftovers(ctx context.Context) error {
	tables, err := c.described(ctx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		of, _, found := strings.Cut(t.Name, nextInfix)
		if !found || !slices.Contains(c.tables, of) {
			continue
		}
		if err := c.drop(ctx, t.Name); err != nil {
			return err
		}
	}
	return nil
}

// engines are those of the tables, with keys and settings.
func (c *Copies) engines(ctx context.Context) (map[string]string, error) {
	tables, err := c.described(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(tables))
	for _, t := range tables {
		out[t.Name] = t.Engine
	}
	for _, t := range c.tables {
		if out[t] == "" {
			return nil, fmt.Errorf("there is no table %s in the database %s to copy", t, c.opts.Database)
		}
	}
	return out, nil
}

type describedTable struct {
	Name   string `ch:"name"`
	Engine string `ch:"engine_full"`
}

func (c *Copies) described(ctx context.Context) ([]describedTable, error) {
	var out []describedTable
	err := c.conn.Select(ctx, &out, "SELECT name, engine_full FROM system.tables WHERE database = {database:String}", map[string]any{"database": c.opts.Database})
	if err != nil {
		return nil, fmt.Errorf("listing the tables of %s: %w", c.opts.Database, err)
	}
	return out, nil
}

func (c *Copies) exec(ctx context.Context, sql string) error {
	if c.opts.Cluster != "" {
		// As in migrate: return when every replica has done it.
		ctx = driver.Context(ctx, driver.WithSettings(driver.Settings{"distributed_ddl_task_timeout": 60}))
	}
	return c.conn.db.Exec(ctx, sql)
}

var keeperPath = regexp.MustCompile(`^(Replicated\w*MergeTree\()'[^']*'`)

// ownPath gives a replicated engine a place in Keeper by the name of its table: the
// place of the table that is copied is taken, and written out in its engine.
func ownPath(engine string) string {
	return keeperPath.ReplaceAllString(engine, `${1}`+replicaPath)
}

package year

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Store is where the year is made.
type Store interface {
	Exec(ctx context.Context, sql string, args map[string]any) error
	InsertRows(ctx context.Context, table string, rows any) error
	Select(ctx context.Context, dest any, sql string, args map[string]any) error
}

// Loaded is what was put into one table.
type Loaded struct {
	Table string
	Rows  int64
	Took  time.Duration
}

// step is one table's statements: total units of work, each statement does at
// most atOnce of them.
type step struct {
	name, table   string
	total, atOnce int64
}

// rowsAtOnce bounds what one statement makes, and so its memory.
const rowsAtOnce = 4_000_000

func (p *plan) steps() []step {
	perRepo := func(rowsPerSlot float64) int64 {
		return max(1, int64(rowsAtOnce/rowsPerSlot/(float64(p.Slots)/float64(p.Repositories))))
	}
	perService := max(1, rowsAtOnce/4*p.Services/p.Points)
	whole := func(name string) step { return step{name, name, 1, 1} }
	return []step{
		whole("teams"), whole("people"), whole("identities"), whole("memberships"), whole("capabilities"), whole("services"), whole("ownerships"),
		{"roots", "commits", 1, 1},
		{"commits", "commits", p.Repositories, perRepo(3)},
		{"changes", "changes", p.Repositories, perRepo(1)},
		{"reviews", "reviews", p.Repositories, perRepo(2)},
		{"tags", "tags", p.Services, perService},
		{"deployments", "deployments", p.Services, perService},
		{"incidents", "incident_updates", p.Services, p.Services},
		{"tickets", "tickets", p.Tickets, rowsAtOnce},
		{"requests", "requests", p.Requests, rowsAtOnce},
		{"capability_uses", "capability_uses", p.Uses, rowsAtOnce},
		{"workloads", "workloads", p.Workloads * days, rowsAtOnce},
		whole("survey_answers"), whole("survey_participation"),
		{"builds", "builds", p.Repositories, perRepo(float64(p.JobsPerSlot))},
	}
}

// Load makes the year in an empty database. onTable is told of each table when
// it is done.
func Load(ctx context.Context, db Store, o Options, onTable func(Loaded)) (Counts, error) {
	p, err := newPlan(o)
	if err != nil {
		return Counts{}, err
	}
	if err := p.writeScratch(ctx, db); err != nil {
		return p.Counts, err
	}
	for _, s := range p.steps() {
		began := time.Now()
		for from := int64(0); from < s.total; from += s.atOnce {
			sql, err := p.statement(s.name, from, min(s.atOnce, s.total-from))
			if err != nil {
				return p.Counts, err
			}
			if err := db.Exec(ctx, sql, nil); err != nil {
				return p.Counts, fmt.Errorf("making %s from %d: %w", s.name, from, err)
			}
		}
		took := time.Since(began)
		rows, err := count(ctx, db, s.table)
		if err != nil {
			return p.Counts, err
		}
		onTable(Loaded{s.table, rows, took})
	}
	return p.Counts, db.Exec(ctx, "DROP DATABASE "+scratch, nil)
}

func (p *plan) writeScratch(ctx context.Context, db Store) error {
	sql, err := p.statement("scratch", 0, 0)
	if err != nil {
		return err
	}
	statements := append([]string{"DROP DATABASE IF EXISTS " + scratch, "CREATE DATABASE " + scratch}, strings.Split(sql, ";\n")...)
	for _, s := range statements {
		if err := db.Exec(ctx, s, nil); err != nil {
			return fmt.Errorf("preparing the scratch tables: %w", err)
		}
	}
	if err := db.InsertRows(ctx, scratch+".repos", p.repos); err != nil {
		return err
	}
	return db.InsertRows(ctx, scratch+".services", p.services)
}

func count(ctx context.Context, db Store, table string) (int64, error) {
	var rows []struct {
		N uint64 `ch:"n"`
	}
	if err := db.Select(ctx, &rows, "SELECT count() AS n FROM "+table, nil); err != nil {
		return 0, fmt.Errorf("counting %s: %w", table, err)
	}
	return int64(rows[0].N), nil //nolint:gosec // Far below the limit.
}

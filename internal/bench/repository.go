package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"text/tabwriter"
	"time"

	"github.com/headway-metrics/headway/collectors/git/gittest"
	"github.com/headway-metrics/headway/internal/app"
	"github.com/headway-metrics/headway/internal/clickhouse"
)

// RepositoryOptions of a measurement of one large repository.
type RepositoryOptions struct {
	Commits int
	// Pushes that are measured, each of ten commits and a tag.
	Pushes int
	Seed   uint64
	Logger *slog.Logger
	// OnStep is told what is done now.
	OnStep func(step string)
}

// RepositoryReport is what was measured of it.
type RepositoryReport struct {
	Cores           int
	Commits, Merges int
	Releases        uint64
	// First is the time from the start of Headway until everything is derived.
	First time.Duration
	// Pushes are the times from a push until its release is in what a metric query
	// reads; up to askEvery of each is waiting for the next look at the repository.
	// Accepted are those from when Kafka had the first of what was pushed.
	Pushes, Accepted []time.Duration
	Memory           Memory
}

const (
	askEvery      = time.Second
	pushedCommits = 10
	tagEvery      = 1000
	// historyYears is how long ago the history begins; a commit takes about ten minutes.
	historyYears = 10
)

// Limits that the measurements are compared with.
const (
	limitFirst  = time.Minute
	limitPush   = 2 * time.Second
	limitMemory = 1 << 30
)

// RunRepository measures how long a real repository takes from the start of
// Headway, and what is pushed to it afterwards.
func RunRepository(ctx context.Context, o RepositoryOptions) (RepositoryReport, error) {
	r := RepositoryReport{Cores: runtime.NumCPU()}
	if o.Commits < tagEvery || o.Pushes < 1 {
		return r, fmt.Errorf("use %d commits or more, and one push or more", tagEvery)
	}
	dir, err := os.MkdirTemp("", "headway-bench")
	if err != nil {
		return r, fmt.Errorf("making a directory for the measurement: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // It is in the system's temporary directory.
	path := filepath.Join(dir, "large.git")
	o.OnStep(fmt.Sprintf("Making a repository of %d commits", o.Commits))
	shape := gittest.Shape{Seed: o.Seed, Commits: o.Commits, TagEvery: tagEvery, Start: time.Now().AddDate(-historyYears, 0, 0).Unix()}
	repo, err := gittest.Generate(ctx, path, shape)
	if err != nil {
		return r, err
	}
	r.Commits, r.Merges = repo.Commits, repo.Merges
	debug.FreeOSMemory()
	forgetPeak(os.Getpid())
	cfg, err := configuration(dir, fmt.Sprintf("  git: {interval: %s, repositories: [{name: large, url: %s}]}\n", askEvery, path))
	if err != nil {
		return r, err
	}
	o.OnStep("Reading it")
	began := time.Now()
	a, err := app.New(app.Options{Config: cfg, Roles: app.AllRoles(), Logger: o.Logger})
	if err != nil {
		return r, err
	}
	if err := a.Start(ctx); err != nil {
		return r, err
	}
	client, err := app.Dial(cfg, o.Logger)
	if err == nil {
		err = r.measure(ctx, a, client, o, path, began)
		client.Close()
	}
	return r, errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
}

func (r *RepositoryReport) measure(ctx context.Context, a *app.App, client *app.Client, o RepositoryOptions, path string, began time.Time) error {
	conn, err := client.Reader(ctx)
	if err != nil {
		return err
	}
	if err := a.Settle(ctx); err != nil {
		return err
	}
	r.First = time.Since(began)
	commits, err := countRows(ctx, conn, "commits", "1 = 1")
	if err != nil {
		return err
	}
	if commits != uint64(r.Commits) { //nolint:gosec // Never negative.
		return fmt.Errorf("%d commits are loaded, %d were made", commits, r.Commits)
	}
	if r.Releases, err = countRows(ctx, conn, "releases", "succeeded = 1 AND commit_known = 1 AND excluded = ''"); err != nil {
		return err
	}
	if r.Releases == 0 {
		return errors.New("no release was found")
	}
	for n := range o.Pushes {
		o.OnStep(fmt.Sprintf("Pushing %d commits and a tag, %d of %d", pushedCommits, n+1, o.Pushes))
		tag := fmt.Sprintf("v1000.%d.0", n)
		// Releases of one moment are not of one fan-out: they differ in version.
		if err := gittest.Extend(ctx, path, pushedCommits, tag, time.Now()); err != nil {
			return err
		}
		pushed := time.Now()
		if err := awaitVersion(ctx, conn, tag); err != nil {
			return err
		}
		visible := time.Now()
		accepted, err := firstAccepted(ctx, conn, pushed)
		if err != nil {
			return err
		}
		r.Pushes = append(r.Pushes, visible.Sub(pushed))
		r.Accepted = append(r.Accepted, visible.Sub(accepted))
	}
	r.Memory = memoryNow()
	return nil
}

func countRows(ctx context.Context, conn *clickhouse.Conn, table, where string) (uint64, error) {
	var rows []struct {
		N uint64 `ch:"n"`
	}
	if err := conn.Select(ctx, &rows, "SELECT count() AS n FROM "+table+" FINAL WHERE "+where, nil); err != nil {
		return 0, err
	}
	return rows[0].N, nil
}

// firstAccepted is when the first event of what was pushed was accepted.
func firstAccepted(ctx context.Context, conn *clickhouse.Conn, pushed time.Time) (time.Time, error) {
	var rows []struct {
		At time.Time `ch:"at"`
	}
	err := conn.Select(ctx, &rows, fmt.Sprintf("SELECT min(received_at) AS at FROM receipts WHERE received_at >= fromUnixTimestamp64Milli(%d)", pushed.UnixMilli()), nil)
	if err != nil {
		return time.Time{}, err
	}
	if len(rows) != 1 || rows[0].At.Before(pushed.Truncate(time.Millisecond)) {
		return time.Time{}, errors.New("no receipt of what was pushed")
	}
	return rows[0].At, nil
}

func awaitVersion(ctx context.Context, conn *clickhouse.Conn, version string) error {
	tick := time.NewTicker(latePoll)
	defer tick.Stop()
	for {
		n, err := countRows(ctx, conn, "releases", "succeeded = 1 AND deployed_version = '"+version+"'")
		if err != nil {
			return err
		}
		if n > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Write prints the report as a table.
func (r RepositoryReport) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", what, fmt.Sprintf(format, args...)) }
	row("machine", "%d cores, %s/%s, %s", r.Cores, runtime.GOOS, runtime.GOARCH, processor())
	row("repository", "%d commits, %d merges, %d releases", r.Commits, r.Merges, r.Releases)
	row("first", "%s from the start of Headway until all is derived (%.2f of the limit %s)", round(r.First), ratio(r.First, limitFirst), limitFirst)
	row("push", "%d commits and a tag: median %s, worst %s from their acceptance until the release is visible (%.2f of the limit %s)",
		pushedCommits, round(quantile(r.Accepted, 0.5)), round(quantile(r.Accepted, 1)), ratio(quantile(r.Accepted, 0.5), limitPush), limitPush)
	row("", "median %s, worst %s with the wait until they are looked for, every %s, and fetched", round(quantile(r.Pushes, 0.5)), round(quantile(r.Pushes, 1)), askEvery)
	row("peak memory", "%d MB Headway with its broker (%.2f of the limit %d MB), %d MB ClickHouse", r.Memory.Headway>>20,
		float64(r.Memory.Headway)/limitMemory, limitMemory>>20, r.Memory.ClickHouse>>20)
	return t.Flush()
}

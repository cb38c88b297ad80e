package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Late is what one late event did.
type Late struct {
	Service string
	// Visible is the time from publishing until the release is in what a metric
	// query reads.
	Visible time.Duration
	// Rewritten are derived rows written since, by service.
	Rewritten map[string]uint64
}

// latePoll is how often the release is looked for.
const latePoll = 25 * time.Millisecond

// late deploys to production what the year left undeployed of one repository.
func (y *yearRun) late(ctx context.Context) error {
	var targets []struct {
		Service string `ch:"service_id"`
		Repo    string `ch:"repo"`
		Commit  string `ch:"sha"`
	}
	// The repository of one service of middling size, whose senders name commits.
	err := y.write.Select(ctx, &targets, `SELECT service_id, repo, argMax(c.sha, c.committed_at) AS sha
FROM commits AS c INNER JOIN (
  SELECT service_id, repo FROM services FINAL WHERE empty(paths) AND repo NOT IN (SELECT DISTINCT repo FROM tags) ORDER BY service_id LIMIT 1
) AS s USING (repo) GROUP BY service_id, repo`, nil)
	if err != nil {
		return err
	}
	if len(targets) != 1 {
		return fmt.Errorf("%d services to deploy instead of one", len(targets))
	}
	target := targets[0]
	before, err := y.number(ctx, "SELECT greatest("+eachTable("(SELECT max(version) FROM %s)")+") AS n")
	if err != nil {
		return err
	}
	at := y.Year.End.Add(-time.Hour)
	id := fmt.Sprintf("late-%d", time.Now().UnixNano())
	body, err := json.Marshal(map[string]any{
		"id": id, "repository": target.Repo, "environment": "production", "commit": target.Commit,
		"status": schema.StatusSuccess, "created_at": at, "finished_at": at,
	})
	if err != nil {
		return fmt.Errorf("encoding the late deployment: %w", err)
	}
	y.OnStep("Sending one late deployment")
	began := time.Now()
	err = y.app.Publish(ctx, schema.Event{ID: id, Source: "api", Type: "api.deployment", Subject: id, Key: id, Time: began.UTC(), Data: body})
	if err != nil {
		return err
	}
	if err := y.awaitRelease(ctx, target.Service, id); err != nil {
		return err
	}
	y.report.Late = &Late{Service: target.Service, Visible: time.Since(began), Rewritten: map[string]uint64{}}
	if err := y.app.Settle(ctx); err != nil {
		return err
	}
	var rows []struct {
		Service string `ch:"service_id"`
		N       uint64 `ch:"n"`
	}
	sql := "SELECT service_id, count() AS n FROM (" + strings.ReplaceAll(eachTable(fmt.Sprintf("SELECT toString(service_id) AS service_id FROM %%s WHERE version > %d", before)), ", ", " UNION ALL ") + ") GROUP BY service_id"
	if err := y.write.Select(ctx, &rows, sql, nil); err != nil {
		return err
	}
	for _, r := range rows {
		y.report.Late.Rewritten[r.Service] = r.N
	}
	return nil
}

// eachTable formats every derived table, with commas between.
func eachTable(format string) string {
	var out []string
	for _, t := range derivedTables() {
		out = append(out, fmt.Sprintf(format, t))
	}
	return strings.Join(out, ", ")
}

func (y *yearRun) awaitRelease(ctx context.Context, service, deployment string) error {
	tick := time.NewTicker(latePoll)
	defer tick.Stop()
	for {
		var rows []struct {
			N uint64 `ch:"n"`
		}
		err := y.read.Select(ctx, &rows, `SELECT count() AS n FROM releases FINAL
WHERE service_id = {service:String} AND has(deployments, {deployment:String}) AND succeeded = 1`, map[string]any{"service": service, "deployment": deployment})
		if err != nil {
			return err
		}
		if rows[0].N > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

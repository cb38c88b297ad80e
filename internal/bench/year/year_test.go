package year_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/bench/year"
	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

func options() year.Options {
	return year.Options{Seed: 1, Scale: 0.002, End: time.Date(2026, 6, 29, 0, 0, 0, 0, time.UTC)}
}

// TestTheYearIsConsistent makes a small year and checks that what its rows name
// is there, and that the pipeline finds its deliveries.
func TestTheYearIsConsistent(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	rows := map[string]int64{}
	counts, err := year.Load(t.Context(), db, options(), func(l year.Loaded) { rows[l.Table] = l.Rows })
	if err != nil {
		t.Fatal(err)
	}
	near := func(table string, want int64) {
		t.Helper()
		if got := rows[table]; float64(got) < 0.95*float64(want) || float64(got) > 1.05*float64(want) {
			t.Errorf("%d rows of %s, want about %d", got, table, want)
		}
	}
	near("commits", 3*counts.Slots)
	near("changes", counts.Merged())
	near("reviews", counts.Merged()*3/2)
	near("deployments", counts.Deployments)
	near("builds", counts.Slots*counts.JobsPerSlot)
	near("tickets", counts.Tickets)
	near("capability_uses", counts.Uses)
	near("requests", counts.Requests)
	near("workloads", counts.Workloads*364)
	near("services", counts.Services)
	if got := number(t, db, "SELECT uniqExact(incident_id) AS n FROM incident_updates"); got != counts.Incidents {
		t.Errorf("%d incidents, want %d", got, counts.Incidents)
	}
	for name, sql := range map[string]string{
		"keys of commits that stand twice":        `SELECT count() - uniqExact(repo, sha) AS n FROM commits`,
		"keys of deployments that stand twice":    `SELECT count() - uniqExact(deployment_id) AS n FROM deployments`,
		"keys of builds that stand twice":         `SELECT count() - uniqExact(repo, build_id) AS n FROM builds`,
		"keys of reviews that stand twice":        `SELECT count() - uniqExact(repo, change_id, review_id) AS n FROM reviews`,
		"parents that are not there":              `SELECT countIf((repo, parent) NOT IN (SELECT repo, sha FROM commits)) AS n FROM (SELECT repo, arrayJoin(parents) AS parent FROM commits)`,
		"commits without parents, beyond roots":   `SELECT countIf(empty(parents)) - uniqExact(repo) AS n FROM commits`,
		"commits that are older than their repo":  `SELECT countIf(committed_at < toDateTime('2020-01-01')) AS n FROM commits`,
		"SHAs that are none":                      `SELECT countIf(NOT match(sha, '^[0-9a-f]{40}$')) AS n FROM commits`,
		"merge commits that are not there":        `SELECT countIf((repo, merge_sha) NOT IN (SELECT repo, sha FROM commits)) AS n FROM changes`,
		"deployed commits that are not there":     `SELECT countIf((repo, commit) NOT IN (SELECT repo, sha FROM commits)) AS n FROM deployments WHERE commit != ''`,
		"deployed versions without tag or commit": `SELECT countIf((repo, deployed_version) NOT IN (SELECT repo, name FROM tags)) AS n FROM deployments WHERE commit = ''`,
		"tagged commits that are not there":       `SELECT countIf((repo, commit) NOT IN (SELECT repo, sha FROM commits)) AS n FROM tags`,
		"requests whose times run backwards":      `SELECT countIf(opened_at > merged_at) AS n FROM changes`,
		"reviews of unknown requests":             `SELECT countIf((repo, change_id) NOT IN (SELECT repo, change_id FROM changes)) AS n FROM reviews`,
		"services of unknown repositories":        `SELECT countIf(repo NOT IN (SELECT repo FROM commits)) AS n FROM services`,
		"owners that are no team":                 `SELECT countIf(team_id NOT IN (SELECT team_id FROM teams)) AS n FROM ownerships`,
		"events after the end": `SELECT countIf(at > toDateTime('2026-06-29')) AS n FROM (
			SELECT merged_at AS at FROM changes UNION ALL SELECT finished_at FROM deployments UNION ALL SELECT at FROM incident_updates UNION ALL SELECT created_at FROM tickets)`,
	} {
		if got := number(t, db, sql); got != 0 {
			t.Errorf("%d %s", got, name)
		}
	}
	deriveAll(t, db)
	deployed := number(t, db, "SELECT uniqExact(change_id) AS n FROM changes_deployed FINAL WHERE kind = 'request'")
	if merged := rows["changes"]; float64(deployed) < 0.8*float64(merged) {
		t.Errorf("%d of %d merged requests are deployed", deployed, merged)
	}
	for name, sql := range map[string]string{
		"releases":           `SELECT countIf(succeeded = 1 AND baseline = 0) AS n FROM releases FINAL`,
		"rollbacks":          `SELECT countIf(failure_rule = 'rollback') AS n FROM releases FINAL`,
		"named failures":     `SELECT countIf(failure_rule = 'explicit') AS n FROM releases FINAL`,
		"recoveries":         `SELECT countIf(recovered_at IS NOT NULL) AS n FROM releases FINAL`,
		"lead times":         `SELECT countIf(lead_seconds > 0) AS n FROM changes_deployed FINAL`,
		"releases elsewhere": `SELECT countIf(length(environments) = 2) AS n FROM releases FINAL`,
		"incidents":          `SELECT countIf(resolved_at IS NOT NULL) AS n FROM incidents FINAL`,
		"teams of uses":      `SELECT countIf(team_id != '') AS n FROM owned_uses`,
	} {
		if number(t, db, sql) == 0 {
			t.Errorf("no %s", name)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, o := range []year.Options{
		{Scale: 0, End: options().End},
		{Scale: 100, End: options().End},
		{Scale: 1, End: options().End.Add(time.Hour)},
		{Scale: 1, End: options().End.AddDate(0, 0, 1)},
	} {
		if o.Validate() == nil {
			t.Errorf("%+v is valid", o)
		}
	}
	monday := time.Date(2026, 6, 29, 0, 0, 0, 0, time.UTC)
	for _, now := range []time.Time{monday, monday.Add(time.Hour), monday.AddDate(0, 0, 7).Add(-time.Second)} {
		if got := year.LastMonday(now); !got.Equal(monday) {
			t.Errorf("LastMonday(%s) = %s", now, got)
		}
	}
}

func number(t *testing.T, db *clickhousetest.Database, sql string) int64 {
	t.Helper()
	var rows []struct {
		N int64 `ch:"n"`
	}
	if err := db.Select(t.Context(), &rows, "SELECT toInt64(n) AS n FROM ("+sql+")", nil); err != nil {
		t.Fatal(err)
	}
	return rows[0].N
}

// queue is an outbox whose keys are handled by the test itself.
type queue struct {
	mu   sync.Mutex
	keys []schema.DirtyKey
}

func (q *queue) PublishDirty(_ context.Context, keys ...schema.DirtyKey) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.keys = append(q.keys, keys...)
	return nil
}

func (q *queue) take() []schema.DirtyKey {
	q.mu.Lock()
	defer q.mu.Unlock()
	keys := q.keys
	q.keys = nil
	return keys
}

func deriveAll(t *testing.T, db *clickhousetest.Database) {
	t.Helper()
	q := &queue{}
	d, err := derive.New(derive.Config{Store: db, Outbox: q, Options: derive.DefaultOptions(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for keys := []schema.DirtyKey{schema.DirtyCatalog}; len(keys) > 0; keys = q.take() {
		if err := d.Handle(t.Context(), keys); err != nil {
			t.Fatal(err)
		}
	}
}

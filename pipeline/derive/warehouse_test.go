package derive_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// outbox remembers what was published.
type outbox struct {
	mu   sync.Mutex
	keys []schema.DirtyKey
	err  error
}

func (o *outbox) PublishDirty(_ context.Context, keys ...schema.DirtyKey) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.keys = append(o.keys, keys...)
	}
	return o.err
}

// settle handles keys and all that are published in turn, as the topic would.
func settle(t *testing.T, d *derive.Deriver, o *outbox, keys ...schema.DirtyKey) []schema.DirtyKey {
	t.Helper()
	var services []schema.DirtyKey
	for len(keys) > 0 {
		if err := d.Handle(t.Context(), keys); err != nil {
			t.Fatal(err)
		}
		o.mu.Lock()
		keys, o.keys = o.keys, nil
		o.mu.Unlock()
		services = append(services, keys...)
	}
	return services
}

// spy counts what is written to a store.
type spy struct {
	derive.Store
	mu      sync.Mutex
	written map[string]int
}

func (s *spy) InsertRows(ctx context.Context, table string, rows any) error {
	s.mu.Lock()
	s.written[table]++
	s.mu.Unlock()
	return s.Store.InsertRows(ctx, table, rows)
}

func newDeriver(t *testing.T, store derive.Store, o *outbox) *derive.Deriver {
	t.Helper()
	d, err := derive.New(derive.Config{
		Store: store, Outbox: o, Options: derive.DefaultOptions(), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return day.AddDate(0, 1, 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// facts are those of a world, sealed, with versions that grow.
func (w *world) facts() []schema.Fact {
	var out []schema.Fact
	for i := range w.rep.Commits {
		out = append(out, &w.rep.Commits[i])
	}
	for i := range w.rep.Changes {
		out = append(out, &w.rep.Changes[i])
	}
	for i := range w.rep.Tags {
		out = append(out, &w.rep.Tags[i])
	}
	for i := range w.rep.Reviews {
		out = append(out, &w.rep.Reviews[i])
	}
	for i := range w.in.Deployments {
		out = append(out, &w.in.Deployments[i])
	}
	for i := range w.in.Incidents {
		out = append(out, &w.in.Incidents[i])
	}
	for i := range w.in.Ownerships {
		out = append(out, &w.in.Ownerships[i])
	}
	for _, f := range out {
		if err := schema.Seal(f, 0); err != nil {
			w.t.Fatal(err)
		}
	}
	return out
}

// stored are the rows that count, as the queries of metrics see them.
func stored(t *testing.T, db *clickhousetest.Database, id string) derive.Output {
	t.Helper()
	var out derive.Output
	args := map[string]any{"id": id}
	for sql, dest := range map[string]any{
		"SELECT * FROM releases FINAL WHERE service_id = {id:String} ORDER BY release_id":        &out.Releases,
		"SELECT * FROM changes_deployed FINAL WHERE service_id = {id:String} ORDER BY change_id": &out.Changes,
		"SELECT * FROM incidents FINAL WHERE service_id = {id:String} ORDER BY incident_id":      &out.Incidents,
	} {
		if err := db.Select(t.Context(), dest, sql, args); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// sample is a world with a bit of everything.
func sample(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.commit("a000000", "01:00")
	w.commit("b100000", "02:00", "a000000")
	w.commit("m200000", "03:00", "a000000", "b100000").Reverts = []string{}
	w.commit("c300000", "04:00", "m200000")
	w.request(1, "m200000", "02:30", "03:00").Labels = []string{"feature"}
	w.rep.Reviews = append(w.rep.Reviews, schema.Review{Repo: repo, ChangeID: changeID(1), ReviewID: "r1", Reviewer: "grace", SubmittedAt: at(t, "02:45")})
	w.rep.Tags = append(w.rep.Tags, schema.Tag{Repo: repo, Name: "v3", Commit: "c300000", TaggedAt: at(t, "04:00")})
	w.deploy("d0", "a000000", "05:00").URL = "https://ci.example/0"
	w.deploy("d1", "m200000", "06:00")
	w.deploy("d2", "", "07:00").Version = "v3"
	w.deploy("d3", "m200000", "08:00")
	w.incident("i1", schema.IncidentTriggered, "06:30").Cause = "d1"
	w.incident("i1", schema.IncidentResolved, "06:40")
	w.in.Ownerships = append(w.in.Ownerships, schema.Ownership{ServiceID: repo, ValidFrom: day, TeamID: "team-a"})
	return w
}

func TestFactsBecomeRows(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	w := sample(t)
	w.in.Service.ServiceID = repo // Nobody has catalogued it.
	for i := range w.in.Incidents {
		w.in.Incidents[i].ServiceRefs = []string{repo}
	}
	if err := db.Insert(t.Context(), w.facts()); err != nil {
		t.Fatal(err)
	}
	o := &outbox{}
	s := &spy{Store: db.Conn, written: map[string]int{}}
	d := newDeriver(t, s, o)
	if keys := settle(t, d, o, schema.DirtyRepo(repo)); !slices.Equal(keys, []schema.DirtyKey{schema.DirtyService(repo)}) {
		t.Errorf("published %v", keys)
	}
	got := stored(t, db, repo)
	for i := range got.Releases {
		if got.Releases[i].Version == 0 {
			t.Error("a row without version")
		}
	}
	sameOutput(t, w.derive(), got)
	if len(got.Releases) != 4 || len(got.Changes) != 2 || len(got.Incidents) != 1 {
		t.Errorf("%d releases, %d changes, %d incidents", len(got.Releases), len(got.Changes), len(got.Incidents))
	}

	clear(s.written)
	settle(t, d, o, schema.DirtyAll, schema.DirtyCatalog, schema.DirtyIncident("i1"), schema.DirtyRef(repo))
	settle(t, newDeriver(t, s, o), o, schema.DirtyRepo(repo)) // With an empty cache.
	if len(s.written) != 0 {
		t.Errorf("deriving again wrote %v", s.written)
	}
}

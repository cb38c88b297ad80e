package derive_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

func insert(t *testing.T, db *clickhousetest.Database, facts ...schema.Fact) {
	t.Helper()
	for _, f := range facts {
		if err := schema.Seal(f, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Insert(t.Context(), facts); err != nil {
		t.Fatal(err)
	}
}

// dirty are the keys that the loader would publish for the facts.
func dirty(facts []schema.Fact) []schema.DirtyKey {
	var out []schema.DirtyKey
	for _, f := range facts {
		out = append(out, f.DirtyKeys()...)
	}
	return out
}

func version(n int) schema.Meta {
	return schema.Meta{Version: schema.NewVersion(day, 0) + uint64(n)<<40}
}

func deployment(id, repo, ref, commit string, finished time.Time) *schema.Deployment {
	return &schema.Deployment{
		DeploymentID: id, Repo: repo, ServiceRef: ref, Environment: "production", Commit: commit, Status: schema.StatusSuccess,
		CreatedAt: finished, FinishedAt: &finished, Meta: version(1),
	}
}

func TestNamesResolveToServices(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	noon := day.Add(12 * time.Hour)
	service := func(id, repo string, aliases ...string) *schema.Service {
		return &schema.Service{ServiceID: id, Repo: repo, Aliases: aliases, Meta: version(1)}
	}
	incident := func(id string, refs ...string) *schema.IncidentUpdate {
		return &schema.IncidentUpdate{IncidentID: id, UpdateID: "1", At: noon, Kind: schema.IncidentTriggered, ServiceRefs: refs, Meta: version(1)}
	}
	facts := []schema.Fact{
		service("shop", "g/shop", "argocd:shop"),
		service("pay", "g/mono"), service("mail", "g/mono", "pagerduty:P1"),
		deployment("whole repository of one", "g/shop", "", "", noon),
		deployment("by alias", "", "argocd:shop", "", noon),
		deployment("by id", "g/elsewhere", "shop", "", noon),
		deployment("unknown name of the only service", "g/shop", "front", "", noon),
		deployment("whole repository of two", "g/mono", "", "", noon),
		deployment("unknown name in a repository of two", "g/mono", "front", "", noon),
		deployment("by the repository's name", "", "g/shop", "", noon),
		deployment("repository without catalogue", "g/new", "", "", noon),
		deployment("name without catalogue", "g/new", "argocd:new", "", noon),
		deployment("nothing at all", "", "", "", noon),
		incident("moved", "shop"), &schema.IncidentUpdate{IncidentID: "moved", UpdateID: "2", At: noon.Add(time.Minute), ServiceRefs: []string{"pagerduty:P1"}, Kind: schema.IncidentUpdated, Meta: version(1)},
		incident("of two", "shop", "pay", "g/mono"), incident("of nobody", "pagerduty:P9"), incident("of none"),
		&schema.Ownership{ServiceID: "shop", ValidFrom: day, TeamID: "team-shop", Meta: version(1)},
	}
	insert(t, db, facts...)
	o := &outbox{}
	d := newDeriver(t, db.Conn, o)
	keys := settle(t, d, o, schema.DirtyAll)
	want := map[string][2][]string{
		"shop":         {{"by alias", "by id", "by the repository's name", "unknown name of the only service", "whole repository of one"}, {"of two"}},
		"pay":          {{"whole repository of two"}, {"of two"}},
		"mail":         {{"whole repository of two"}, {"moved", "of two"}},
		"front":        {{"unknown name in a repository of two"}, nil},
		"g/new":        {{"repository without catalogue"}, nil},
		"argocd:new":   {{"name without catalogue"}, nil},
		"pagerduty:P9": {nil, {"of nobody"}},
	}
	for id, w := range want {
		out := stored(t, db, id)
		var deployments, incidents []string
		for _, r := range out.Releases {
			deployments = append(deployments, r.Deployments...)
			if id == "shop" && r.TeamID != "team-shop" {
				t.Errorf("release of team %q", r.TeamID)
			}
		}
		for _, i := range out.Incidents {
			incidents = append(incidents, i.IncidentID)
		}
		slices.Sort(deployments)
		if !slices.Equal(deployments, w[0]) || !slices.Equal(incidents, w[1]) {
			t.Errorf("%s has deployments %q and incidents %q", id, deployments, incidents)
		}
		if !slices.Contains(keys, schema.DirtyService(id)) {
			t.Errorf("the catalogue did not publish %s: %v", id, keys)
		}
	}

	for key, want := range map[schema.DirtyKey]string{
		schema.DirtyRepo("g/shop"):        "shop",
		schema.DirtyRepo("g/mono"):        "front mail pay",
		schema.DirtyRepo("g/new"):         "argocd:new g/new",
		schema.DirtyRepo("g/unheard"):     "g/unheard",
		schema.DirtyRepo("g/elsewhere"):   "g/elsewhere shop",
		schema.DirtyRef("argocd:shop"):    "shop",
		schema.DirtyRef("front"):          "front shop",
		schema.DirtyRef("unheard"):        "unheard",
		schema.DirtyIncident("moved"):     "mail shop",
		schema.DirtyIncident("of none"):   "",
		schema.DirtyIncident("of nobody"): "pagerduty:P9",
		schema.DirtyRepo(""):              "",
		"weather/rain":                    "",
	} {
		var names []string
		for _, k := range settle(t, d, o, key, key) {
			_, name := k.Split()
			names = append(names, name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s means %q, want %q", key, got, want)
		}
	}

	insert(t, db, service("new", "g/new", "argocd:new"))
	settle(t, d, o, schema.DirtyCatalog)
	if was, is := stored(t, db, "g/new"), stored(t, db, "new"); len(was.Releases) != 0 || len(is.Releases) != 2 {
		t.Errorf("cataloguing a repository moves its rows\nbefore: %+v\nnow: %+v", was.Releases, is.Releases)
	}
}

func TestFactsThatChangeMoveRowsAndLeaveTombstones(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	noon := day.Add(12 * time.Hour)
	first, second := deployment("d1", repo, "", "a1", noon), deployment("d2", repo, "", "a2", noon.Add(time.Hour))
	a1 := &schema.Commit{Repo: repo, SHA: "a1", AuthoredAt: day, Meta: version(1)}
	a2 := &schema.Commit{Repo: repo, SHA: "a2", Parents: []string{"a1"}, AuthoredAt: day, Meta: version(1)}
	o := &outbox{}
	s := &spy{Store: db.Conn, written: map[string]int{}}
	d := newDeriver(t, s, o)
	step := func(wantReleases, wantChanges int, facts ...schema.Fact) derive.Output {
		t.Helper()
		insert(t, db, facts...)
		settle(t, d, o, dirty(facts)...)
		out := stored(t, db, repo)
		if len(out.Releases) != wantReleases || len(out.Changes) != wantChanges {
			t.Fatalf("%d releases and %d changes, want %d and %d", len(out.Releases), len(out.Changes), wantReleases, wantChanges)
		}
		return out
	}
	step(2, 0, first, second)
	before := step(2, 1, a1, a2).Changes[0]
	gone := *second
	gone.Meta, gone.Deleted = version(2), 1
	step(1, 0, &gone)
	back := *second
	back.Meta = version(3)
	if after := step(2, 1, &back).Changes[0]; after.Version <= before.Version+1 {
		t.Errorf("the row came back with version %d, it had %d and a tombstone", after.Version, before.Version)
	}
	clear(s.written)
	step(2, 1, first, &gone, a1) // Older versions and repetitions.
	if len(s.written) != 0 {
		t.Errorf("nothing changed and %v was written", s.written)
	}
	// One more commit: only what it changes is written.
	a3 := &schema.Commit{Repo: repo, SHA: "a3", Parents: []string{"a2"}, AuthoredAt: day, Meta: version(0)}
	step(3, 2, a3, deployment("d3", repo, "", "a3", noon.Add(2*time.Hour)))
	if s.written["releases"] != 1 || s.written["changes_deployed"] != 1 || s.written["incidents"] != 0 {
		t.Errorf("written: %v", s.written)
	}
	// A commit of which a better version arrives is read again.
	better := *a3
	better.Meta, better.Title = version(4), "better"
	if out := step(3, 2, &better); out.Changes[1].Title != "better" {
		t.Errorf("%+v", out.Changes)
	}
	withdrawn := better
	withdrawn.Meta, withdrawn.Deleted = version(5), 1
	step(3, 1, &withdrawn)
}

func TestServicesOfTheSameMinuteAreApart(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	noon := day.Add(12 * time.Hour)
	insert(t, db, deployment("d1", "g/one", "", "", noon), deployment("d2", "g/two", "", "", noon))
	o := &outbox{}
	settle(t, newDeriver(t, db.Conn, o), o, schema.DirtyRepo("g/one"), schema.DirtyRepo("g/two"))
	for _, id := range []string{"g/one", "g/two"} {
		if out := stored(t, db, id); len(out.Releases) != 1 {
			t.Errorf("%s: %+v", id, out.Releases)
		}
	}
}

// slow lets a test do something before the first row is written.
type slow struct {
	derive.Store
	before func()
	once   sync.Once
}

func (s *slow) InsertRows(ctx context.Context, table string, rows any) error {
	s.once.Do(s.before)
	return s.Store.InsertRows(ctx, table, rows)
}

func TestAWorkerThatReadOlderFactsLosesEvenIfItWritesLast(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	noon := day.Add(12 * time.Hour)
	insert(t, db, deployment("d1", repo, "", "", noon))
	o := &outbox{}
	newer := newDeriver(t, db.Conn, o)
	stale := newDeriver(t, &slow{Store: db.Conn, before: func() {
		changed := deployment("d1", repo, "", "", noon.Add(time.Hour))
		changed.Meta = version(2)
		insert(t, db, changed)
		settle(t, newer, &outbox{}, schema.DirtyService(repo))
	}}, o)
	settle(t, stale, o, schema.DirtyService(repo))
	if r := stored(t, db, repo).Releases[0]; !r.FinishedAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("the older facts won: finished %v", r.FinishedAt)
	}
}

// failing fails one call, counted over reads and writes, some of which come at once.
type failing struct {
	derive.Store
	at    int
	mu    sync.Mutex
	calls int
}

var errStore = errors.New("the store is away")

func (f *failing) fail() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.calls == f.at {
		return errStore
	}
	return nil
}

func (f *failing) Select(ctx context.Context, dest any, sql string, args map[string]any) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Store.Select(ctx, dest, sql, args)
}

func (f *failing) InsertRows(ctx context.Context, table string, rows any) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Store.InsertRows(ctx, table, rows)
}

func TestEveryFailureIsReportedAndHealsByHandlingAgain(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	w := sample(t)
	w.in.Service.ServiceID = repo
	for i := range w.in.Incidents {
		w.in.Incidents[i].ServiceRefs = []string{repo}
	}
	insert(t, db, w.facts()...)
	keys := []schema.DirtyKey{schema.DirtyAll, schema.DirtyCatalog, schema.DirtyIncident("i1"), schema.DirtyRepo(repo), schema.DirtyService(repo)}
	for n := 1; ; n++ {
		for _, table := range []string{"releases", "changes_deployed", "incidents"} {
			if err := db.Exec(t.Context(), "TRUNCATE TABLE "+table, nil); err != nil {
				t.Fatal(err)
			}
		}
		store := &failing{Store: db.Conn, at: n}
		o := &outbox{}
		d := newDeriver(t, store, o)
		err := d.Handle(t.Context(), keys)
		if store.calls < n {
			if err != nil || n < 10 {
				t.Errorf("after %d calls: %v", store.calls, err)
			}
			break
		}
		if !errors.Is(err, errStore) {
			t.Fatalf("call %d failed and Handle said %v", n, err)
		}
		settle(t, d, o, keys...)
		sameOutput(t, w.derive(), stored(t, db, repo))
	}
	o := &outbox{err: errors.New("the broker is away")}
	if err := newDeriver(t, db.Conn, o).Handle(t.Context(), keys); !errors.Is(err, o.err) {
		t.Errorf("publishing failed and Handle said %v", err)
	}
}

// reads counts which tables are read.
type reads struct {
	derive.Store
	mu  sync.Mutex
	sql []string
}

func (r *reads) Select(ctx context.Context, dest any, sql string, args map[string]any) error {
	r.mu.Lock()
	r.sql = append(r.sql, sql)
	r.mu.Unlock()
	return r.Store.Select(ctx, dest, sql, args)
}

func (r *reads) count(part string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, s := range r.sql {
		if strings.Contains(s, part) {
			n++
		}
	}
	r.sql = slices.DeleteFunc(r.sql, func(s string) bool { return strings.Contains(s, part) })
	return n
}

func TestRepositoriesAreReadOnceAndThenByWhatChanged(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	noon := day.Add(12 * time.Hour)
	const whole, some = "AS paths_text FROM commits FINAL WHERE repo IN {repos:Array(String)}", "sha IN {shas:Array(String)}"
	commit := func(repo, sha string) *schema.Commit {
		return &schema.Commit{Repo: repo, SHA: sha, AuthoredAt: day, Meta: version(1)}
	}
	insert(
		t, db, commit("g/mono", "a1"), commit("g/other", "b1"),
		&schema.Service{ServiceID: "pay", Repo: "g/mono", Meta: version(1)}, &schema.Service{ServiceID: "mail", Repo: "g/mono", Meta: version(1)},
		deployment("d1", "g/mono", "", "a1", noon), deployment("d2", "g/other", "", "b1", noon),
	)
	r := &reads{Store: db.Conn}
	opt := derive.DefaultOptions()
	opt.CacheCommits = 1
	o := &outbox{}
	d, err := derive.New(derive.Config{Store: r, Outbox: o, Options: opt, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mono := []schema.DirtyKey{schema.DirtyService("pay"), schema.DirtyService("mail")}
	settle(t, d, o, mono...)
	if n := r.count(whole); n != 1 {
		t.Errorf("two services of one repository: read %d times", n)
	}
	settle(t, d, o, mono...)
	if n := r.count("authored_at, committed_at") + r.count("FROM reviews FINAL WHERE repo IN {repos:Array(String)} ORDER"); n != 1 {
		t.Errorf("reviews and commits were read %d times, the reviews once before", n)
	}
	var many []schema.Fact
	for i := range 9_999 {
		many = append(many, commit("g/mono", fmt.Sprintf("%040d", i)))
	}
	insert(t, db, many...)
	settle(t, d, o, mono...)
	if a, b, c := r.count(some), r.count(whole), r.count("FROM changes FINAL WHERE repo IN {repos:Array(String)} ORDER"); a != 1 || b != 0 || c != 1 {
		t.Errorf("new commits: %d reads of them, %d of all, %d of changes", a, b, c)
	}
	settle(t, d, o, schema.DirtyService("g/other")) // Pushes the larger out.
	r.count(whole)
	settle(t, d, o, mono...)
	if n := r.count(whole); n != 1 {
		t.Errorf("after it was pushed out: read %d times", n)
	}
}

// TestHistoriesInPieces loads random histories piece by piece, in disorder, and
// derives after each piece: the rows in the end are those of all facts at once.
func TestHistoriesInPieces(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	for seed := range 6 {
		h := evenHistory(uint64(seed))
		id := fmt.Sprint("g/", seed)
		h.in.Service = schema.Service{ServiceID: id, Repo: id, Paths: h.in.Service.Paths, CreatedAt: h.in.Service.CreatedAt, Meta: version(1)}
		h.opt = derive.DefaultOptions()
		rep, in := h.disorder(uint64(seed))
		facts := h.facts(id, rep, in)
		o := &outbox{}
		d, err := derive.New(derive.Config{Store: db.Conn, Outbox: o, Options: h.opt, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return h.in.Now }})
		if err != nil {
			t.Fatal(err)
		}
		insert(t, db, &h.in.Service)
		rand.New(rand.NewPCG(uint64(seed), 2)).Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
		for piece := range slices.Chunk(facts, max(1, len(facts)/3)) {
			insert(t, db, piece...)
			settle(t, d, o, dirty(piece)...)
		}
		rep.Repo = id
		in.Repo, in.Service = derive.NewRepo(rep), h.in.Service
		sameOutput(t, derive.Service(in, h.opt), stored(t, db, id))
	}
}

// facts are those of a history in the service's own repository and under ids of
// its own.
func (h *history) facts(id string, rep derive.RepoFacts, in derive.Input) []schema.Fact {
	var out []schema.Fact
	for i := range rep.Commits {
		rep.Commits[i].Repo = id
		out = append(out, &rep.Commits[i])
	}
	for i := range rep.Changes {
		c := &rep.Changes[i]
		c.Repo, c.ChangeID = id, strings.Replace(c.ChangeID, repo, id, 1)
		for j := range c.Reverts {
			c.Reverts = slices.Clone(c.Reverts)
			c.Reverts[j] = strings.Replace(c.Reverts[j], repo, id, 1)
		}
		out = append(out, c)
	}
	for i := range rep.Tags {
		rep.Tags[i].Repo = id
		out = append(out, &rep.Tags[i])
	}
	for i := range rep.Reviews {
		v := &rep.Reviews[i]
		v.Repo, v.ChangeID, v.ReviewID = id, strings.Replace(v.ChangeID, repo, id, 1), id+v.ReviewID
		out = append(out, v)
	}
	for i := range in.Deployments {
		d := &in.Deployments[i]
		d.Repo, d.DeploymentID = id, id+d.DeploymentID
		out = append(out, d)
	}
	for i := range in.Incidents {
		u := &in.Incidents[i]
		u.IncidentID, u.ServiceRefs = id+u.IncidentID, []string{id}
		out = append(out, u)
	}
	for i := range in.Ownerships {
		in.Ownerships[i].ServiceID = id
		out = append(out, &in.Ownerships[i])
	}
	return out
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := derive.New(derive.Config{Options: derive.DefaultOptions()}); err == nil {
		t.Error("nothing is set and New is content")
	}
	bad := derive.DefaultOptions()
	bad.TimeRule = "sometimes"
	if _, err := derive.New(derive.Config{Store: &spy{}, Outbox: &outbox{}, Log: slog.New(slog.DiscardHandler), Options: bad}); err == nil || !strings.Contains(err.Error(), "time_rule") {
		t.Errorf("bad options: %v", err)
	}
}

package derive_test

import (
	"slices"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/schema"
)

// TestACatalogueChangeConcernsOnlyWhatItMoves changes the catalogue step by step.
// After each step the published services are those that can have gained or lost
// facts, and every deployment is counted where the catalogue says.
func TestACatalogueChangeConcernsOnlyWhatItMoves(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	noon := day.Add(12 * time.Hour)
	insert(
		t, db,
		deployment("d-shop", "g/shop", "", "", noon), deployment("d-front", "g/shop", "front", "", noon), deployment("d-pay", "g/pay", "argocd:pay", "", noon),
		deployment("d-far", "g/far", "", "", noon),
		&schema.IncidentUpdate{IncidentID: "i1", UpdateID: "1", At: noon, Kind: schema.IncidentTriggered, ServiceRefs: []string{"pd:P1"}, Meta: version(1)},
	)
	o := &outbox{}
	d := newDeriver(t, db.Conn, o)
	settle(t, d, o, schema.DirtyAll)
	number := 1
	service := func(id, repo string, aliases ...string) *schema.Service {
		number++
		return &schema.Service{ServiceID: id, Repo: repo, Aliases: aliases, Meta: version(number)}
	}
	removed := service("pay", "")
	removed.Deleted = 1
	removed.Version = version(50).Version
	for _, step := range []struct {
		name      string
		facts     []schema.Fact
		published []schema.DirtyKey
		holders   map[string]string
		incident  string
	}{
		{
			"first service of a repository",
			[]schema.Fact{service("shop", "g/shop")},
			keys("front", "g/shop", "shop"),
			map[string]string{"d-shop": "shop", "d-front": "shop", "d-pay": "argocd:pay", "d-far": "g/far"},
			"pd:P1",
		},
		{
			"nothing new",
			[]schema.Fact{service("shop", "g/shop")},
			nil,
			map[string]string{"d-shop": "shop", "d-front": "shop", "d-pay": "argocd:pay", "d-far": "g/far"},
			"pd:P1",
		},
		{
			"a second one, so that a name which only the first could mean is its own",
			[]schema.Fact{service("cart", "g/shop")},
			keys("cart", "front", "shop"),
			map[string]string{"d-shop": "cart shop", "d-front": "front", "d-pay": "argocd:pay", "d-far": "g/far"},
			"pd:P1",
		},
		{
			"aliases",
			[]schema.Fact{service("pay", "g/pay", "argocd:pay", "pd:P1")},
			keys("argocd:pay", "g/pay", "pay", "pd:P1"),
			map[string]string{"d-shop": "cart shop", "d-front": "front", "d-pay": "pay", "d-far": "g/far"},
			"pay",
		},
		{
			"an alias moves",
			[]schema.Fact{service("pay", "g/pay", "argocd:pay"), service("cart", "g/shop", "pd:P1")},
			keys("cart", "front", "pay", "shop"),
			map[string]string{"d-shop": "cart shop", "d-front": "front", "d-pay": "pay", "d-far": "g/far"},
			"cart",
		},
		{
			"a service is removed",
			[]schema.Fact{removed},
			keys("argocd:pay", "g/pay", "pay"),
			map[string]string{"d-shop": "cart shop", "d-front": "front", "d-pay": "argocd:pay", "d-far": "g/far"},
			"cart",
		},
	} {
		insert(t, db, step.facts...)
		published := settle(t, d, o, schema.DirtyCatalog)
		for _, k := range step.published {
			if !slices.Contains(published, k) {
				t.Errorf("%s: %s was not published, only %v", step.name, k, published)
			}
		}
		if slices.Contains(published, schema.DirtyService("g/far")) || (step.published == nil && len(published) > 0) {
			t.Errorf("%s: published too much: %v", step.name, published)
		}
		for id, want := range step.holders {
			if got := texts(t, db, "SELECT arrayStringConcat(arraySort(groupArray(service_id)), ' ') AS x FROM releases FINAL WHERE has(deployments, {id:String})", id); got != want {
				t.Errorf("%s: %s is counted for %q, want %q", step.name, id, got, want)
			}
		}
		if got := texts(t, db, "SELECT arrayStringConcat(groupArray(service_id), ' ') AS x FROM incidents FINAL WHERE incident_id = {id:String}", "i1"); got != step.incident {
			t.Errorf("%s: the incident is of %q, want %q", step.name, got, step.incident)
		}
	}
}

func TestACorrectedDeploymentLeavesItsFormerService(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	noon := day.Add(12 * time.Hour)
	o := &outbox{}
	d := newDeriver(t, db.Conn, o)
	first := deployment("d1", "", "shpo", "", noon)
	insert(t, db, first)
	settle(t, d, o, dirty([]schema.Fact{first})...)
	corrected := deployment("d1", "", "shop", "", noon)
	corrected.Meta = version(2)
	insert(t, db, corrected)
	settle(t, d, o, dirty([]schema.Fact{corrected})...)
	if was, is := stored(t, db, "shpo"), stored(t, db, "shop"); len(was.Releases) != 0 || len(is.Releases) != 1 {
		t.Errorf("the misspelt service has %d releases, the right one %d", len(was.Releases), len(is.Releases))
	}
}

func keys(ids ...string) []schema.DirtyKey {
	var out []schema.DirtyKey
	for _, id := range ids {
		out = append(out, schema.DirtyService(id))
	}
	return out
}

func texts(t *testing.T, db *clickhousetest.Database, sql, id string) string {
	t.Helper()
	var rows []struct {
		X string `ch:"x"`
	}
	if err := db.Select(t.Context(), &rows, sql, map[string]any{"id": id}); err != nil {
		t.Fatal(err)
	}
	return rows[0].X
}

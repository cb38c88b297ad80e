package derive

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/schema"
)

// TestNamesAreThoseOfTheView: the warehouse gives repositories the names that
// derivation gives them.
func TestNamesAreThoseOfTheView(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	random := rand.New(rand.NewPCG(3, 9))
	name := func() string { return fmt.Sprint("git.example/acme/r", random.IntN(25)) }
	var rows []schema.RepoName
	for i := range 60 {
		r := schema.RepoName{UID: fmt.Sprint("git.example:", random.IntN(12)), Since: time.Date(2026, 5, 1+random.IntN(28), 0, 0, 0, 0, time.UTC), Repo: name(), Before: name()}
		if i%4 == 0 {
			r.Before = ""
		}
		r.Version = schema.NewVersion(r.Since, uint8(random.IntN(8)))
		if err := schema.Seal(&r, 0); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if err := db.InsertRows(t.Context(), "repo_names", rows); err != nil {
		t.Fatal(err)
	}
	var viewed []struct {
		Name  string   `ch:"name"`
		Repo  string   `ch:"repo"`
		Names []string `ch:"names"`
	}
	if err := db.Select(t.Context(), &viewed, "SELECT name, repo, arraySort(names) AS names FROM repo_aliases", nil); err != nil {
		t.Fatal(err)
	}
	n := newNames(rows)
	got, want := map[string]string{}, map[string]string{}
	for _, v := range viewed {
		got[v.Name] = fmt.Sprint(v.Repo, v.Names)
	}
	moved := 0
	for name, now := range n.now {
		want[name] = fmt.Sprint(now, array(n.all[now]))
		if name != now {
			moved++
		}
	}
	if d := cmp.Diff(want, got); d != "" || moved < 5 {
		t.Errorf("%d names lead to another; derived (-) and viewed (+):\n%s", moved, d)
	}
}

func TestIdsOfRenamedRepositories(t *testing.T) {
	t.Parallel()
	n := newNames([]schema.RepoName{{UID: "1", Since: schema.MaxTime, Repo: "h/new/name", Before: "h/old"}})
	for id, want := range map[string]string{
		"h/old": "h/new/name", "h/old#12": "h/new/name#12", "h/old/deployment/7": "h/new/name/deployment/7", "h/older#1": "h/older#1",
		"h/old#1/review/5": "h/new/name#1/review/5", "h/new/name#2": "h/new/name#2", "pagerduty:P1": "pagerduty:P1", "": "",
	} {
		if got := n.id(id); got != want {
			t.Errorf("%q is %q, want %q", id, got, want)
		}
	}
}

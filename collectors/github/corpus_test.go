package github_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/github"
	"github.com/headway-metrics/headway/schema"
)

// example is a delivery that GitHub itself publishes as an example.
type example struct {
	event string
	body  []byte
}

// corpus returns GitHub's webhook examples, from the npm package that
// testdata/corpus pins. It is installed once per version into the user's cache.
func corpus(t *testing.T) []example {
	t.Helper()
	lock, err := os.ReadFile("testdata/corpus/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "headway", "github-corpus-"+hex.EncodeToString(sum[:6]))
	index := filepath.Join(dir, "node_modules", "@octokit", "webhooks-examples", "api.github.com", "index.json")
	if _, err := os.Stat(index); err != nil {
		install(t, dir)
	}
	raw, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	var events []struct {
		Name     string            `json:"name"`
		Examples []json.RawMessage `json:"examples"`
	}
	if err := json.Unmarshal(raw, &events); err != nil {
		t.Fatal(err)
	}
	var out []example
	for _, e := range events {
		for _, body := range e.Examples {
			out = append(out, example{e.Name, body})
		}
	}
	return out
}

// install runs npm in a folder beside the final one and renames it, so that an
// installation that is cut short is never taken for a whole one.
func install(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "github-corpus-new-") //nolint:usetesting // A rename must not cross file systems.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(fresh) })
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join("testdata", "corpus", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(fresh, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error")
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("installing GitHub's webhook examples: %v\n%s", err, out)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, dir); err != nil {
		t.Fatal(err)
	}
}

// TestCorpus sends every example that GitHub publishes, signed, to the webhook
// endpoint. None is lost, and what becomes of each is counted.
func TestCorpus(t *testing.T) {
	t.Parallel()
	src := webhookSource(t)
	var p collectortest.Publisher
	srv := collectortest.NewServer(t, src, &p)
	examples := corpus(t)
	if len(examples) != 329 {
		t.Fatalf("%d examples, want 329", len(examples))
	}
	for i, e := range examples {
		d := collectortest.Delivery{Path: "/hooks/github", Body: e.body, Header: http.Header{
			"Content-Type": {"application/json"}, "X-Github-Event": {e.event}, "X-Github-Delivery": {fmt.Sprintf("corpus-%03d", i)},
		}}
		sign(d.Header, d.Body, collectortest.Time)
		if rec := collectortest.Post(srv, d); rec.Code != http.StatusAccepted {
			t.Fatalf("example %d (%s): answered %d: %s", i, e.event, rec.Code, rec.Body)
		}
	}
	events := p.Events()
	if len(events) != len(examples) {
		t.Fatalf("%d events of %d deliveries", len(events), len(examples))
	}
	got := map[string]int{}
	for i, ev := range events {
		if ev.ID != fmt.Sprintf("corpus-%03d", i) {
			t.Errorf("event %d has id %s", i, ev.ID)
		}
		got[account(t, src, ev)]++
	}
	want := map[string]int{}
	b, err := os.ReadFile("testdata/corpus/webhooks-examples.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		b, _ := json.MarshalIndent(got, "", "  ")
		t.Errorf("outcomes differ (-want +got):\n%s\nall of them:\n%s", d, b)
	}
	totals := map[string]int{}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		kind, _, _ := strings.Cut(k, ":")
		totals[kind] += got[k]
	}
	t.Logf("%d examples: %v", len(examples), totals)
}

// account says what an event became: its tables, why it was ignored, or that it
// goes to the dead letters with a reason.
func account(t *testing.T, src collectors.Source, ev schema.Event) string {
	t.Helper()
	var d struct {
		Ignored, Dead string
		Facts         []struct{ Table string }
	}
	if err := json.Unmarshal(collectortest.Describe(t, src, ev), &d); err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(ev.Type, github.Name+".")
	switch {
	case d.Ignored != "":
		return "ignored: " + d.Ignored
	case d.Dead != "":
		return "dead: " + name + ": " + d.Dead
	case len(d.Facts) > 0:
		var tables []string
		for _, f := range d.Facts {
			tables = append(tables, f.Table)
		}
		slices.Sort(tables)
		return "facts: " + name + ": " + strings.Join(slices.Compact(tables), "+")
	}
	return "lost: " + name
}

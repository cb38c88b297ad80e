package gitlab_test

import (
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
	_ "gitlab.com/gitlab-org/api/client-go" // Only its testdata is used; the import keeps the module.

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/gitlab"
	"github.com/headway-metrics/headway/schema"
)

// corpora are the modules whose testdata holds webhooks, with how many there are.
func corpora() map[string]int {
	return map[string]int{"github.com/xanzy/go-gitlab": 45, "gitlab.com/gitlab-org/api/client-go": 56}
}

// corpus returns the webhooks in a module's testdata, by folder and file.
func corpus(t *testing.T, module string) map[string][]byte {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("finding %s: %v", module, err)
	}
	out := map[string][]byte{}
	for _, folder := range []string{"webhooks", "systemhooks"} {
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "testdata", folder, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s in %s (%v)", folder, dir, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			out[folder+"/"+strings.TrimSuffix(filepath.Base(f), ".json")] = b
		}
	}
	return out
}

// TestCorpora sends every webhook that the two clients test with, signed, to the
// webhook endpoint. None is lost, and what becomes of each is counted.
func TestCorpora(t *testing.T) {
	t.Parallel()
	for module, n := range corpora() {
		t.Run(module, func(t *testing.T) {
			t.Parallel()
			src := newSource(t)
			var p collectortest.Publisher
			srv := collectortest.NewServer(t, src, &p)
			hooks := corpus(t, module)
			if len(hooks) != n {
				t.Fatalf("%d webhooks, want %d", len(hooks), n)
			}
			names := slices.Sorted(maps.Keys(hooks))
			for _, name := range names {
				d := collectortest.Delivery{Path: "/hooks/gitlab", Body: hooks[name], Header: http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {name}}}
				sign(d.Header, d.Body, collectortest.Time)
				if rec := collectortest.Post(srv, d); rec.Code != http.StatusAccepted {
					t.Fatalf("%s: answered %d: %s", name, rec.Code, rec.Body)
				}
			}
			events := p.Events()
			if len(events) != len(names) {
				t.Fatalf("%d events of %d deliveries", len(events), len(names))
			}
			got := map[string]string{}
			totals := map[string]int{}
			for i, ev := range events {
				if ev.ID != names[i] && ev.Type != "gitlab.unreadable" {
					t.Errorf("event %d has id %s", i, ev.ID)
				}
				outcome := account(t, src, ev)
				got[names[i]] = outcome
				kind, _, _ := strings.Cut(outcome, ":")
				totals[kind]++
			}
			checkOutcomes(t, filepath.Join("testdata", "corpus", filepath.Base(module)+".json"), got)
			t.Logf("%d webhooks of %s: %v", len(names), module, totals)
		})
	}
}

func checkOutcomes(t *testing.T, path string, got map[string]string) {
	t.Helper()
	want := map[string]string{}
	b, err := os.ReadFile(path)
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
	name := strings.TrimPrefix(ev.Type, gitlab.Name+".")
	switch {
	case d.Ignored != "":
		return "ignored: " + d.Ignored
	case d.Dead != "":
		return "dead: " + name + ": " + d.Dead
	case len(d.Facts) > 0:
		tables := map[string]int{}
		for _, f := range d.Facts {
			tables[f.Table]++
		}
		return fmt.Sprintf("facts: %s: %v", name, tables)
	}
	return "lost: " + name
}

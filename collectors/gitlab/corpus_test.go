package gitlab_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "gitlab.com/gitlab-org/api/client-go" // Only its testdata is used; the import keeps the module.

	"github.com/headway-metrics/headway/collectors/collectortest"
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
			hooks := corpus(t, module)
			if len(hooks) != n {
				t.Fatalf("%d webhooks, want %d", len(hooks), n)
			}
			collectortest.CheckCorpus(t, collectortest.Case{Source: newSource(t), Sign: sign, Deliveries: collectortest.Deliveries(hooks)},
				filepath.Join("testdata", "corpus", filepath.Base(module)+".json"))
		})
	}
}

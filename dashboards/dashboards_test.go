package dashboards_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/headway-metrics/headway/dashboards"
)

// committed is where the generated dashboards are kept for Grafana.
const committed = "../deploy/grafana/dashboards"

// The committed files are what the catalogue gives now, byte for byte:
// `headway dashboards generate` writes them.
func TestCommittedDashboardsAreCurrent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := dashboards.Generate(dir); err != nil {
		t.Fatal(err)
	}
	want, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(want) == 0 {
		t.Fatalf("nothing was generated: %v", err)
	}
	for _, path := range want {
		generated, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(filepath.Join(committed, filepath.Base(path)))
		if err != nil {
			t.Errorf("%v; run `headway dashboards generate`", err)
		} else if !bytes.Equal(generated, kept) {
			t.Errorf("%s differs from what is generated; run `headway dashboards generate`", filepath.Base(path))
		}
	}
	have, err := filepath.Glob(filepath.Join(committed, "*.json"))
	if err != nil || len(have) != len(want) {
		t.Errorf("%d dashboards are committed, %d are generated (%v)", len(have), len(want), err)
	}
}

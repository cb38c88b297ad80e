package metrics

import (
	"testing"

	"github.com/headway-metrics/headway/schema"
)

// TestInfrastructurePathShare: a change whose files are not known is listed only.
func TestInfrastructurePathShare(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	w.insert(t, schema.ChangeDeployedTable, []schema.ChangeDeployed{
		change("shop", "pay", "#1", "2026-06-02T10:00:00Z", 0, func(d *schema.ChangeDeployed) { d.FilesKnown, d.InfrastructurePath = 1, "deploy/terraform/network.txt" }),
		change("shop", "pay", "#2", "2026-06-02T10:00:00Z", 0, func(d *schema.ChangeDeployed) { d.FilesKnown = 1 }),
		change("shop", "pay", "#3", "2026-06-02T10:00:00Z", 0),
		change("shop", "pay", "#4", "2026-06-02T10:00:00Z", 0, func(d *schema.ChangeDeployed) { d.FilesKnown = 1 }),
	})
	wantNumber(t, "share", w.total(t, june("infrastructure_path_share")).Value, 1./3)
	got := map[string]string{}
	x := w.explain(t, june("infrastructure_path_share"))
	for _, r := range append(x.Counted, x.Excluded...) {
		got[r.Subject] = r.Rule + " " + r.Evidence + r.Excluded
	}
	for id, want := range map[string]string{
		"#1": "infrastructure path deploy/terraform/network.txt", "#2": "other paths ", "#3": " files not known", "#4": "other paths ",
	} {
		if got[id] != want {
			t.Errorf("%s: %q, want %q", id, got[id], want)
		}
	}
}

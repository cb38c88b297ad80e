package derive

import (
	"testing"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// TestACommitWithoutRequestHasItsWayToProduction: it has no merge, and came to
// the deployed branch when it was committed.
func TestACommitWithoutRequestHasItsWayToProduction(t *testing.T) {
	t.Parallel()
	authored := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	committed, deployed := authored.Add(time.Hour), authored.Add(3*time.Hour)
	row := &schema.ChangeDeployed{FirstCommitAt: &authored, DeployedAt: deployed}
	measure(row, &committed, deployed)
	if row.DeploySeconds != nil || row.MergeToProductionSecs == nil || *row.MergeToProductionSecs != 2*3600 || *row.LeadSeconds != 3*3600 {
		t.Errorf("deploy %v, to production %v, lead %v; want none, 2 h, 3 h", row.DeploySeconds, row.MergeToProductionSecs, row.LeadSeconds)
	}
	late := deployed.Add(time.Minute)
	row = &schema.ChangeDeployed{FirstCommitAt: &authored, DeployedAt: deployed}
	if measure(row, &late, deployed); row.MergeToProductionSecs != nil {
		t.Errorf("committed after its deployment takes %v", *row.MergeToProductionSecs)
	}
}

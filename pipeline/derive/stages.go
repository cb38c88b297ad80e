package derive

import (
	"time"

	"github.com/headway-metrics/headway/schema"
)

// measure fills the stages of a change, in seconds. landed is when a commit
// without request came to the deployed branch, in place of a merge. A stage is nil when one of its
// ends is missing or absurd, or when it is negative (DEFINITIONS, lead_time).
func measure(row *schema.ChangeDeployed, landed *time.Time, now time.Time) {
	between := func(from, to *time.Time) *float64 {
		if from == nil || to == nil || absurd(*from, now) || absurd(*to, now) || to.Before(*from) {
			return nil
		}
		s := to.Sub(*from).Seconds()
		return &s
	}
	row.CodingSeconds = between(row.FirstCommitAt, row.OpenedAt)
	row.PickupSeconds = between(row.OpenedAt, row.FirstReviewAt)
	row.ReviewSeconds = between(row.FirstReviewAt, row.MergedAt)
	row.DeploySeconds = between(row.MergedAt, &row.DeployedAt)
	row.MergeToProductionSecs = between(row.MergedAt, &row.DeployedAt)
	if landed != nil {
		row.MergeToProductionSecs = between(landed, &row.DeployedAt)
	}
	row.LeadSeconds = between(row.FirstCommitAt, &row.DeployedAt)
	switch {
	case row.FirstCommitAt == nil:
		row.Excluded = schema.ExcludedUnknown
	case absurd(*row.FirstCommitAt, now):
		row.Excluded = schema.ExcludedAbsurd
	case row.LeadSeconds == nil:
		row.Excluded = schema.ExcludedNegative
	}
}

// earliest is 1990-01-01 in seconds.
const earliest = 631_152_000

// absurd says that a time lies outside what can be believed: before
// version control as we know it, or more than a day after now.
func absurd(t, now time.Time) bool {
	return t.Unix() < earliest || t.After(now.Add(24*time.Hour))
}

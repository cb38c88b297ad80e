package derive

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/headway-metrics/headway/schema"
)

// content is a hash of what a derived row says, its key and version apart, by
// which a recomputation tells which rows differ. It is never 0, which rows have that are
// older than the column. Times count as the milliseconds that the store keeps.
type content struct{ b []byte }

func (c *content) sum() uint64 {
	h := xxhash.Sum64(c.b)
	c.b = c.b[:0]
	return max(h, 1)
}

func (c *content) number(n uint64) { c.b = binary.LittleEndian.AppendUint64(c.b, n) }

func (c *content) text(s string) {
	c.number(uint64(len(s)))
	c.b = append(c.b, s...)
}

func (c *content) texts(list []string) {
	c.number(uint64(len(list)))
	for _, s := range list {
		c.text(s)
	}
}

func (c *content) flags(flags ...uint8) { c.b = append(c.b, flags...) }

func (c *content) time(t time.Time) { c.number(uint64(t.UnixMilli())) }

func (c *content) maybe(t *time.Time) {
	c.flags(flag(t != nil))
	if t != nil {
		c.time(*t)
	}
}

func (c *content) seconds(s *float64) {
	c.flags(flag(s != nil))
	if s != nil {
		c.number(math.Float64bits(*s))
	}
}

func (c *content) release(r *schema.Release) uint64 {
	c.text(r.TeamID)
	c.text(r.Repo)
	c.text(r.Commit)
	c.text(r.DeployedVersion)
	c.texts(r.Environments)
	c.texts(r.Deployments)
	c.time(r.StartedAt)
	c.time(r.FinishedAt)
	c.flags(r.Succeeded, r.Baseline, r.CommitKnown, r.Failed, r.Rework)
	c.number(uint64(r.Changes))
	c.text(r.URL)
	c.text(r.FailureRule)
	c.text(r.FailureEvidence)
	c.text(r.FailureURL)
	c.maybe(r.FailedAt)
	c.maybe(r.RecoveredAt)
	c.text(r.RecoveryRule)
	c.text(r.RecoveryEvidence)
	c.text(r.ReworkRule)
	c.text(r.ReworkEvidence)
	c.text(r.Excluded)
	return c.sum()
}

func (c *content) change(r *schema.ChangeDeployed) uint64 {
	for _, s := range []string{r.TeamID, r.ReleaseID, r.Repo, r.Kind, r.Title, r.URL, r.Rule, r.Evidence, r.Excluded} {
		c.text(s)
	}
	for _, t := range []*time.Time{r.FirstCommitAt, r.OpenedAt, r.FirstReviewAt, r.MergedAt, &r.DeployedAt} {
		c.maybe(t)
	}
	for _, s := range []*float64{r.CodingSeconds, r.PickupSeconds, r.ReviewSeconds, r.DeploySeconds, r.LeadSeconds, r.MergeToProductionSecs} {
		c.seconds(s)
	}
	c.flags(r.FilesKnown)
	c.text(r.InfrastructurePath)
	return c.sum()
}

func (c *content) incident(r *schema.Incident) uint64 {
	for _, s := range []string{r.TeamID, r.Source, r.Title, r.Severity, r.URL, r.ReleaseID, r.Rule, r.Excluded} {
		c.text(s)
	}
	c.time(r.StartedAt)
	c.maybe(r.ResolvedAt)
	c.number(uint64(r.Reopened))
	return c.sum()
}

package derive_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// kinds is what random histories must have in them, each at least now and then.
const kinds = `
	merge commit, squash, rebase, fast-forward, request into a request's branch, branch unknown,
	trunk without requests, first parents only, requests only, cherry-pick of a commit, cherry-pick of a request,
	paths of a monorepo, paths unknown, infrastructure, files unknown, reviewed, start unknown, ends before it begins,
	first release of an old service, first release of a new service, several changes in one release,
	several regions, failed deployment, retried deployment, cancelled deployment, running deployment, staging,
	version again, version without commit, version by tag, commit never arrived, overtaken deployment,
	failed by explicit, failed by rollback, failed by revert, failed by hotfix, failed by time,
	recovered by incident_resolved, recovered by rollback, recovered by fix, never recovered,
	rework by rollback, rework by revert, rework by hotfix, rework by incident, flagged by the sender,
	incident names a deployment, incident names a commit, incident names a version, incident names a request,
	incident marks nothing, incident of two services, incident reopened, incident withdrawn, several incidents of one release,
	deployment deleted, request deleted, commit deleted`

// census counts the histories that have each kind of thing in them.
type census struct {
	mu    sync.Mutex
	total int
	with  map[string]int
}

func newCensus() *census { return &census{with: map[string]int{}} }

// count looks at a history and at what must follow from it.
func (c *census) count(h *history, out derive.Output) {
	seen := map[string]bool{}
	for k := range h.did {
		seen[k] = true
	}
	see := func(on bool, kind string) {
		if on {
			seen[kind] = true
		}
	}
	see(h.opt.DirectCommits == derive.DirectFirstParent, "first parents only")
	see(h.opt.DirectCommits == derive.DirectOff, "requests only")
	see(len(h.in.Service.Paths) > 0 && len(out.Changes) > 0, "paths of a monorepo")
	see(slices.ContainsFunc(out.Changes, func(c schema.ChangeDeployed) bool { return c.InfrastructurePath != "" }), "infrastructure")
	see(slices.ContainsFunc(out.Changes, func(c schema.ChangeDeployed) bool { return c.FilesKnown == 0 }), "files unknown")
	deployments := map[string]schema.Deployment{}
	for _, d := range h.in.Deployments {
		deployments[d.DeploymentID] = d
		see(d.Status == schema.StatusCancelled, "cancelled deployment")
		see(d.Status == schema.StatusRunning, "running deployment")
		see(d.Environment == "staging", "staging")
	}
	countReleases(out, deployments, see)
	for _, ch := range out.Changes {
		see(ch.Kind == schema.ChangeKindCommit, "trunk without requests")
		see(ch.Rule == schema.LinkCherryPick && ch.Kind == schema.ChangeKindCommit, "cherry-pick of a commit")
		see(ch.Rule == schema.LinkCherryPick && ch.Kind == schema.ChangeKindRequest, "cherry-pick of a request")
		see(ch.FirstReviewAt != nil, "reviewed")
		see(ch.Excluded == schema.ExcludedUnknown, "start unknown")
		see(ch.Excluded == schema.ExcludedNegative, "ends before it begins")
	}
	marks := map[string]int{}
	for _, i := range out.Incidents {
		see(i.ReleaseID == "", "incident marks nothing")
		see(i.Reopened > 0, "incident reopened")
		marks[i.ReleaseID]++
		see(i.ReleaseID != "" && marks[i.ReleaseID] > 1, "several incidents of one release")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	for k := range seen {
		c.with[k]++
	}
}

func countReleases(out derive.Output, deployments map[string]schema.Deployment, see func(bool, string)) {
	versions := map[string]bool{}
	for i, r := range out.Releases {
		key := r.Commit + " " + r.DeployedVersion
		see(versions[key], "version again")
		versions[key] = true
		see(r.Baseline == 1, "first release of an old service")
		see(r.Changes > 1, "several changes in one release")
		see(len(r.Environments) > 1, "several regions")
		see(r.Commit == "", "version without commit")
		see(r.Commit != "" && r.CommitKnown == 0, "commit never arrived")
		see(r.Commit != "" && deployments[r.ReleaseID].Commit == "", "version by tag")
		see(r.Succeeded == 0, "failed deployment")
		if r.Succeeded == 1 && deployments[r.ReleaseID].Status == schema.StatusFailure {
			see(true, "retried deployment")
		}
		see(r.Failed == 1, "failed by "+r.FailureRule)
		see(r.Failed == 1 && r.RecoveredAt == nil, "never recovered")
		see(r.RecoveredAt != nil, "recovered by "+r.RecoveryRule)
		see(r.Rework == 1, "rework by "+r.ReworkRule)
		for _, o := range out.Releases[:i] {
			a, b := deployments[o.ReleaseID], deployments[r.ReleaseID]
			sooner := a.FinishedAt.Before(*b.FinishedAt)
			see(a.Environment == b.Environment && a.Status == b.Status && sooner != a.CreatedAt.Before(b.CreatedAt), "overtaken deployment")
		}
	}
}

// report logs how often each kind occurred, and fails for those that never did.
func (c *census) report(t *testing.T) {
	t.Helper()
	var b strings.Builder
	wanted := map[string]bool{}
	for kind := range strings.SplitSeq(kinds, ",") {
		wanted[strings.Join(strings.Fields(kind), " ")] = true
	}
	for _, kind := range slices.Sorted(maps.Keys(wanted)) {
		fmt.Fprintf(&b, "%7d  %s\n", c.with[kind], kind)
		if c.with[kind] == 0 {
			t.Errorf("no history had: %s", kind)
		}
	}
	for kind := range c.with {
		if !wanted[kind] {
			t.Errorf("histories had what is not listed: %s", kind)
		}
	}
	t.Logf("%d histories agree with the oracle; of these had\n%s", c.total, b.String())
}

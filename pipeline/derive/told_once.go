package derive

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// toldOnce drops a service's deployments that another one tells better: the run of a pipeline that
// the configuration takes for a deployment, when the pipeline also reports the
// deployment itself. Of two with one repository, commit and environment, of
// which one happened while the other ran, they are one, and the inner one knows
// when the change was in production. The order is kept.
func toldOnce(deployments []schema.Deployment) []schema.Deployment {
	type where struct{ repo, commit, environment string }
	at := map[where][]int{}
	for i := range deployments {
		d := &deployments[i]
		if d.Repo != "" && d.Commit != "" && d.FinishedAt != nil {
			k := where{d.Repo, d.Commit, strings.ToLower(d.Environment)}
			at[k] = append(at[k], i)
		}
	}
	outer := map[int]bool{}
	for _, same := range at {
		if len(same) < 2 {
			continue
		}
		for _, i := range same {
			outer[i] = slices.ContainsFunc(same, func(j int) bool { return during(&deployments[j], &deployments[i]) })
		}
	}
	if len(outer) == 0 {
		return deployments
	}
	out := make([]schema.Deployment, 0, len(deployments))
	for i := range deployments {
		if !outer[i] {
			out = append(out, deployments[i])
		}
	}
	return out
}

// during says that a happened within b, which it did not begin: b names no service of
// its own, and is of another kind of report by its id.
func during(a, b *schema.Deployment) bool {
	if b.ServiceRef != "" || reportKind(a) == reportKind(b) {
		return false
	}
	began := func(d *schema.Deployment) time.Time {
		if d.StartedAt != nil && d.StartedAt.Before(d.CreatedAt) {
			return *d.StartedAt
		}
		return d.CreatedAt
	}
	// A run that begins with the deployment and ends with it holds it as well; of two
	// that hold each other the one with the smaller id stays, so that one does.
	starts, ends := began(a).Compare(began(b)), a.FinishedAt.Compare(*b.FinishedAt)
	if starts < 0 || ends > 0 {
		return false
	}
	return starts > 0 || ends < 0 || cmp.Compare(a.DeploymentID, b.DeploymentID) < 0
}

// reportKind is what stands before the numbers of an id: "host/path/run" or
// "host/path/deployment". Two of one kind are two deployments.
func reportKind(d *schema.Deployment) string {
	return strings.TrimRight(strings.TrimRight(d.DeploymentID, "0123456789"), "/0123456789")
}

package derive_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// disorder shuffles the facts and adds copies of them and older versions.
func (h *history) disorder(seed uint64) (derive.RepoFacts, derive.Input) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	rep, in := h.rep, h.in
	rep.Commits = disordered(rnd, rep.Commits, func(c *schema.Commit) { c.Parents = nil })
	rep.Changes = disordered(rnd, rep.Changes, func(c *schema.Change) { c.State, c.MergeSHA = schema.ChangeOpen, "" })
	rep.Tags = disordered(rnd, rep.Tags, func(c *schema.Tag) { c.Commit = "elsewhere" })
	in.Deployments = disordered(rnd, in.Deployments, func(d *schema.Deployment) { d.Status = schema.StatusRunning })
	in.Incidents = disordered(rnd, in.Incidents, func(u *schema.IncidentUpdate) { u.Cause = "older" })
	in.Ownerships = disordered(rnd, in.Ownerships, func(o *schema.Ownership) { o.TeamID = "older" })
	rep.Reviews = disordered(rnd, rep.Reviews, func(r *schema.Review) { r.SubmittedAt = day })
	rep.Commits = withDeleted(rnd, rep.Commits, h.gone.commits)
	rep.Changes = withDeleted(rnd, rep.Changes, h.gone.requests)
	in.Deployments = withDeleted(rnd, in.Deployments, h.gone.deployments)
	return rep, in
}

// withDeleted adds what was deleted, each as it was and as a tombstone.
func withDeleted[T any, P interface {
	*T
	schema.Fact
}](rnd *rand.Rand, rows, gone []T) []T {
	for _, r := range gone {
		was := r
		setVersion(P(&was), 1)
		setVersion(P(&r), 2)
		schema.MarkDeleted(P(&r))
		rows = append(rows, was, r)
	}
	rnd.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

func disordered[T any, P interface {
	*T
	schema.Fact
}](rnd *rand.Rand, rows []T, older func(*T)) []T {
	var out []T
	for _, r := range rows {
		setVersion(P(&r), 2)
		out = append(out, r)
		for rnd.IntN(3) == 0 {
			copied := r
			if rnd.IntN(2) == 0 {
				older(&copied)
				setVersion(P(&copied), 1)
			}
			out = append(out, copied)
		}
	}
	rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func setVersion(f schema.Fact, v uint64) {
	switch x := f.(type) {
	case *schema.Commit:
		x.Version = v
	case *schema.Change:
		x.Version = v
	case *schema.Tag:
		x.Version = v
	case *schema.Deployment:
		x.Meta.Version = v
	case *schema.IncidentUpdate:
		x.Version = v
	case *schema.Ownership:
		x.Version = v
	case *schema.Service:
		x.Version = v
	case *schema.Review:
		x.Version = v
	case *schema.RepoName:
		x.Version = v
	default:
		panic(fmt.Sprintf("no version known for %T", f))
	}
}

// String tells the history, for a failure's message.
func (h *history) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "paths %v, created %v, direct commits %s\n", h.in.Service.Paths, h.in.Service.CreatedAt, h.opt.DirectCommits)
	short := func(s string) string { return s[:min(6, len(s))] }
	for _, c := range h.rep.Commits {
		fmt.Fprintf(&b, "commit %s authored %s paths %v %d", short(c.SHA), c.AuthoredAt.Format(time.DateTime), c.Paths, c.PathsKnown)
		for _, p := range c.Parents {
			b.WriteString(" parent " + short(p))
		}
		for _, p := range c.Reverts {
			b.WriteString(" reverts " + short(p))
		}
		fmt.Fprintf(&b, " copies %s\n", short(c.CherryPickedFrom))
	}
	for _, c := range h.rep.Changes {
		fmt.Fprintf(&b, "request %s merge %s head %s count %d %s→%s labels %v reverts %v merged %s\n", c.ChangeID, short(c.MergeSHA), short(c.HeadSHA), c.CommitCount, c.HeadBranch, c.BaseBranch, c.Labels, c.Reverts, c.MergedAt.Format(time.DateTime))
	}
	for _, d := range h.in.Deployments {
		fmt.Fprintf(&b, "deployment %s of %s %s to %s %s at %s rollback %d\n", d.DeploymentID, short(d.Commit), d.Version, d.Environment, d.Status, d.FinishedAt.Format(time.DateTime), d.IsRollback)
	}
	for _, u := range h.in.Incidents {
		fmt.Fprintf(&b, "incident %s %s at %s cause %s\n", u.IncidentID, u.Kind, u.At.Format(time.DateTime), u.Cause)
	}
	return b.String()
}

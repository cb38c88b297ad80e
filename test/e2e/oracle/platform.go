package oracle

import (
	"cmp"
	"time"

	"github.com/headway-metrics/headway/internal/sample"
)

// platform are the metrics of what the platform offers.
func (o *Oracle) platform() []metric {
	request := []string{"team", "service", "capability", "channel", "template"}
	return []metric{
		{id: "teams_using_capabilities", aggregation: ratio, dims: []string{"team", "capability"}, once: "team", rows: o.using},
		{id: "new_capability_adoption", aggregation: ratio, dims: []string{"team", "capability"}, rows: o.adoption},
		{id: "self_service_ratio", aggregation: ratio, dims: request, rows: o.requests},
		{id: "request_wait", aggregation: median, dims: request, rows: o.requests},
		{id: "workloads_on_platform", aggregation: ratio, dims: []string{"team", "service", "cluster", "environment"}, rows: o.workloads},
		{id: "support_ticket_volume", aggregation: perHundred, dims: []string{"team", "service", "category", "capability"}, once: "subject", rows: o.support},
	}
}

// firstUse is the first use of a capability by a team in [from, to), zero when
// there is none. Looking at a page is no use; a completed request is one.
func (o *Oracle) firstUse(team, capability string, from, to time.Time) time.Time {
	var first time.Time
	see := func(at time.Time) {
		if within(at, from, to) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	for _, u := range o.history.Uses {
		if u.Team == team && u.Capability == capability && u.Action != "navigate" {
			see(u.At)
		}
	}
	for _, r := range o.history.Requests {
		if r.Team == team && r.Template.Capability == capability && r.Status == "completed" && !r.DryRun {
			see(r.CompletedAt)
		}
	}
	return first
}

// using: at the end of a bucket, every active team and every capability that was
// released, and whether the team used it in the 28 days before.
func (o *Oracle) using(_, to time.Time) []row {
	var out []row
	for _, t := range o.history.Teams {
		if !o.active(t.ID, to) {
			continue
		}
		for _, c := range o.history.Capabilities {
			if !c.ReleasedAt.Before(to) {
				continue
			}
			used := !o.firstUse(t.ID, c.ID, to.AddDate(0, 0, -28), to).IsZero()
			out = append(out, row{at: to, dims: map[string]string{"team": t.ID, "capability": c.ID}, num: truth(used), den: 1})
		}
	}
	return out
}

func (o *Oracle) adoption(from, to time.Time) []row {
	var out []row
	for _, c := range o.history.Capabilities {
		if c.ReleasedAt.IsZero() || !within(c.ReleasedAt, from, to) {
			continue
		}
		for _, t := range o.history.Teams {
			if !o.active(t.ID, c.ReleasedAt) {
				continue
			}
			adopted := !o.firstUse(t.ID, c.ID, c.ReleasedAt, c.ReleasedAt.AddDate(0, 0, 90)).IsZero()
			out = append(out, row{at: c.ReleasedAt, dims: map[string]string{"team": t.ID, "capability": c.ID}, num: truth(adopted), den: 1})
		}
	}
	return out
}

// requests that were completed: those of the portal without a human step, and
// tickets that people served.
func (o *Oracle) requests(from, to time.Time) []row {
	var out []row
	for _, r := range o.history.Requests {
		if r.Status == "completed" && !r.DryRun && within(r.CompletedAt, from, to) {
			dims := requestDims(r)
			dims["channel"] = "self_service"
			out = append(out, row{dims: dims, value: seconds(r.CreatedAt, r.CompletedAt), num: 1, den: 1})
		}
	}
	for _, t := range o.history.Tickets {
		if t.Type == "request" && within(t.ResolvedAt, from, to) {
			dims := ticketDims(t)
			dims["channel"], dims["template"] = "manual", none
			out = append(out, row{dims: dims, value: seconds(t.CreatedAt, t.ResolvedAt), den: 1})
		}
	}
	return out
}

// workload is a line of the last inventory of its cluster in a bucket.
type workload struct {
	at                                       time.Time
	team, service, cluster, environment, key string
	onPlatform                               bool
}

func (o *Oracle) inventory(from, to time.Time) []workload {
	last := map[string]time.Time{}
	for _, w := range o.history.Workloads {
		if within(w.Day, from, to) && w.Day.After(last[w.Cluster]) {
			last[w.Cluster] = w.Day
		}
	}
	var out []workload
	for _, w := range o.history.Workloads {
		if w.Day.Equal(last[w.Cluster]) && !w.PlatformOwned && w.Environment == "production" {
			out = append(out, workload{w.Day, w.Service.OwnerAt(w.Day), w.Service.ID, w.Cluster, w.Environment, w.Cluster + "/" + w.Name, w.OnPlatform == "yes"})
		}
	}
	return out
}

func (o *Oracle) workloads(from, to time.Time) []row {
	var out []row
	for _, w := range o.inventory(from, to) {
		dims := map[string]string{"team": w.team, "service": w.service, "cluster": w.cluster, "environment": w.environment}
		out = append(out, row{at: w.at, dims: dims, num: truth(w.onPlatform), den: 1})
	}
	return out
}

// support: tickets, and beside every category and every capability all workloads on
// the platform.
func (o *Oracle) support(from, to time.Time) []row {
	var out []row
	categories, capabilities := map[string]bool{none: true}, map[string]bool{none: true}
	for _, t := range o.history.Tickets {
		if t.Type != "support" {
			continue
		}
		dims := ticketDims(t)
		categories[dims["category"]], capabilities[dims["capability"]] = true, true
		if within(t.CreatedAt, from, to) {
			out = append(out, row{at: t.CreatedAt, dims: dims, subject: t.Key, num: 1})
		}
	}
	for _, w := range o.inventory(from, to) {
		if !w.onPlatform {
			continue
		}
		for category := range categories {
			for capability := range capabilities {
				dims := map[string]string{"team": w.team, "service": w.service, "category": category, "capability": capability}
				out = append(out, row{at: w.at, dims: dims, subject: w.key, den: 1})
			}
		}
	}
	return out
}

// ticketDims are what a ticket says of itself.
func ticketDims(t *sample.Ticket) map[string]string {
	return map[string]string{
		"team": t.Team, "service": cmp.Or(t.Service, none), "category": cmp.Or(t.Category, none), "capability": cmp.Or(t.Capability, none),
	}
}

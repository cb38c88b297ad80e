package oracle

import (
	"cmp"
	"slices"
	"time"

	"github.com/headway-metrics/headway/internal/sample"
)

// success are the metrics of whether the platform is worth it, and of what goes
// wrong with it.
func (o *Oracle) success() []metric {
	capability, run, ticket := []string{"team", "capability"}, []string{"team", "service", "capability", "template"}, []string{"team", "service", "category", "capability"}
	wish := []string{"team", "service", "capability", "theme", "status"}
	return []metric{
		{id: "reliability", aggregation: share, dims: []string{"team", "service"}, rows: o.reliability},
		{id: "capability_retention", aggregation: ratio, dims: capability, rows: o.staying(true)},
		{id: "capability_churn", aggregation: ratio, dims: capability, rows: o.staying(false)},
		{id: "adoption_curve", aggregation: ratio, dims: capability, always: []string{"since_release"}, rows: o.curve},
		{id: "capability_stickiness", aggregation: ratio, dims: capability, rows: o.stickiness},
		{id: "template_adoption", aggregation: ratio, dims: []string{"team", "service", "template"}, rows: o.templates},
		{id: "portal_usage", aggregation: ratio, dims: []string{"team"}, rows: o.visits},
		{id: "self_service_fallback", aggregation: ratio, dims: run, rows: o.fallbacks},
		{id: "time_saved", aggregation: sum, dims: run, rows: o.saved},
		{id: "support_resolution_time", aggregation: median, dims: ticket, rows: o.helped},
		{id: "support_reopen_rate", aggregation: ratio, dims: ticket, rows: o.reopened},
		{id: "feature_requests", aggregation: sum, dims: wish, rows: o.wishes(func(*sample.Ticket) float64 { return 1 })},
		{id: "feature_requests_untagged", aggregation: ratio, dims: wish, rows: o.wishes(func(t *sample.Ticket) float64 { return truth(t.Theme == "") })},
		{id: "feature_request_patterns", aggregation: ratio, dims: []string{"team", "capability", "theme"}, once: "team", rows: o.patterns},
		{id: "developers_per_platform_engineer", aggregation: share, rows: o.headcount},
		{id: "portal_people", aggregation: perWeek, dims: []string{"team"}, rows: o.visitors},
		{id: "onboarding", aggregation: share, dims: []string{"team"}, rows: o.newcomers(1)},
		{id: "onboarding_tenth", aggregation: share, dims: []string{"team"}, rows: o.newcomers(10)},
	}
}

// reliability: each service, for as long as one team owns it, and the time in
// which no incident of high urgency was open, counted minute by minute where one
// begins or ends.
func (o *Oracle) reliability(from, to time.Time) []row {
	records := to
	for _, s := range o.services {
		for _, i := range s.incidents {
			if i.StartedAt.Before(records) {
				records = i.StartedAt
			}
		}
	}
	var out []row
	for _, s := range o.services {
		for n, owner := range s.Owners {
			began, over := latest(from, records, s.CreatedAt, owner.From), to
			if n+1 < len(s.Owners) && s.Owners[n+1].From.Before(over) {
				over = s.Owners[n+1].From
			}
			if !began.Before(over) {
				continue
			}
			cuts := []time.Time{began, over}
			for _, i := range s.incidents {
				for _, t := range []time.Time{i.StartedAt, i.ResolvedAt} {
					if within(t, began, over) {
						cuts = append(cuts, t)
					}
				}
			}
			slices.SortFunc(cuts, time.Time.Compare)
			up := 0.0
			for k := range cuts[1:] {
				if !s.inTrouble(cuts[k]) {
					up += cuts[k+1].Sub(cuts[k]).Seconds()
				}
			}
			dims := map[string]string{"team": owner.Team, "service": s.ID}
			out = append(out, row{at: began, dims: dims, num: up, den: over.Sub(began).Seconds()})
		}
	}
	return out
}

// inTrouble says that an incident of high urgency is open at a time.
func (s *service) inTrouble(at time.Time) bool {
	return slices.ContainsFunc(s.incidents, func(i *sample.Incident) bool {
		return i.Urgency == "high" && !i.StartedAt.After(at) && (i.ResolvedAt.IsZero() || i.ResolvedAt.After(at))
	})
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// staying: who used a capability in the 28 days before the last 28, and whether
// they used it in the last 28.
func (o *Oracle) staying(kept bool) func(from, to time.Time) []row {
	return func(_, to time.Time) []row {
		var out []row
		for _, t := range o.history.Teams {
			for _, c := range o.history.Capabilities {
				middle := to.AddDate(0, 0, -28)
				if !c.ReleasedAt.Before(to) || o.firstUse(t.ID, c.ID, to.AddDate(0, 0, -56), middle).IsZero() {
					continue
				}
				again := !o.firstUse(t.ID, c.ID, middle, to).IsZero()
				out = append(out, row{at: to, dims: map[string]string{"team": t.ID, "capability": c.ID}, num: truth(again == kept), den: 1})
			}
		}
		return out
	}
}

func (o *Oracle) curve(from, to time.Time) []row {
	ages := map[string]int{
		"007": 7, "014": 14, "021": 21, "028": 28, "035": 35, "042": 42, "049": 49, "056": 56, "063": 63, "070": 70, "077": 77, "084": 84, "090": 90,
	}
	var out []row
	for _, r := range o.adoption(from, to) {
		first := o.firstUse(r.dims["team"], r.dims["capability"], r.at, r.at.AddDate(0, 0, 90))
		for name, days := range ages {
			adopted := !first.IsZero() && !first.After(r.at.AddDate(0, 0, days))
			dims := map[string]string{"team": r.dims["team"], "capability": r.dims["capability"], "since_release": name}
			out = append(out, row{at: r.at, dims: dims, num: truth(adopted), den: 1})
		}
	}
	return out
}

func (o *Oracle) stickiness(from, to time.Time) []row {
	var out []row
	for _, t := range o.history.Teams {
		for _, c := range o.history.Capabilities {
			if c.ReleasedAt.IsZero() {
				continue
			}
			first := o.firstUse(t.ID, c.ID, c.ReleasedAt, to)
			if first.IsZero() || !within(first, from, to) {
				continue
			}
			again := o.firstUse(t.ID, c.ID, first.AddDate(0, 0, 62), first.AddDate(0, 0, 90))
			out = append(out, row{at: first, dims: map[string]string{"team": t.ID, "capability": c.ID}, num: truth(!again.IsZero()), den: 1})
		}
	}
	return out
}

func (o *Oracle) templates(from, to time.Time) []row {
	var out []row
	for _, s := range o.services {
		if s.CreatedAt.IsZero() || !within(s.CreatedAt, from, to) {
			continue
		}
		dims := s.dims(s.CreatedAt)
		if dims["template"] = s.Template; s.Template == "" {
			dims["template"] = none
		}
		out = append(out, row{at: s.CreatedAt, dims: dims, num: truth(s.Template != ""), den: 1})
	}
	return out
}

// visits: the portal tells of its pages and of the runs in it that were completed.
func (o *Oracle) visits(from, to time.Time) []row {
	var out []row
	for _, t := range o.history.Teams {
		if !o.active(t.ID, to) {
			continue
		}
		came := slices.ContainsFunc(o.history.Uses, func(u sample.Use) bool { return u.Team == t.ID && within(u.At, from, to) }) ||
			slices.ContainsFunc(o.history.Requests, func(r *sample.Request) bool {
				return r.Team == t.ID && !r.ByCommand && r.Status == "completed" && within(r.CompletedAt, from, to)
			})
		out = append(out, row{at: to, dims: map[string]string{"team": t.ID}, num: truth(came), den: 1})
	}
	return out
}

func requestDims(r *sample.Request) map[string]string {
	return map[string]string{
		"team": r.Team, "service": cmp.Or(r.Service, none), "capability": r.Template.Capability, "template": r.Template.ID,
	}
}

func (o *Oracle) fallbacks(from, to time.Time) []row {
	var out []row
	for _, r := range o.history.Requests {
		if r.Status != "failed" || r.DryRun || !within(r.CompletedAt, from, to) {
			continue
		}
		asked := slices.ContainsFunc(o.history.Tickets, func(t *sample.Ticket) bool {
			return t.Type != "feature" && t.Team == r.Team && (t.Capability == "" || t.Capability == r.Template.Capability) &&
				within(t.CreatedAt, r.CompletedAt, r.CompletedAt.AddDate(0, 0, 3))
		})
		out = append(out, row{at: r.CompletedAt, dims: requestDims(r), num: truth(asked), den: 1})
	}
	return out
}

func (o *Oracle) saved(from, to time.Time) []row {
	var out []row
	for _, r := range o.history.Requests {
		if r.Status == "completed" && !r.DryRun && within(r.CompletedAt, from, to) {
			out = append(out, row{at: r.CompletedAt, dims: requestDims(r), num: 60 * float64(r.Template.MinutesSaved)})
		}
	}
	return out
}

// helped: support tickets until they were resolved.
func (o *Oracle) helped(from, to time.Time) []row {
	var out []row
	for _, t := range o.history.Tickets {
		if t.Type == "support" && within(t.CreatedAt, from, to) {
			out = append(out, row{at: t.CreatedAt, dims: ticketDims(t), value: seconds(t.CreatedAt, t.ResolvedAt), open: t.ResolvedAt.IsZero()})
		}
	}
	return out
}

// reopened: of a ticket that was opened again and resolved again Jira's last
// webhook tells only that it was resolved.
func (o *Oracle) reopened(from, to time.Time) []row {
	var out []row
	for _, t := range o.history.Tickets {
		open := !t.ReopenedAt.IsZero()
		if t.Type == "support" && within(t.CreatedAt, from, to) && (open || !t.ResolvedAt.IsZero()) {
			out = append(out, row{at: t.CreatedAt, dims: ticketDims(t), num: truth(open), den: 1})
		}
	}
	return out
}

func wishDims(t *sample.Ticket) map[string]string {
	dims := ticketDims(t)
	dims["theme"], dims["status"] = cmp.Or(t.Theme, none), "To Do"
	switch {
	case !t.ResolvedAt.IsZero():
		dims["status"] = "Done"
	case !t.RepliedAt.IsZero():
		dims["status"] = "In Progress"
	}
	return dims
}

// wishes are the feature requests.
func (o *Oracle) wishes(num func(*sample.Ticket) float64) func(from, to time.Time) []row {
	return func(from, to time.Time) []row {
		var out []row
		for _, t := range o.history.Tickets {
			if t.Type == "feature" && within(t.CreatedAt, from, to) {
				out = append(out, row{at: t.CreatedAt, dims: wishDims(t), num: num(t), den: 1})
			}
		}
		return out
	}
}

// patterns: every theme, of every capability that it was asked of, beside every
// active team.
func (o *Oracle) patterns(from, to time.Time) []row {
	type wish struct{ capability, theme string }
	of := func(t *sample.Ticket) wish { return wish{wishDims(t)["capability"], wishDims(t)["theme"]} }
	wishes := map[wish]bool{}
	for _, t := range o.history.Tickets {
		if t.Type == "feature" {
			wishes[of(t)] = true
		}
	}
	var out []row
	for _, team := range o.history.Teams {
		if !o.active(team.ID, to) {
			continue
		}
		for w := range wishes {
			asked := slices.ContainsFunc(o.history.Tickets, func(t *sample.Ticket) bool {
				return t.Type == "feature" && t.Team == team.ID && of(t) == w && within(t.CreatedAt, from, to)
			})
			out = append(out, row{at: to, dims: map[string]string{"team": team.ID, "capability": w.capability, "theme": w.theme}, num: truth(asked), den: 1})
		}
	}
	return out
}

// headcount: the catalogue knows since when it is read who is in which team, and
// before that the same people count.
func (o *Oracle) headcount(_, to time.Time) []row {
	var out []row
	for _, t := range o.history.Teams {
		line := row{at: to}
		for _, p := range o.history.People {
			switch {
			case p.Bot || p.Team != t.ID:
			case t.Platform:
				line.den++
			default:
				line.num++
			}
		}
		for _, p := range o.history.Newcomers {
			if p.Team == t.ID && p.Joined.Before(to) {
				line.num++
			}
		}
		out = append(out, line)
	}
	return out
}

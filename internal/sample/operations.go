package sample

import (
	"fmt"
	"slices"
	"time"
)

// makeNoise raises incidents that no change caused, one of them a flapping alert
// that keeps coming back for a day.
func (h *History) makeNoise() {
	d := newDice(h.Seed, "noise")
	add := func(s *Service, title string, at time.Time, lasts time.Duration) {
		if at.Before(h.Start) || at.After(h.End) || !s.CreatedAt.IsZero() && at.Before(s.CreatedAt) {
			return
		}
		inc := &Incident{
			Service: s, Title: title, Urgency: "low", Noise: true,
			StartedAt: at, AckAt: at.Add(d.between(time.Minute, 9*time.Minute)), ResolvedAt: at.Add(lasts),
		}
		h.Incidents = append(h.Incidents, inc)
	}
	for _, s := range h.Services {
		if s.Channel == ByTag {
			continue
		}
		for n := d.IntN(4); n > 0; n-- {
			add(s, s.ID+": dependency is slow", h.Start.Add(d.between(0, Days*24*time.Hour)), d.around(50*time.Minute))
		}
	}
	flapping := h.Services[0]
	for i := range 22 {
		add(flapping, flapping.ID+": queue depth above 1000", h.Day(112).Add(time.Duration(i)*47*time.Minute), 14*time.Minute)
	}
	h.finishDelivery()
}

func (h *History) makeTickets() {
	d := newDice(h.Seed, "tickets")
	number := 1000
	capabilities := []string{"service-template", "managed-database", "deploy-pipeline", "observability"}
	add := func(at time.Time, kind string) *Ticket {
		number++
		t := &Ticket{
			Key: fmt.Sprintf("PLAT-%d", number), Type: kind, Team: pick(d, h.Teams[:len(h.Teams)-1]).ID, CreatedAt: workHour(at),
		}
		t.RepliedAt = t.CreatedAt.Add(d.around(2 * time.Hour))
		if d.chance(0.93) {
			t.ResolvedAt = t.RepliedAt.Add(d.around(20 * time.Hour))
			t.Reopened = d.chance(0.06)
		}
		if t.RepliedAt.After(h.End) {
			t.RepliedAt = time.Time{}
		}
		if t.ResolvedAt.After(h.End) {
			t.ResolvedAt = time.Time{}
		}
		h.Tickets = append(h.Tickets, t)
		return t
	}
	for day := range Days {
		at := func() time.Time { return h.Day(day).Add(d.between(8*time.Hour, 18*time.Hour)) }
		weekend := h.Day(day).Weekday() == time.Saturday || h.Day(day).Weekday() == time.Sunday
		if weekend {
			continue
		}
		// Support falls as services move to the platform, by a third or so.
		for range 2 + d.IntN(5-2*day/Days) {
			t := add(at(), "support")
			t.Category = pick(d, []string{"access", "build", "deploy", "database", "network"})
			t.Title = "Help with " + t.Category
		}
		if d.chance(0.35) {
			t := add(at(), "feature")
			t.Theme = pick(d, []string{"preview environments", "cost overview", "faster builds", "secrets rotation"})
			t.Title = "Please offer " + t.Theme
			if number%5 == 0 {
				t.Theme = "" // Nobody has sorted it.
			}
		}
		if d.chance(0.3) {
			t := add(at(), "bug")
			t.Title = "The portal shows an error page"
		}
		// Requests served by hand: many at first, few at the end.
		for n := d.IntN(3); n > 0 && d.chance(1-0.8*float64(day)/Days); n-- {
			t := add(at(), "request")
			t.Capability = pick(d, capabilities[:2])
			t.Title = "New " + t.Capability
		}
	}
}

// makeFallbacks opens a ticket after some of the runs that failed, and lets some
// support tickets come back for good.
func (h *History) makeFallbacks() {
	d := newDice(h.Seed, "fallbacks")
	number := 8000
	for _, r := range h.Requests {
		if r.Status != "failed" || r.DryRun || !d.chance(0.4) {
			continue
		}
		number++
		t := &Ticket{
			Key: fmt.Sprintf("PLAT-%d", number), Type: "request", Team: r.Team, Capability: r.Template.Capability, Title: "New " + r.Template.Capability,
			CreatedAt: r.CompletedAt.Add(d.between(10*time.Minute, 40*time.Hour)),
		}
		if t.CreatedAt.After(h.End) {
			continue
		}
		t.RepliedAt = t.CreatedAt.Add(time.Hour)
		t.ResolvedAt = t.RepliedAt.Add(d.around(20 * time.Hour))
		if t.RepliedAt.After(h.End) {
			t.RepliedAt = time.Time{}
		}
		if t.ResolvedAt.After(h.End) {
			t.ResolvedAt = time.Time{}
		}
		h.Tickets = append(h.Tickets, t)
	}
	for _, t := range h.Tickets {
		back := t.ResolvedAt.Add(3 * time.Hour)
		if t.Type == "support" && !t.Reopened && !t.ResolvedAt.IsZero() && back.Before(h.End) && d.chance(0.06) {
			t.FirstResolvedAt, t.ReopenedAt, t.ResolvedAt = t.ResolvedAt, back, time.Time{}
		}
	}
}

func (h *History) sortTickets() {
	slices.SortStableFunc(h.Tickets, func(a, b *Ticket) int { return a.CreatedAt.Compare(b.CreatedAt) })
}

// nameWhatItIsAbout gives tickets and databases the service that they are for, where
// somebody filled it in, and tickets the capability that goes with what they say.
func (h *History) nameWhatItIsAbout() {
	d := newDice(h.Seed, "services named")
	name := func(team string, at time.Time) string {
		var own []string
		for _, s := range h.Services {
			if s.OwnerAt(at) == team && !s.CreatedAt.After(at) {
				own = append(own, s.ID)
			}
		}
		if len(own) == 0 || d.chance(0.4) {
			return ""
		}
		return pick(d, own)
	}
	capabilities := map[string]string{
		"database": "managed-database", "deploy": "deploy-pipeline", "faster builds": "deploy-pipeline", "preview environments": "preview-environments",
	}
	for _, t := range h.Tickets {
		t.Service = name(t.Team, t.CreatedAt)
		if t.Capability == "" {
			t.Capability = capabilities[t.Category+t.Theme]
		}
	}
	for _, r := range h.Requests {
		if r.ByCommand {
			r.Service = name(r.Team, r.CreatedAt)
		}
	}
}

func (h *History) makePlatformUse() {
	d := newDice(h.Seed, "platform")
	streams := h.Teams[:len(h.Teams)-1]
	n := 0
	run := func(team string, tpl Template, at time.Time) {
		n++
		r := &Request{
			ID: fmt.Sprintf("task-%05d", n), Template: tpl, Team: team, Actor: pick(d, h.members(team)),
			Status: "completed", CreatedAt: at, CompletedAt: at.Add(d.between(40*time.Second, 9*time.Minute)),
		}
		switch {
		case d.chance(0.06):
			r.Status = "failed"
		case d.chance(0.03):
			r.Status = "cancelled"
		}
		r.ByCommand = tpl.Capability == "managed-database" && d.chance(0.4)
		r.DryRun = r.ByCommand && d.chance(0.25)
		h.Requests = append(h.Requests, r)
	}
	// A new service comes from the template, by the team that owns it.
	for _, s := range h.Services {
		if !s.CreatedAt.IsZero() {
			run(s.Owners[0].Team, h.Templates[0], s.CreatedAt.Add(-20*time.Minute))
			made := h.Requests[len(h.Requests)-1]
			made.Status, made.Service = "completed", s.ID
			if s.ID == handMade {
				h.Requests = h.Requests[:len(h.Requests)-1]
			}
		}
	}
	for i, team := range streams {
		// Teams come to the new capability one after the other; three never do.
		adopts := capabilityDay + 4 + i*8
		if i >= 8 {
			adopts = Days + 1
		}
		for day := range Days {
			date := h.Day(day)
			if wd := date.Weekday(); wd == time.Saturday || wd == time.Sunday {
				continue
			}
			at := func() time.Time { return date.Add(8*time.Hour + d.between(0, 9*time.Hour)) }
			use := func(capability, action string) {
				h.Uses = append(h.Uses, Use{At: at(), Capability: capability, Actor: pick(d, h.members(team.ID)), Team: team.ID, Action: action})
			}
			growth := 0.4 + 0.6*float64(day)/Days
			if d.chance(0.08 * growth) {
				run(team.ID, h.Templates[1], at())
			}
			if day >= adopts && d.chance(0.5) {
				run(team.ID, h.Templates[2], at())
			}
			if i < 9 && d.chance(0.5*growth) {
				use("deploy-pipeline", "deploy")
			}
			if (i%2 == 0 || day > 100) && d.chance(0.4) {
				use("observability", "create")
			}
			if d.chance(0.6) {
				use(pick(d, h.Capabilities).ID, "navigate")
			}
		}
	}
}

// makeWorkloads takes the inventory every day. A service runs two workloads; what
// is on the platform runs in its cluster.
func (h *History) makeWorkloads() {
	for day := range Days {
		for i, s := range h.Services {
			if s.Channel == ByTag || !s.CreatedAt.IsZero() && h.Day(day).Before(s.CreatedAt) {
				continue
			}
			w := Workload{
				Day: h.Day(day), Service: s, Name: s.ID, Kind: "Deployment", Cluster: "legacy-vms", Environment: "production",
				OnPlatform: "no", PlatformOwned: s.Owners[0].Team == platformTeam,
			}
			if !s.OnPlatformFrom.IsZero() && !h.Day(day).Before(s.OnPlatformFrom) {
				w.Cluster, w.OnPlatform = "platform-eu-1", "yes"
			} else if i%13 == 5 {
				w.OnPlatform = "unknown"
			}
			h.Workloads = append(h.Workloads, w)
			w.Name, w.Kind = s.ID+"-worker", "StatefulSet"
			h.Workloads = append(h.Workloads, w)
		}
	}
}

// surveyDays are the days on which the survey's waves open.
func surveyDays() []int { return []int{Days - 130, Days - 40} }

// answersThreshold is the fewest answers of a team that carry its name, as the
// portal has it.
const answersThreshold = 5

// makeAnswers fills in the survey in two quarterly waves. One team answers so
// seldom that its answers lose their team.
func (h *History) makeAnswers() {
	d := newDice(h.Seed, "survey")
	for wave, opens := range surveyDays() {
		for _, team := range h.Teams[:len(h.Teams)-1] {
			var answers []Answer
			for range h.members(team.ID) {
				rate := 0.85
				if team.ID == "partners" {
					rate = 0.3
				}
				if d.chance(rate) {
					answers = append(answers, h.answer(d, team.ID, wave, h.Day(opens)))
				}
			}
			if len(answers) < answersThreshold {
				for i := range answers {
					answers[i].Team = ""
				}
			}
			h.Answers = append(h.Answers, answers...)
		}
	}
	// What else is asked goes with how satisfied somebody is.
	more := newDice(h.Seed, "survey's other questions")
	for i := range h.Answers {
		a := &h.Answers[i]
		a.Ease = min(max(a.Satisfaction+more.IntN(4)-1, 1), 7)
		a.Portal = min(max(a.Satisfaction+more.IntN(3)-1, 1), 5)
		a.Work = min(max(a.NPS+more.IntN(5), 0), 10)
	}
}

func (h *History) answer(d dice, team string, wave int, opens time.Time) Answer {
	mood := 6.4 + 0.9*float64(wave) + 2.1*d.NormFloat64()
	nps := min(max(int(mood+0.5), 0), 10)
	a := Answer{
		At: opens.Add(d.between(0, 10*24*time.Hour)), Team: team, NPS: nps,
		Satisfaction: min(max(1+nps/2-d.IntN(2), 1), 5), Infrastructure: float64(5*d.IntN(9)) / 100,
	}
	if d.chance(0.2) {
		a.Comment = pick(d, []string{
			"Databases in minutes are a joy.", "Builds wait too long in the morning.",
			"The docs for preview environments helped.", "I still ask for access by ticket.",
		})
	}
	return a
}

// Participation is one step of one person in one wave, without the person.
type Participation struct {
	At   time.Time
	Step string // invited or responded
	Team string
}

// Participations are the invitations of everybody and the responses.
func (h *History) Participations() []Participation {
	var out []Participation
	for _, opens := range surveyDays() {
		for _, team := range h.Teams[:len(h.Teams)-1] {
			for range h.members(team.ID) {
				out = append(out, Participation{At: h.Day(opens), Step: "invited", Team: team.ID})
			}
		}
	}
	for _, a := range h.Answers {
		out = append(out, Participation{At: a.At, Step: "responded", Team: a.Team})
	}
	return out
}

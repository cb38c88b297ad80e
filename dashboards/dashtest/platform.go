package dashtest

import (
	"fmt"
	"time"

	"github.com/headway-metrics/headway/schema"
)

func (o *organisation) platform() {
	categories := []string{"access", "pipelines", "clusters", "databases"}
	themes := []string{"faster builds", "self-service DNS", "cost view", ""}
	for n := range Days {
		at := o.day(n).Add(time.Duration(o.r.IntN(600)) * time.Minute)
		for i, team := range teams[:6] {
			o.uses(team, i, n, at)
			if o.r.Float64() < 0.25 {
				o.request(team, n, at)
			}
			if o.r.Float64() < 0.12 {
				o.ticket(team, fmt.Sprintf("SUP-%s-%d", team, n), schema.TicketSupport, categories[o.r.IntN(len(categories))], "", at)
			}
			if o.r.Float64() < 0.04 {
				o.ticket(team, fmt.Sprintf("FEAT-%s-%d", team, n), schema.TicketFeature, "", themes[o.r.IntN(len(themes))], at)
			}
		}
		o.visits(n, at)
		o.workloads(n)
	}
}

// visits: somebody of every team looks at the portal's pages.
func (o *organisation) visits(n int, at time.Time) {
	for _, team := range teams[:6] {
		for i := range 3 {
			m := o.meta()
			m.Source = "backstage"
			o.facts = append(o.facts, &schema.CapabilityUse{
				Meta: m, UseID: fmt.Sprintf("visit-%s-%d-%d", team, n, i), CapabilityID: "deploy", At: at, Action: "navigate",
				Actor: fmt.Sprintf("backstage:user:default/%s-%d", team, o.r.IntN(9)),
			})
		}
	}
}

// people: nine of every team, and six newcomers of two teams with the changes that
// they were the first to merge.
func (o *organisation) people() {
	member := func(id, team string, since time.Time) {
		o.facts = append(o.facts,
			&schema.Person{Meta: o.meta(), PersonID: id},
			&schema.Identity{Meta: o.meta(), Ref: "backstage:user:default/" + id, PersonID: id, How: "catalog"},
			&schema.Identity{Meta: o.meta(), Ref: "github:" + id, PersonID: id, How: "catalog"},
			&schema.Membership{Meta: o.meta(), PersonID: id, TeamID: team, ValidFrom: since},
		)
	}
	for _, team := range teams {
		for i := range 9 {
			member(fmt.Sprintf("%s-%d", team, i), team, o.day(-300))
		}
	}
	for i := range 12 {
		id, joined := fmt.Sprintf("new-%d", i), o.day(-60+o.r.IntN(30))
		member(id, teams[i%2], joined)
		for n := range 14 {
			merged := joined.Add(time.Duration(4+n*(3+o.r.IntN(4))) * 24 * time.Hour)
			o.facts = append(o.facts, &schema.Change{
				Meta: o.meta(), Repo: "example.org/newcomers", ChangeID: fmt.Sprintf("%s-%d", id, n), Author: "github:" + id,
				State: schema.ChangeMerged, OpenedAt: merged, MergedAt: &merged,
			})
		}
	}
}

func (o *organisation) uses(team string, i, n int, at time.Time) {
	use := func(capability string) {
		o.facts = append(o.facts, &schema.CapabilityUse{
			Meta: o.meta(), UseID: fmt.Sprintf("use-%s-%s-%d", capability, team, n), CapabilityID: capability, At: at,
			Action: "run", Qualifying: 1, TeamRef: team, ServiceRef: team + "-api",
		})
	}
	if o.r.Float64() < 0.5 {
		use("deploy")
	}
	if i%2 == 0 && o.r.Float64() < 0.2 {
		use("database")
	}
	if n > 75+i*14 && o.r.Float64() < 0.3 {
		use("preview")
	}
}

func (o *organisation) request(team string, n int, at time.Time) {
	manual := o.r.Float64() < 0.55-0.4*float64(n)/Days
	req := &schema.Request{
		Meta: o.meta(), RequestID: fmt.Sprintf("req-%s-%d", team, n), CapabilityID: []string{"deploy", "database"}[o.r.IntN(2)],
		Template: []string{"go-service", "postgres", "web-app"}[o.r.IntN(3)], Channel: schema.ChannelSelfService, Status: schema.RequestCompleted,
		TeamRef: team, ServiceRef: team + "-api", CreatedAt: at, MinutesSaved: 45,
	}
	wait := o.seconds(240, .7)
	if manual {
		req.Channel, req.HumanSteps, req.Template, wait = schema.ChannelManual, 1, "", o.seconds(30*3600, .8)
	}
	done := at.Add(time.Duration(wait) * time.Second)
	req.CompletedAt = &done
	if o.r.Float64() < 0.05 {
		req.Status = schema.RequestFailed
	}
	o.facts = append(o.facts, req)
}

func (o *organisation) ticket(team, id, kind, category, theme string, at time.Time) {
	answered := at.Add(time.Duration(o.seconds(3*3600, .8)) * time.Second)
	resolved := answered.Add(time.Duration(o.seconds(24*3600, .8)) * time.Second)
	o.facts = append(o.facts, &schema.Ticket{
		Meta: o.meta(), TicketID: id, Project: "PLAT", Type: kind, Category: category, Theme: theme, Title: "Ticket " + id, Status: "Done",
		CapabilityID: "deploy", TeamRef: team, ServiceRef: team + "-api", CreatedAt: at, FirstResponseAt: &answered, ResolvedAt: &resolved,
	})
}

func (o *organisation) workloads(n int) {
	day := o.day(n).Truncate(24 * time.Hour)
	for w := range 20 {
		on := schema.OnPlatformNo
		switch {
		case w == 19:
			on = schema.OnPlatformUnknown
		case w < 6+n*10/Days:
			on = schema.OnPlatformYes
		}
		team := teams[w%6]
		o.facts = append(o.facts, &schema.Workload{
			Meta: o.meta(), WorkloadID: fmt.Sprintf("w%02d", w), Day: day, Cluster: []string{"east", "west"}[w%2], Namespace: team, Name: fmt.Sprintf("w%02d", w),
			Kind: "Deployment", Environment: "production", Tier: schema.TierProduction, ServiceRef: team + "-api", TeamRef: team, OnPlatform: on,
		})
	}
}

// surveys: three waves; one team answers too rarely to be shown.
func (o *organisation) surveys() {
	for wave := range 3 {
		week := schema.Monday(o.day(20 + wave*75))
		name := fmt.Sprintf("2026-q%d", wave+1)
		for i, team := range teams[:6] {
			answers := 12
			if i == 5 {
				answers = 2
			}
			for a := range 16 {
				id := fmt.Sprintf("p-%s-%s-%d", name, team, a)
				o.facts = append(o.facts, &schema.SurveyParticipation{Meta: o.meta(), ParticipationID: id, SurveyID: "platform", Wave: name, Step: "invited", TeamID: team, Week: week})
				if a >= answers {
					continue
				}
				o.facts = append(o.facts, &schema.SurveyParticipation{Meta: o.meta(), ParticipationID: id, SurveyID: "platform", Wave: name, Step: "responded", TeamID: team, Week: week})
				o.answer(name, team, fmt.Sprintf("a-%s-%s-%d", name, team, a), week, wave)
			}
		}
	}
}

func (o *organisation) answer(wave, team, id string, week time.Time, n int) {
	scores := map[string]float64{
		"nps":   float64(min(10, 5+n+o.r.IntN(5))),
		"csat":  float64(min(5, 2+n/2+o.r.IntN(4))),
		"ces":   float64(3 + n + o.r.IntN(3)),
		"enps":  float64(6 + o.r.IntN(5)),
		"share": 0.35 - 0.05*float64(n) + 0.1*o.r.Float64(),
	}
	for _, q := range [][2]string{{"nps", "recommend"}, {"csat", "satisfaction"}, {"csat", "portal"}, {"ces", "ease"}, {"enps", "work"}, {"share", "infrastructure"}} {
		kind, question := q[0], q[1]
		score := scores[kind]
		o.facts = append(o.facts, &schema.SurveyAnswer{
			Meta: o.meta(), AnswerID: id, SurveyID: "platform", Wave: wave, QuestionID: question, QuestionVersion: 1, Kind: kind,
			Score: &score, TeamID: team, Week: week,
		})
	}
}

func (o *organisation) receipts() {
	outcomes := []string{schema.OutcomeFacts, schema.OutcomeFacts, schema.OutcomeFacts, schema.OutcomeFacts, schema.OutcomeIgnored}
	for n := range 900 {
		at := o.now.Add(-time.Duration(n) * 5 * time.Hour)
		m := o.meta()
		m.Source = []string{"github", "pagerduty", "jira", "backstage"}[n%4]
		r := &schema.Receipt{Meta: m, EventID: fmt.Sprintf("e%d", n), Type: m.Source + ".event", Outcome: outcomes[o.r.IntN(len(outcomes))], Facts: 2, ReceivedAt: at}
		if r.Outcome == schema.OutcomeIgnored {
			r.Reason, r.Facts = "not a production event", 0
		}
		if n%97 == 0 {
			r.Outcome, r.Reason, r.Facts = schema.OutcomeDead, "invalid json", 0
			o.facts = append(o.facts, &schema.DeadLetter{
				Meta: m, EventID: r.EventID, Type: r.Type, Reason: r.Reason, Detail: "unexpected end", ReceivedAt: at, FailedAt: at.Add(time.Second), Payload: "{",
			})
		}
		o.facts = append(o.facts, r)
	}
}

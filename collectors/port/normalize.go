package port

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/headway-metrics/headway/collectors/provision"
	"github.com/headway-metrics/headway/schema"
)

// Ranks of updates of one run at one instant.
const (
	rankOpen  = 0
	rankEnded = 1
)

// waiting is the status of a run that somebody has yet to approve.
const waiting = "WAITING_FOR_APPROVAL"

func (s *Source) run(d delivery) ([]schema.Fact, error) {
	if t := d.Event.Context.Action.Trigger.Type; t != "" && t != "self-service" {
		return nil, schema.Ignore("run of an automation")
	}
	r := d.Event.Diff.After
	if r == nil || r.ID == "" || r.Action == "" || r.CreatedAt.IsZero() || r.UpdatedAt.IsZero() {
		return nil, errors.New("run without id, action, createdAt or updatedAt")
	}
	run := provision.Run{
		ID: Name + ":" + r.ID, Template: string(r.Action), CreatedAt: r.CreatedAt, Approved: r.RequiredApproval,
	}
	if r.CreatedBy != "" {
		run.Actor = Name + ":" + r.CreatedBy
	}
	switch r.Status {
	case "IN_PROGRESS", waiting:
		run.Status = schema.RequestOpen
	case "SUCCESS":
		run.Status = schema.RequestCompleted
	case "FAILURE":
		run.Status = schema.RequestFailed
		if before := d.Event.Diff.Before; before != nil && before.Status == waiting {
			run.Status = schema.RequestCancelled
		}
	case "DECLINED":
		run.Status = schema.RequestCancelled
	default:
		return nil, fmt.Errorf("status %.40q of a run is unknown", r.Status)
	}
	rank := uint8(rankOpen)
	if run.Status != schema.RequestOpen {
		rank, run.CompletedAt = rankEnded, cmp.Or(r.EndedAt, &r.UpdatedAt)
	}
	run.Meta = schema.Meta{Source: Name, URL: s.page("organization/run", "runId", r.ID), Version: schema.NewVersion(r.UpdatedAt, rank)}
	to, ok := s.rules.Find(string(r.Action))
	if !ok {
		to = provision.Target{Capability: Name + ":" + string(r.Action), Channel: schema.ChannelSelfService}
	}
	if to.Service == "" && r.Entity != "" && string(r.Blueprint) == s.cfg.ServiceBlueprint {
		to.Service = Name + ":" + string(r.Entity)
	}
	return to.Facts(run), nil
}

func (s *Source) entity(d delivery) ([]schema.Fact, error) {
	e := d.subject()
	changed, deleted := e.UpdatedAt, d.Event.Diff.After == nil
	if deleted {
		changed = d.Event.Trigger.At
	}
	if e.Identifier == "" || changed.IsZero() {
		return nil, errors.New("entity without identifier or time of change")
	}
	meta := schema.Meta{
		Source: Name, URL: s.page(string(e.Blueprint)+"Entity", "identifier", e.Identifier), Version: schema.NewVersion(changed, 0),
	}
	switch string(e.Blueprint) {
	case s.cfg.ServiceBlueprint:
		service := &schema.Service{
			Meta: meta, ServiceID: e.Identifier, Name: cmp.Or(e.Title, e.Identifier), Repo: e.repository(s.cfg.RepositoryProperty),
			Aliases: []string{Name + ":" + e.Identifier},
		}
		if deleted {
			// Whose it was stays true.
			schema.MarkDeleted(service)
			return []schema.Fact{service}, nil
		}
		owner := &schema.Ownership{Meta: meta, ServiceID: e.Identifier, ValidFrom: changed, Claim: schema.CatalogClaim(Name)}
		if len(e.Team) > 0 {
			owner.TeamID = e.Team[0]
		}
		return []schema.Fact{service, owner}, nil
	case s.cfg.TeamBlueprint:
		team := &schema.Team{Meta: meta, TeamID: e.Identifier, Name: cmp.Or(e.Title, e.Identifier), Kind: schema.TeamStream}
		if slices.Contains(s.cfg.PlatformTeams, e.Identifier) {
			team.Kind = schema.TeamPlatform
		}
		if deleted {
			schema.MarkDeleted(team)
		}
		return []schema.Fact{team}, nil
	}
	return nil, schema.Ignore("Port entity of another blueprint")
}

// repository is what a property says, when it says it as text.
func (r resource) repository(property string) string {
	var address string
	if json.Unmarshal(r.Properties[property], &address) != nil || address == "" {
		return ""
	}
	return schema.RepoID(address)
}

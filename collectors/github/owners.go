package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/codeowners"
	"github.com/headway-metrics/headway/schema"
)

// Whose repositories are: teams with their members and what they administer, and
// CODEOWNERS. None of it is about what a person does.

type team struct {
	Name   string `json:"name"`
	Slug   string `json:"slug"`
	Parent *team  `json:"parent,omitempty"`
	// Deleted is in the last that is told of members of a team that is gone.
	Deleted bool `json:"deleted,omitempty"`
}

type grants struct {
	Admin    bool `json:"admin"`
	Maintain bool `json:"maintain"`
}

func (g grants) own() bool { return g.Admin || g.Maintain }

// ownersPayload is the union of the webhooks about teams and the envelopes of what
// the REST API says of them.
type ownersPayload struct {
	Action       string `json:"action"`
	Organization struct {
		Login string `json:"login"`
	} `json:"organization"`
	Team       *team `json:"team"`
	Member     *user `json:"member"`
	Repository *struct {
		repository
		Permissions grants `json:"permissions"`
	} `json:"repository"`

	// Only in REST envelopes: what differs from what was told before, and since when
	// it is so.
	Since  time.Time `json:"since"`
	Gone   bool      `json:"gone"`
	Joined []user    `json:"joined"`
	Left   []string  `json:"left"`
	Gained []string  `json:"gained"`
	Lost   []string  `json:"lost"`
	Text   string    `json:"text"`
}

// ownersEvents are the events that Normalize reads as ownersPayload.
func ownersEvents() []string { return []string{"team", "team_add", "membership"} }

// teamID is how a team is called everywhere: by its slug, as catalogs name it too;
// where several organisations are read, whose slugs may repeat, with its organisation.
func (s *Source) teamID(organisation, slug string) string {
	slug = strings.ToLower(slug)
	if s.qualified && organisation != "" {
		return strings.ToLower(organisation) + "/" + slug
	}
	return slug
}

// owners makes the facts of teams. GitHub does not say when something changed, so it
// did when it was told.
func (s *Source) owners(kind string, ev schema.Event, data []byte) ([]schema.Fact, error) {
	var p ownersPayload
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("reading %s: %w", kind, err)
	}
	if kind == "rest.codeowners" {
		return s.codeowners(p, ev)
	}
	if p.Team == nil {
		return nil, fmt.Errorf("the payload of %s has no team", kind)
	}
	if p.Team.Slug == "" {
		if p.Team.Deleted {
			return nil, schema.Ignore("GitHub membership of a team that is deleted")
		}
		return nil, errors.New("a team has no slug")
	}
	at := ev.Time
	if !p.Since.IsZero() {
		at = p.Since
	}
	t := told{source: s, organisation: p.Organization.Login, team: p.Team, at: at, version: ev.Time}
	switch kind {
	case "membership":
		if p.Member.ref() == "" {
			return nil, errors.New("a membership has no member")
		}
		switch p.Action {
		case "added":
			return t.joined(*p.Member), nil
		case "removed":
			return []schema.Fact{t.left(p.Member.ref())}, nil
		}
	case "team_add":
		if p.Repository == nil || p.Repository.HTMLURL == "" {
			return nil, errors.New("no repository.html_url")
		}
		// It does not say what the team may do.
		return nil, schema.Ignore("GitHub team_add, which the event team tells better")
	case "team":
		return t.changed(p)
	case "rest.team":
		return t.listed(p), nil
	}
	return nil, fmt.Errorf("action %.40q of %s is unknown", p.Action, kind)
}

// told is one thing that GitHub says of a team.
type told struct {
	source       *Source
	organisation string
	team         *team
	at, version  time.Time
}

func (t told) id() string { return t.source.teamID(t.organisation, t.team.Slug) }

func (t told) meta() schema.Meta {
	return schema.Meta{Source: Name, Version: schema.NewVersion(t.version, 0)}
}

// fact is the team, as a guess: what a catalog says of a team of this name counts.
func (t told) fact(gone bool) *schema.Team {
	f := &schema.Team{Meta: t.meta(), TeamID: t.id(), Name: t.team.Name, Kind: schema.TeamStream}
	f.Version = schema.GuessVersion(t.version)
	if t.team.Parent != nil && t.team.Parent.Slug != "" {
		f.Parent = t.source.teamID(t.organisation, t.team.Parent.Slug)
	}
	if gone {
		f.Deleted = 1
	}
	return f
}

// joined puts somebody into the team, under GitHub's own name for them; identities
// say who that is.
func (t told) joined(u user) []schema.Fact {
	return []schema.Fact{
		&schema.Person{Meta: t.meta(), PersonID: u.ref(), IsBot: u.isBot()},
		&schema.Membership{Meta: t.meta(), PersonID: u.ref(), TeamID: t.id(), ValidFrom: t.at},
	}
}

func (t told) left(ref string) schema.Fact {
	return &schema.Membership{Meta: t.meta(), PersonID: ref, TeamID: t.id(), ValidFrom: t.at, ValidTo: &t.at}
}

// claims begins or ends the team's claim to a repository.
func (t told) claims(repo string, own bool) schema.Fact {
	o := &schema.Ownership{Meta: t.meta(), ServiceID: repo, ValidFrom: t.at, Claim: schema.TeamClaim(t.id())}
	if own {
		o.TeamID = t.id()
	}
	return o
}

// changed makes the facts of the webhook "team".
func (t told) changed(p ownersPayload) ([]schema.Fact, error) {
	switch p.Action {
	case "created", "edited", "deleted":
		out := []schema.Fact{t.fact(p.Action == "deleted")}
		if p.Action == "edited" && p.Repository != nil && p.Repository.HTMLURL != "" {
			out = append(out, t.claims(p.Repository.id(), p.Repository.Permissions.own() && !t.source.ownsNothing(t.team.Slug)))
		}
		return out, nil
	case "added_to_repository", "removed_from_repository":
		if p.Repository == nil || p.Repository.HTMLURL == "" {
			return nil, errors.New("no repository.html_url")
		}
		own := p.Action == "added_to_repository" && p.Repository.Permissions.own() && !t.source.ownsNothing(t.team.Slug)
		return []schema.Fact{t.fact(false), t.claims(p.Repository.id(), own)}, nil
	}
	return nil, fmt.Errorf("action %.40q of team is unknown", p.Action)
}

// listed makes the facts of what the REST API says differently than before.
func (t told) listed(p ownersPayload) []schema.Fact {
	out := []schema.Fact{t.fact(p.Gone)}
	for _, u := range p.Joined {
		out = append(out, t.joined(u)...)
	}
	for _, login := range p.Left {
		out = append(out, t.left((&user{Login: login}).ref()))
	}
	for _, repo := range p.Gained {
		out = append(out, t.claims(repo, true))
	}
	for _, repo := range p.Lost {
		out = append(out, t.claims(repo, false))
	}
	return out
}

// codeowners makes the claim of a repository's file; of one that is gone it is empty
// and ends the claim.
func (s *Source) codeowners(p ownersPayload, ev schema.Event) ([]schema.Fact, error) {
	if p.Repository == nil || p.Repository.HTMLURL == "" {
		return nil, errors.New("no repository.html_url")
	}
	if err := need("CODEOWNERS", p.Since); err != nil {
		return nil, err
	}
	o := codeowners.Claim(p.Text, false, func(owner string) string {
		organisation, slug, ok := strings.Cut(strings.TrimPrefix(owner, "@"), "/")
		if !ok || !strings.HasPrefix(owner, "@") || slug == "" {
			return ""
		}
		return s.teamID(organisation, slug)
	})
	o.Meta = schema.Meta{Source: Name, URL: p.Repository.HTMLURL, Version: schema.NewVersion(ev.Time, 0)}
	o.ServiceID, o.ValidFrom = p.Repository.id(), p.Since
	return []schema.Fact{o}, nil
}

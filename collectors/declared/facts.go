package declared

import (
	"time"

	"github.com/headway-metrics/headway/schema"
)

func (c Config) entries() map[string]*entry {
	out := map[string]*entry{}
	for i := range c.Teams {
		e := &entry{Kind: "team", ID: c.Teams[i].ID, Team: &c.Teams[i]}
		out[e.Kind+"/"+e.ID] = e
	}
	for i := range c.Services {
		e := &entry{Kind: "service", ID: c.Services[i].ID, Service: &c.Services[i]}
		out[e.Kind+"/"+e.ID] = e
	}
	for i := range c.People {
		e := &entry{Kind: "person", ID: c.People[i].ID, Person: &c.People[i]}
		out[e.Kind+"/"+e.ID] = e
	}
	for i := range c.Capabilities {
		e := &entry{Kind: "capability", ID: c.Capabilities[i].ID, Capability: &c.Capabilities[i]}
		out[e.Kind+"/"+e.ID] = e
	}
	return out
}

// facts of an entry; nil for one that is gone or of a kind that is not known.
func (e *entry) facts(meta schema.Meta) []schema.Fact {
	if e.Gone {
		return nil
	}
	switch {
	case e.Team != nil:
		return e.Team.facts(meta)
	case e.Service != nil:
		return e.Service.facts(meta)
	case e.Person != nil:
		return e.Person.facts(meta)
	case e.Capability != nil:
		return e.Capability.facts(meta)
	}
	return nil
}

func (t *Team) facts(meta schema.Meta) []schema.Fact {
	kind := t.Kind
	if kind == "" {
		kind = schema.TeamStream
	}
	return []schema.Fact{&schema.Team{Meta: meta, TeamID: t.ID, Name: orID(t.Name, t.ID), Kind: kind, Parent: t.Parent}}
}

func (s *Service) facts(meta schema.Meta) []schema.Fact {
	svc := &schema.Service{
		Meta: meta, ServiceID: s.ID, Name: orID(s.Name, s.ID), Kind: s.Kind, Repo: schema.RepoID(s.Repo),
		Paths: s.Paths, Aliases: s.Aliases, System: s.System, Lifecycle: s.Lifecycle, CreatedAt: moment(s.CreatedAt),
	}
	out := []schema.Fact{svc}
	if s.Team != "" {
		out = append(out, &schema.Ownership{Meta: meta, ServiceID: s.ID, ValidFrom: schema.MinTime, TeamID: s.Team, Claim: schema.ClaimConfig})
	}
	for _, o := range s.Owners {
		if since := moment(o.Since); since != nil {
			out = append(out, &schema.Ownership{Meta: meta, ServiceID: s.ID, ValidFrom: *since, TeamID: o.Team, Claim: schema.ClaimConfig})
		}
	}
	return out
}

func (p *Person) facts(meta schema.Meta) []schema.Fact {
	person := &schema.Person{Meta: meta, PersonID: p.ID}
	if p.Bot {
		person.IsBot = 1
	}
	out := []schema.Fact{person}
	for _, ref := range p.Identities {
		out = append(out, &schema.Identity{Meta: meta, Ref: ref, PersonID: p.ID, How: "mapping"})
	}
	if p.Team != "" {
		m := &schema.Membership{Meta: meta, PersonID: p.ID, TeamID: p.Team, ValidFrom: schema.MinTime, ValidTo: moment(p.Until)}
		if since := moment(p.Since); since != nil {
			m.ValidFrom = *since
		}
		out = append(out, m)
	}
	return out
}

func (c *Capability) facts(meta schema.Meta) []schema.Fact {
	k := &schema.Capability{Meta: meta, CapabilityID: c.ID, Name: orID(c.Name, c.ID), Kind: c.Kind, ReleasedAt: moment(c.ReleasedAt)}
	if c.Mandated {
		k.Mandated = 1
	}
	return []schema.Fact{k}
}

func orID(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

// moment is a date that Problems has already checked.
func moment(s string) *time.Time {
	t, err := parseDay(s)
	if err != nil {
		return nil
	}
	return t
}

package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Day is a day ("2026-01-31", its beginning in UTC) or an RFC 3339 time.
type Day struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (d *Day) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("a day is a text: 2026-01-31")
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			d.Time = t
			return nil
		}
	}
	return fmt.Errorf("%q is neither 2026-01-31 nor RFC 3339", s)
}

// from is when something began; nil is always.
func (d *Day) from() time.Time {
	if d == nil {
		return schema.MinTime
	}
	return d.Time
}

// until is when something ended; nil is not yet.
func (d *Day) until() *time.Time {
	if d == nil {
		return nil
	}
	return &d.Time
}

// order returns an error when an end is not after its beginning.
func order(from, to *Day) error {
	if to != nil && !to.After(from.from()) {
		return fmt.Errorf("to: is %s, which is not after from", to.Format(time.DateOnly))
	}
	return nil
}

// Team is a group of people that owns services. Of every kind in this file: sending
// the same id again replaces what was said, updated_at decides what is newer (without
// it, what is received later), and deleted withdraws it.
type Team struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Kind is stream or platform; left out it is stream.
	Kind string `json:"kind"`
	// Parent is the id of the team that this one belongs to.
	Parent    string     `json:"parent"`
	Deleted   bool       `json:"deleted"`
	UpdatedAt *time.Time `json:"updated_at"`
	URL       string     `json:"url"`
}

func (t *Team) key() string { return t.ID }

func (t *Team) validate() error {
	return errors.Join(need("id", t.ID), oneOf("kind", t.Kind, "", schema.TeamStream, schema.TeamPlatform))
}

func (t *Team) facts(from Origin) []schema.Fact {
	return []schema.Fact{&schema.Team{
		Meta: from.meta(t.URL, t.Deleted, t.UpdatedAt), TeamID: t.ID, Name: cmp.Or(t.Name, t.ID), Kind: cmp.Or(t.Kind, schema.TeamStream), Parent: t.Parent,
	}}
}

// Person is somebody, or a bot. Of people only which team they are in is used.
type Person struct {
	ID  string `json:"id"`
	Bot bool   `json:"bot"`
	// Team is one membership, From and To its days; Membership has more of them.
	Team string `json:"team"`
	From *Day   `json:"from"`
	To   *Day   `json:"to"`
	// Identities are the person's names in other systems: "github:ada".
	Identities []string   `json:"identities"`
	Deleted    bool       `json:"deleted"`
	UpdatedAt  *time.Time `json:"updated_at"`
	URL        string     `json:"url"`
}

func (p *Person) key() string { return p.ID }

func (p *Person) validate() error {
	err := errors.Join(need("id", p.ID), order(p.From, p.To))
	if p.Team == "" && (p.From != nil || p.To != nil) {
		err = errors.Join(err, errors.New("team: is required beside from and to"))
	}
	for _, ref := range p.Identities {
		err = errors.Join(err, isRef("identities", ref))
	}
	return err
}

// isRef returns an error when an identity does not say of which system it is: such
// a name could be anybody's.
func isRef(field, ref string) error {
	if system, name, ok := strings.Cut(ref, ":"); !ok || system == "" || name == "" {
		return fmt.Errorf("%s: is %q; write system and name, such as github:ada", field, ref)
	}
	return nil
}

func (p *Person) facts(from Origin) []schema.Fact {
	out := []schema.Fact{&schema.Person{Meta: from.meta(p.URL, p.Deleted, p.UpdatedAt), PersonID: p.ID, IsBot: flag(p.Bot)}}
	if p.Team != "" {
		m := Membership{Person: p.ID, Team: p.Team, From: p.From, To: p.To, Deleted: p.Deleted, UpdatedAt: p.UpdatedAt, URL: p.URL}
		out = append(out, m.facts(from)...)
	}
	for _, ref := range p.Identities {
		i := Identity{Identity: ref, Person: p.ID, Deleted: p.Deleted, UpdatedAt: p.UpdatedAt, URL: p.URL}
		out = append(out, i.facts(from)...)
	}
	return out
}

// Membership puts a person in a team from a day, until a day.
type Membership struct {
	Person    string     `json:"person"`
	Team      string     `json:"team"`
	From      *Day       `json:"from"`
	To        *Day       `json:"to"`
	Deleted   bool       `json:"deleted"`
	UpdatedAt *time.Time `json:"updated_at"`
	URL       string     `json:"url"`
}

func (m *Membership) key() string { return m.Person }

func (m *Membership) validate() error {
	return errors.Join(need("person", m.Person), need("team", m.Team), order(m.From, m.To))
}

func (m *Membership) facts(from Origin) []schema.Fact {
	return []schema.Fact{&schema.Membership{
		Meta: from.meta(m.URL, m.Deleted, m.UpdatedAt), PersonID: m.Person, TeamID: m.Team, ValidFrom: m.From.from(), ValidTo: m.To.until(),
	}}
}

// Identity links a system's name for somebody to a person.
type Identity struct {
	// Identity as the system writes it: "github:ada".
	Identity string `json:"identity"`
	Person   string `json:"person"`
	// How the link is known: mapping, catalog, sso or email (verified); left out it
	// is mapping. The better evidence counts, in this order.
	How       string     `json:"how"`
	Deleted   bool       `json:"deleted"`
	UpdatedAt *time.Time `json:"updated_at"`
	URL       string     `json:"url"`
}

func (i *Identity) key() string { return i.Identity }

func (i *Identity) validate() error {
	return errors.Join(isRef("identity", i.Identity), need("person", i.Person), oneOf("how", i.How, "", "mapping", "catalog", "sso", "email"))
}

func (i *Identity) facts(from Origin) []schema.Fact {
	how := cmp.Or(i.How, "mapping")
	meta := from.meta(i.URL, i.Deleted, i.UpdatedAt)
	meta.Version = schema.IdentityVersion(from.changed(i.UpdatedAt), how)
	return []schema.Fact{&schema.Identity{Meta: meta, Ref: i.Identity, PersonID: i.Person, How: how}}
}

// Service is a deployable component.
type Service struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Repository (URL or host/path), and the Paths in it that belong to the service;
	// none is all of it.
	Repository string   `json:"repository"`
	Paths      []string `json:"paths"`
	// Aliases are its names in other systems: "pagerduty:PX1".
	Aliases []string `json:"aliases"`
	// Team owns it from the beginning; Owner has owners in the course of time.
	Team      string     `json:"team"`
	Kind      string     `json:"kind"`
	System    string     `json:"system"`
	Lifecycle string     `json:"lifecycle"`
	CreatedAt *Day       `json:"created_at"`
	Deleted   bool       `json:"deleted"`
	UpdatedAt *time.Time `json:"updated_at"`
	URL       string     `json:"url"`
}

func (s *Service) key() string { return s.ID }

func (s *Service) validate() error {
	err := need("id", s.ID)
	if slices.Contains(s.Paths, "") {
		err = errors.Join(err, errors.New("paths: holds an empty path"))
	}
	if slices.Contains(s.Aliases, "") {
		err = errors.Join(err, errors.New("aliases: holds an empty name"))
	}
	if len(s.Paths) > 0 && s.Repository == "" {
		err = errors.Join(err, errors.New("repository: is required beside paths"))
	}
	return err
}

func (s *Service) facts(from Origin) []schema.Fact {
	out := []schema.Fact{&schema.Service{
		Meta: from.meta(s.URL, s.Deleted, s.UpdatedAt), ServiceID: s.ID, Name: cmp.Or(s.Name, s.ID), Kind: s.Kind, Repo: repoID(s.Repository),
		Paths: s.Paths, Aliases: s.Aliases, System: s.System, Lifecycle: s.Lifecycle, CreatedAt: s.CreatedAt.until(),
	}}
	if s.Team != "" {
		o := Owner{Service: s.ID, Team: s.Team, Deleted: s.Deleted, UpdatedAt: s.UpdatedAt, URL: s.URL}
		out = append(out, o.facts(from)...)
	}
	return out
}

// Owner says that a service belongs to a team from a day on, until the next row of
// the service.
type Owner struct {
	Service   string     `json:"service"`
	Team      string     `json:"team"`
	From      *Day       `json:"from"`
	Deleted   bool       `json:"deleted"`
	UpdatedAt *time.Time `json:"updated_at"`
	URL       string     `json:"url"`
}

func (o *Owner) key() string { return o.Service }

func (o *Owner) validate() error {
	return errors.Join(need("service", o.Service), need("team", o.Team))
}

func (o *Owner) facts(from Origin) []schema.Fact {
	return []schema.Fact{&schema.Ownership{
		// A door has a claim of its own: what a catalog says of the same day stays beside it.
		Meta: from.meta(o.URL, o.Deleted, o.UpdatedAt), ServiceID: o.Service, ValidFrom: o.From.from(), TeamID: o.Team, Claim: from.Source,
	}}
}

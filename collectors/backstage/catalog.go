package backstage

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Types of the poller's events about the catalog.
const (
	typeEntity  = Name + ".entity"
	typeRemoved = Name + ".entity_removed"
)

// observed is the payload of a catalog event: the entity as Backstage gave it,
// and what only two readings of the catalog together say.
type observed struct {
	Entity json.RawMessage `json:"entity"`
	// Ref of an entity that is gone.
	Ref string `json:"ref,omitempty"`
	// Memberships of a user with the times that they were seen.
	Memberships []membership `json:"memberships,omitempty"`
}

type membership struct {
	Group string     `json:"group"`
	From  time.Time  `json:"from"`
	To    *time.Time `json:"to,omitempty"`
}

func (s *Source) normalizeEntity(ev schema.Event) ([]schema.Fact, error) {
	var o observed
	if err := json.Unmarshal(ev.Data, &o); err != nil {
		return nil, fmt.Errorf("reading an entity: %w", err)
	}
	meta := schema.Meta{Source: Name, Version: schema.NewVersion(ev.Time, 0)}
	if ev.Type == typeRemoved {
		return removed(o, meta)
	}
	var e entity
	if err := json.Unmarshal(o.Entity, &e); err != nil {
		return nil, fmt.Errorf("reading an entity: %w", err)
	}
	if e.Kind == "" || e.Metadata.Name == "" {
		return nil, errors.New("entity without kind or name")
	}
	if s.cfg.URL != "" {
		kind, rest, _ := strings.Cut(e.ref(), ":")
		ns, name, _ := strings.Cut(rest, "/")
		meta.URL = strings.TrimSuffix(s.cfg.URL, "/") + "/catalog/" + ns + "/" + kind + "/" + name
	}
	switch strings.ToLower(e.Kind) {
	case "component":
		return e.component(meta, ev.Time), nil
	case "template":
		return []schema.Fact{e.provides(meta)}, nil
	case "group":
		return []schema.Fact{e.team(meta)}, nil
	case "user":
		return s.user(e, o, meta), nil
	}
	return nil, schema.Ignore("entity of another kind")
}

func (e entity) component(meta schema.Meta, seen time.Time) []schema.Fact {
	id := shortID(e.ref())
	s := &schema.Service{
		Meta: meta, ServiceID: id, Name: cmp.Or(e.Metadata.Title, e.Metadata.Name), Kind: e.Spec.Type, Lifecycle: e.Spec.Lifecycle,
		Aliases: append([]string{Name + ":" + e.ref()}, e.Metadata.aliases()...),
		System:  e.Spec.System, Template: e.Metadata.Annotations[annotationTemplate], CreatedAt: e.Metadata.date(annotationCreated),
	}
	var path string
	if s.Repo, path = e.Metadata.repository(); path != "" {
		s.Paths = []string{path}
	}
	out := []schema.Fact{s, &schema.Ownership{Meta: meta, ServiceID: id, ValidFrom: seen, TeamID: e.owner(), Claim: schema.CatalogClaim(Name)}}
	if e.capability() != "" {
		out = append(out, e.provides(meta))
	}
	return out
}

// provides describes the capability of a component or template. An entity that
// only names it says the least of all: several may name the same one, and neither
// their titles nor their silence about its release may replace what the
// configuration or an annotated entity says. Its row loses to every other.
func (e entity) provides(meta schema.Meta) *schema.Capability {
	a := e.Metadata.Annotations
	if a[annotationCapability] != "" && a[annotationReleased] == "" && a[annotationMandated] == "" {
		meta.Version = schema.NewVersion(time.UnixMilli(0), 0)
	}
	c := &schema.Capability{
		Meta: meta, CapabilityID: e.capability(), Name: cmp.Or(e.Metadata.Title, e.Metadata.Name),
		Kind: strings.ToLower(e.Kind), ReleasedAt: e.Metadata.date(annotationReleased),
	}
	if a[annotationMandated] == "true" {
		c.Mandated = 1
	}
	return c
}

func (e entity) team(meta schema.Meta) *schema.Team {
	t := &schema.Team{Meta: meta, TeamID: shortID(e.ref()), Name: cmp.Or(e.Spec.Profile.DisplayName, e.Metadata.Title, e.Metadata.Name), Kind: schema.TeamStream}
	if e.Metadata.Annotations[annotationTeamKind] == schema.TeamPlatform {
		t.Kind = schema.TeamPlatform
	}
	if p := e.related("childOf"); len(p) > 0 {
		t.Parent = shortID(p[0])
	} else if e.Spec.Parent != "" {
		t.Parent = shortID(fullRef(e.Spec.Parent, "group", e.Metadata.Namespace))
	}
	return t
}

func (s *Source) user(e entity, o observed, meta schema.Meta) []schema.Fact {
	person := shortID(e.ref())
	out := []schema.Fact{&schema.Person{Meta: meta, PersonID: person}, identity(meta, Name+":"+e.ref(), person, "catalog")}
	for _, system := range []string{"github", "gitlab"} {
		if login := e.Metadata.Annotations[system+".com/user-login"]; login != "" {
			out = append(out, identity(meta, system+":"+login, person, "catalog"))
		}
	}
	if mail := strings.ToLower(e.Spec.Profile.Email); mail != "" && s.cfg.TrustEmails {
		out = append(out, identity(meta, "email:"+mail, person, "email"))
	}
	return append(out, memberships(o, person, meta)...)
}

// identity links a name to a person with the weight of its evidence.
func identity(meta schema.Meta, ref, person, how string) *schema.Identity {
	meta.Version = schema.IdentityVersion(schema.VersionTime(meta.Version), how)
	return &schema.Identity{Meta: meta, Ref: ref, PersonID: person, How: how}
}

func memberships(o observed, person string, meta schema.Meta) []schema.Fact {
	var out []schema.Fact
	for _, m := range o.Memberships {
		out = append(out, &schema.Membership{Meta: meta, PersonID: person, TeamID: shortID(m.Group), ValidFrom: m.From, ValidTo: m.To})
	}
	return out
}

// removed withdraws what an entity was. Owners and past memberships stay: they
// were true.
func removed(o observed, meta schema.Meta) ([]schema.Fact, error) {
	kind, _, ok := strings.Cut(o.Ref, ":")
	id := shortID(o.Ref)
	if !ok || id == "" {
		return nil, fmt.Errorf("removed entity %.80q is no reference", o.Ref)
	}
	gone := meta
	gone.Deleted = 1
	switch kind {
	case "component":
		return []schema.Fact{&schema.Service{Meta: gone, ServiceID: id}}, nil
	case "template":
		return []schema.Fact{&schema.Capability{Meta: gone, CapabilityID: o.Ref}}, nil
	case "group":
		return []schema.Fact{&schema.Team{Meta: gone, TeamID: id}}, nil
	case "user":
		out := []schema.Fact{&schema.Person{Meta: gone, PersonID: id}, identity(gone, Name+":"+o.Ref, id, "catalog")}
		return append(out, memberships(o, id, meta)...), nil
	}
	return nil, schema.Ignore("entity of another kind")
}

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
	// Was is what an entity that is gone was, and of one that is there what it is no
	// longer.
	Was *memory `json:"was,omitempty"`
	// Memberships of a user with the times that they were seen.
	Memberships []membership `json:"memberships,omitempty"`
}

// memory is what is known of an entity from earlier readings.
type memory struct {
	Repo    string   `json:"repo,omitempty"`
	Path    string   `json:"path,omitempty"`
	Aliases []string `json:"aliases,omitempty"`
	// Identities are the names that led to a user, with the latest evidence.
	Identities []string `json:"identities,omitempty"`
	// Owner is whose a component was.
	Owner string `json:"owner,omitempty"`
	// Owned are the components of a group, and Members its users, by reference.
	Owned   []string `json:"owned,omitempty"`
	Members []string `json:"members,omitempty"`
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
		return removed(o, meta, ev.Time)
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
	out := []schema.Fact{&schema.Person{Meta: meta, PersonID: person}}
	for _, ref := range s.identities(e) {
		out = append(out, identity(meta, ref, person))
	}
	return append(append(out, withdrawn(o, person, meta)...), memberships(o, person, meta)...)
}

// identities are the names that lead to a user: those that the catalog knows, and the
// e-mail address when it is verified.
func (s *Source) identities(e entity) []string {
	out := []string{Name + ":" + e.ref()}
	for _, system := range []string{"github", "gitlab"} {
		if login := e.Metadata.Annotations[system+".com/user-login"]; login != "" {
			out = append(out, system+":"+login)
		}
	}
	if mail := strings.ToLower(e.Spec.Profile.Email); mail != "" && s.cfg.TrustEmails {
		out = append(out, emailPrefix+mail)
	}
	return out
}

const emailPrefix = "email:"

// withdrawn takes back the identities that are no longer.
func withdrawn(o observed, person string, meta schema.Meta) []schema.Fact {
	if o.Was == nil {
		return nil
	}
	var out []schema.Fact
	meta.Deleted = 1
	for _, ref := range o.Was.Identities {
		out = append(out, identity(meta, ref, person))
	}
	return out
}

// identity links a name to a person with the weight of its evidence.
func identity(meta schema.Meta, ref, person string) *schema.Identity {
	how := "catalog"
	if strings.HasPrefix(ref, emailPrefix) {
		how = "email"
	}
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

// removed withdraws what an entity was, and ends what it owned or was a member of.
// That it was so until then stays true.
func removed(o observed, meta schema.Meta, at time.Time) ([]schema.Fact, error) {
	kind, _, ok := strings.Cut(o.Ref, ":")
	id := shortID(o.Ref)
	if !ok || id == "" {
		return nil, fmt.Errorf("removed entity %.80q is no reference", o.Ref)
	}
	gone := meta
	gone.Deleted = 1
	of := o.Was
	if of == nil {
		of = &memory{}
	}
	disown := func(service string) *schema.Ownership {
		return &schema.Ownership{Meta: meta, ServiceID: service, ValidFrom: at, Claim: schema.CatalogClaim(Name)}
	}
	switch kind {
	case "component":
		// With its names: what was deployed under them stays its own.
		s := &schema.Service{Meta: gone, ServiceID: id, Repo: of.Repo, Aliases: of.Aliases}
		if of.Path != "" {
			s.Paths = []string{of.Path}
		}
		return []schema.Fact{s, disown(id)}, nil
	case "template":
		return []schema.Fact{&schema.Capability{Meta: gone, CapabilityID: o.Ref}}, nil
	case "group":
		out := []schema.Fact{&schema.Team{Meta: gone, TeamID: id}}
		for _, ref := range of.Owned {
			out = append(out, disown(shortID(ref)))
		}
		for _, ref := range of.Members {
			out = append(out, &schema.Membership{Meta: meta, PersonID: shortID(ref), TeamID: id, ValidFrom: at, ValidTo: &at})
		}
		return out, nil
	case "user":
		out := []schema.Fact{&schema.Person{Meta: gone, PersonID: id}}
		if of.Identities == nil {
			of.Identities = []string{Name + ":" + o.Ref}
		}
		for _, ref := range of.Identities {
			out = append(out, identity(gone, ref, id))
		}
		return append(out, memberships(o, id, meta)...), nil
	}
	return nil, schema.Ignore("entity of another kind")
}

package schema

import (
	"cmp"
	"strings"
	"time"
)

// Tiers of an environment.
const (
	TierProduction  = "production"
	TierStaging     = "staging"
	TierTesting     = "testing"
	TierDevelopment = "development"
	TierOther       = "other"
)

// Service is a deployable component of the catalogue.
type Service struct {
	Meta
	ServiceID string `ch:"service_id"`
	Name      string `ch:"name"`
	Kind      string `ch:"kind"`
	Repo      string `ch:"repo"`
	// Paths are the path prefixes of Repo that belong to the service; empty
	// means the whole repository.
	Paths []string `ch:"paths"`
	// Aliases are the names other systems use: "pagerduty:PX1", "argocd:shop".
	Aliases   []string `ch:"aliases"`
	System    string   `ch:"system"`
	Lifecycle string   `ch:"lifecycle"`
	// Template that created the service, or "".
	Template string `ch:"template"`
	// CreatedAt is when the service was created, when known.
	CreatedAt *time.Time `ch:"created_at"`
}

func (*Service) Table() string         { return "services" }
func (s *Service) FactID() string      { return s.ServiceID }
func (*Service) DirtyKeys() []DirtyKey { return []DirtyKey{DirtyCatalog, DirtyNames} }

// Ownership says that from ValidFrom on a service belongs to a team, until a
// later row of the same service and claim; no team ends the claim. Before its first
// row the first owner counts.
type Ownership struct {
	Meta
	// ServiceID is a service, or, of the claims of teams and CODEOWNERS, a repository:
	// then it is of all its services.
	ServiceID string    `ch:"service_id"`
	ValidFrom time.Time `ch:"valid_from"`
	TeamID    string    `ch:"team_id"`
	// Claim is who says so: one of the Claim constants, or TeamClaim. Of several at
	// one time the one with the highest OwnershipRank counts.
	Claim string `ch:"claim"`
	// Patterns are regular expressions (RE2) for the files of a repository, and Teams
	// whose those are, with "" for nobody's; the last that fits counts. TeamID is
	// then whose a file is that none of them speaks of by name.
	Patterns []string `ch:"patterns"`
	Teams    []string `ch:"teams"`
	// Others are owners in CODEOWNERS that are no team.
	Others []string `ch:"others"`
}

// Claims to an Ownership.
const (
	ClaimConfig     = "config"
	ClaimCodeowners = "codeowners"
	catalogClaim    = "catalog/"
	teamClaim       = "team/"
)

// CatalogClaim is the claim of a catalog, by the name of its source.
func CatalogClaim(source string) string { return catalogClaim + source }

// TeamClaim is the claim of a team that administers a repository. Each team has its
// own, for a provider may tell of one without the others.
func TeamClaim(team string) string { return teamClaim + team }

func (*Ownership) Table() string { return "ownerships" }
func (o *Ownership) FactID() string {
	return o.ServiceID + "@" + keyTime(o.ValidFrom) + "@" + o.Claim
}

// DirtyKeys names the service, or what the repository holds.
func (o *Ownership) DirtyKeys() []DirtyKey {
	if o.OfRepo() {
		return []DirtyKey{DirtyRepo(o.ServiceID), DirtyNames}
	}
	return []DirtyKey{DirtyService(o.ServiceID), DirtyNames}
}

// OfRepo says that ServiceID is a repository.
func (o *Ownership) OfRepo() bool {
	return o.Claim == ClaimCodeowners || strings.HasPrefix(o.Claim, teamClaim)
}

// Line names who says so, also of rows from before there were claims.
func (o *Ownership) Line() string { return cmp.Or(o.Claim, o.Source) }

// Ranks of claims to one service at one time; the highest counts: the catalog, the
// team that administers the repository, CODEOWNERS, what was written down by hand
// (SOURCES, "Identity"). The view service_claims knows the same order.
const (
	RankConfig = iota
	RankCodeowners
	RankTeam
	RankCatalog
)

// OwnershipRank is the rank of a line of claims.
func OwnershipRank(line string) int {
	kind, _, _ := strings.Cut(line, "/")
	switch kind {
	case ClaimConfig, "csv", "api":
		return RankConfig
	case ClaimCodeowners:
		return RankCodeowners
	case strings.TrimSuffix(teamClaim, "/"):
		return RankTeam
	}
	return RankCatalog
}

// Kinds of a Team.
const (
	TeamStream   = "stream"
	TeamPlatform = "platform"
)

// Team is a group of people that owns services.
type Team struct {
	Meta
	TeamID string `ch:"team_id"`
	Name   string `ch:"name"`
	Kind   string `ch:"kind"`
	Parent string `ch:"parent"`
}

func (*Team) Table() string         { return "teams" }
func (t *Team) FactID() string      { return t.TeamID }
func (*Team) DirtyKeys() []DirtyKey { return []DirtyKey{DirtyNames} }

// Person is somebody, or a bot, that identities resolve to.
type Person struct {
	Meta
	PersonID string `ch:"person_id"`
	IsBot    uint8  `ch:"is_bot"`
}

func (*Person) Table() string         { return "people" }
func (p *Person) FactID() string      { return p.PersonID }
func (*Person) DirtyKeys() []DirtyKey { return nil }

// Membership puts a person in a team for a time: until ValidTo, or a later row of the
// same person and team. A row that ends as it begins says that the person left.
type Membership struct {
	Meta
	PersonID  string     `ch:"person_id"`
	TeamID    string     `ch:"team_id"`
	ValidFrom time.Time  `ch:"valid_from"`
	ValidTo   *time.Time `ch:"valid_to"`
}

func (*Membership) Table() string { return "memberships" }
func (m *Membership) FactID() string {
	return m.PersonID + "/" + m.TeamID + "@" + keyTime(m.ValidFrom)
}
func (*Membership) DirtyKeys() []DirtyKey { return []DirtyKey{DirtyNames} }

// Identity links a system's name for somebody to a person, never by display name.
type Identity struct {
	Meta
	// Ref is the identity as a source writes it: "github:octocat",
	// "backstage:user:default/ada".
	Ref      string `ch:"ref"`
	PersonID string `ch:"person_id"`
	// PersonID may itself be the ref of another identity, which leads on from there.
	// How the link is known: mapping, catalog, sso, email.
	How string `ch:"how"`
}

func (*Identity) Table() string         { return "identities" }
func (i *Identity) FactID() string      { return i.Ref }
func (*Identity) DirtyKeys() []DirtyKey { return []DirtyKey{DirtyNames} }

// Capability is something the platform offers.
type Capability struct {
	Meta
	CapabilityID string `ch:"capability_id"`
	Name         string `ch:"name"`
	Kind         string `ch:"kind"`
	// ReleasedAt starts the adoption curve; nil means it always was there.
	ReleasedAt *time.Time `ch:"released_at"`
	Mandated   uint8      `ch:"mandated"`
}

func (*Capability) Table() string         { return "capabilities" }
func (c *Capability) FactID() string      { return c.CapabilityID }
func (*Capability) DirtyKeys() []DirtyKey { return nil }

// CapabilityUse is one use of a capability. Page views have Qualifying 0.
type CapabilityUse struct {
	Meta
	UseID        string    `ch:"use_id"`
	CapabilityID string    `ch:"capability_id"`
	At           time.Time `ch:"at"`
	Action       string    `ch:"action"`
	Qualifying   uint8     `ch:"qualifying"`
	TeamRef      string    `ch:"team_ref"`
	ServiceRef   string    `ch:"service_ref"`
	// Actor is an identity ref; it finds the team, and tells people apart where the
	// people of a group are counted.
	Actor string `ch:"actor"`
}

func (*CapabilityUse) Table() string           { return "capability_uses" }
func (u *CapabilityUse) FactID() string        { return u.UseID }
func (u *CapabilityUse) DirtyKeys() []DirtyKey { return []DirtyKey{DirtyFact(u.Table(), u.UseID)} }

// Whether a workload passes the platform predicate.
const (
	OnPlatformYes     = "yes"
	OnPlatformNo      = "no"
	OnPlatformUnknown = "unknown"
)

// Workload is one running thing in one daily inventory.
type Workload struct {
	Meta
	WorkloadID string `ch:"workload_id"`
	// Day of the snapshot, at 00:00 UTC.
	Day         time.Time `ch:"day"`
	Cluster     string    `ch:"cluster"`
	Namespace   string    `ch:"namespace"`
	Name        string    `ch:"name"`
	Kind        string    `ch:"kind"`
	Environment string    `ch:"environment"`
	Tier        string    `ch:"tier"`
	ServiceRef  string    `ch:"service_ref"`
	TeamRef     string    `ch:"team_ref"`
	OnPlatform  string    `ch:"on_platform"`
	// PlatformOwned workloads are the platform itself; they are not counted.
	PlatformOwned uint8 `ch:"platform_owned"`
}

func (*Workload) Table() string           { return "workloads" }
func (w *Workload) FactID() string        { return w.WorkloadID + "@" + w.Day.Format(time.DateOnly) }
func (w *Workload) DirtyKeys() []DirtyKey { return []DirtyKey{dirtyDay(w.Table(), w.Day)} }

// keyTime writes a time that is part of a key, as precisely as the tables keep it.
func keyTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

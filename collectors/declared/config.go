package declared

import (
	"fmt"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Config is the "catalog" part of headway.yaml.
type Config struct {
	Teams        []Team       `yaml:"teams" json:"teams,omitempty"`
	Services     []Service    `yaml:"services" json:"services,omitempty"`
	People       []Person     `yaml:"people" json:"people,omitempty"`
	Capabilities []Capability `yaml:"capabilities" json:"capabilities,omitempty"`
}

// Team owns services.
type Team struct {
	ID     string `yaml:"id" json:"id" jsonschema:"required"`
	Name   string `yaml:"name" json:"name,omitempty"`
	Kind   string `yaml:"kind" json:"kind,omitempty" jsonschema:"enum=stream,enum=platform,default=stream"`
	Parent string `yaml:"parent" json:"parent,omitempty"`
}

// Service is something that is deployed.
type Service struct {
	ID   string `yaml:"id" json:"id" jsonschema:"required"`
	Name string `yaml:"name" json:"name,omitempty"`
	// Repo is a clone URL or host/path.
	Repo string `yaml:"repo" json:"repo,omitempty"`
	// Paths of the repository that belong to the service; empty is all of it.
	Paths []string `yaml:"paths" json:"paths,omitempty"`
	// Team owns the service from the beginning; Owners names more than one in
	// the course of time.
	Team   string  `yaml:"team" json:"team,omitempty"`
	Owners []Owner `yaml:"owners" json:"owners,omitempty"`
	// Aliases are the names of the service in other systems: "pagerduty:PX1".
	Aliases   []string `yaml:"aliases" json:"aliases,omitempty"`
	Kind      string   `yaml:"kind" json:"kind,omitempty"`
	System    string   `yaml:"system" json:"system,omitempty"`
	Lifecycle string   `yaml:"lifecycle" json:"lifecycle,omitempty"`
	// CreatedAt as 2026-01-31 or RFC 3339.
	CreatedAt string `yaml:"created_at" json:"created_at,omitempty"`
}

// Owner is a team that owns a service from a day on.
type Owner struct {
	Team  string `yaml:"team" json:"team" jsonschema:"required"`
	Since string `yaml:"since" json:"since" jsonschema:"required"`
}

// Person belongs to a team; identities find the person's team, nothing else.
type Person struct {
	ID         string   `yaml:"id" json:"id" jsonschema:"required"`
	Team       string   `yaml:"team" json:"team,omitempty"`
	Since      string   `yaml:"since" json:"since,omitempty"`
	Until      string   `yaml:"until" json:"until,omitempty"`
	Bot        bool     `yaml:"bot" json:"bot,omitempty"`
	Identities []string `yaml:"identities" json:"identities,omitempty"`
}

// Capability is something the platform offers.
type Capability struct {
	ID         string `yaml:"id" json:"id" jsonschema:"required"`
	Name       string `yaml:"name" json:"name,omitempty"`
	Kind       string `yaml:"kind" json:"kind,omitempty"`
	ReleasedAt string `yaml:"released_at" json:"released_at,omitempty"`
	Mandated   bool   `yaml:"mandated" json:"mandated,omitempty"`
}

// Problem is something wrong with one key, by its path below "catalog".
type Problem struct{ Path, Message string }

// Problems lists what is wrong with the catalogue.
func (c Config) Problems() []Problem {
	var out []Problem
	bad := func(path, format string, args ...any) {
		out = append(out, Problem{path, fmt.Sprintf(format, args...)})
	}
	once := func(kind string) func(i int, id string) {
		seen := map[string]int{}
		return func(i int, id string) {
			path := fmt.Sprintf("%s[%d].id", kind, i)
			if id == "" {
				bad(path, "is missing; give every entry an id")
			} else if first, dup := seen[id]; dup {
				bad(path, "%q is declared twice, first as %s[%d]; keep one", id, kind, first)
			} else {
				seen[id] = i
			}
		}
	}
	day := func(path, s string) {
		if _, err := parseDay(s); err != nil {
			bad(path, "%q is not a date; write 2026-01-31", s)
		}
	}
	team := once("teams")
	for i, t := range c.Teams {
		team(i, t.ID)
		if t.Kind != "" && t.Kind != schema.TeamStream && t.Kind != schema.TeamPlatform {
			bad(fmt.Sprintf("teams[%d].kind", i), "%q is unknown; use stream or platform", t.Kind)
		}
	}
	service := once("services")
	for i, s := range c.Services {
		service(i, s.ID)
		day(fmt.Sprintf("services[%d].created_at", i), s.CreatedAt)
		if s.Team != "" && len(s.Owners) > 0 {
			bad(fmt.Sprintf("services[%d].owners", i), "stands beside team; keep one of them")
		}
		for j, o := range s.Owners {
			if o.Since == "" {
				bad(fmt.Sprintf("services[%d].owners[%d]", i, j), "has no since; write since: 2026-01-31")
			}
			day(fmt.Sprintf("services[%d].owners[%d].since", i, j), o.Since)
		}
	}
	person := once("people")
	for i, p := range c.People {
		person(i, p.ID)
		day(fmt.Sprintf("people[%d].since", i), p.Since)
		day(fmt.Sprintf("people[%d].until", i), p.Until)
	}
	capability := once("capabilities")
	for i, k := range c.Capabilities {
		capability(i, k.ID)
		day(fmt.Sprintf("capabilities[%d].released_at", i), k.ReleasedAt)
	}
	return out
}

// parseDay reads a date or an RFC 3339 time; "" is no time.
func parseDay(s string) (*time.Time, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // No date is not an error.
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return &t, nil
		}
	}
	return nil, fmt.Errorf("%q is neither 2006-01-02 nor RFC 3339", s)
}

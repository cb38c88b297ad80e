package collectors

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/headway-metrics/headway/internal/secret"
)

// Entry is a source's line in the registry (package all): how its part of the
// configuration looks and how to make the source from it.
type Entry struct {
	// Name is the key under "sources" in the configuration.
	Name string
	// Title is the system's own name: "GitHub".
	Title string
	// Group is the heading under which the reference of sources lists it.
	Group Group
	// Facts are the tables that the source's events may fill (schema.*Table).
	Facts []string
	// Signature says how deliveries are signed: "X-Hub-Signature-256, hex
	// HMAC-SHA256"; "" when nothing is delivered.
	Signature string
	// Polls says what the source asks its system for; "" when it does not ask.
	Polls string
	// Config returns a pointer to a configuration with its defaults, for
	// decoding and for the JSON Schema. Its type is declared in the source's own
	// folder, which is how the reference finds the folder.
	Config func() any
	// New makes the source. cfg is what Config returned, decoded; an error names
	// the key that is wrong and how to mend it.
	New func(cfg any, deps Deps) (Source, error)
	// AlwaysOn sources run without being configured, with their defaults.
	AlwaysOn bool
}

// Made is the New of an Entry whose Config returns a *C.
func Made[C any, S Source](name string, build func(cfg C, deps Deps) (S, error)) func(any, Deps) (Source, error) {
	return func(cfg any, deps Deps) (Source, error) {
		c, ok := cfg.(*C)
		if !ok {
			return nil, fmt.Errorf("%s: configuration is a %T", name, cfg)
		}
		s, err := build(*c, deps)
		if err != nil {
			// Not s, which is a source even when it holds nil.
			return nil, err
		}
		return s, nil
	}
}

// Group is a kind of system.
type Group string

// Groups, in the order of the reference.
const (
	GroupCode           Group = "Code and review"
	GroupDelivery       Group = "CI/CD"
	GroupIncidents      Group = "Incidents"
	GroupTickets        Group = "Tickets and support"
	GroupPortal         Group = "Portal and platform"
	GroupInfrastructure Group = "Infrastructure"
	GroupWorkloads      Group = "Workloads"
	GroupSecurity       Group = "Security and compliance"
	GroupCost           Group = "Cost"
	GroupAssistants     Group = "AI assistants"
	GroupAnything       Group = "Anything"
)

// Groups lists them in the order of the reference.
func Groups() []Group {
	return []Group{
		GroupCode, GroupDelivery, GroupIncidents, GroupTickets, GroupPortal, GroupInfrastructure,
		GroupWorkloads, GroupSecurity, GroupCost, GroupAssistants, GroupAnything,
	}
}

// Deps is what a source may use of its surroundings.
type Deps struct {
	Logger *slog.Logger
	// HTTP is the client for asking other systems; it has a timeout.
	HTTP *http.Client
	// APIToken is asked of callers of Headway's own intake API; "" when none is
	// configured.
	APIToken secret.String
	// StateDir is a directory of the source's own, for clones and the like. What
	// is in it can be made again.
	StateDir string
}

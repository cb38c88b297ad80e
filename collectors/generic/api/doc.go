// Package api is the source of Headway's own plain JSON, for systems without an
// integration: POST /v1/deployments, /v1/incidents and so on (see kinds), one object
// or an array. The format is ours, so a mistake is answered with 400 and the name of
// the field, before anything is stored. The CSV import has the same objects as rows.
package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/generic"
	"github.com/headway-metrics/headway/schema"
)

// Name of the source.
const Name = "api"

// maxItems is how many objects one request may hold.
const maxItems = 10_000

// Config is sources.api.
type Config struct {
	generic.Auth `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name: Name, Title: "Headway JSON API", Group: collectors.GroupAnything, AlwaysOn: true,
		Facts: []string{
			"capability_uses", "costs", "deployments", "findings", "identities", "incident_updates", "memberships", "ownerships", "people",
			"policy_results", "requests", "scans", "services", "teams", "tickets", "workloads",
		},
		Signature: generic.SignatureInWords,
		Config:    func() any { return &Config{} },
		New: func(cfg any, deps collectors.Deps) (collectors.Source, error) {
			v, err := cfg.(*Config).Verifier(Name, deps.APIToken)
			if err != nil {
				return nil, err
			}
			return &Source{v}, nil
		},
	}
}

// Source takes plain JSON.
type Source struct{ verifier generic.Verifier }

// Name implements collectors.Source.
func (*Source) Name() string { return Name }

// Endpoints implements collectors.Intake.
func (s *Source) Endpoints() []collectors.Endpoint {
	var out []collectors.Endpoint
	for _, k := range kinds() {
		out = append(out, collectors.Endpoint{Path: "/v1/" + k.plural, Receiver: receiver{s.verifier, k}})
	}
	return out
}

// kind is one of the things the API takes.
type kind struct {
	// eventType is "api." and the singular.
	eventType string
	plural    string
	// empty is an object to fill.
	empty func() item
}

// item is a parsed object.
type item interface {
	// validate names the first field that is wrong.
	validate() error
	// key is the object's id.
	key() string
	facts(from Origin) []schema.Fact
}

func kinds() []kind {
	return []kind{
		{"api.deployment", "deployments", func() item { return &Deployment{} }},
		{"api.incident", "incidents", func() item { return &Incident{} }},
		{"api.request", "requests", func() item { return &Request{} }},
		{"api.workload", "workloads", func() item { return &Workload{} }},
		{"api.finding", "findings", func() item { return &Finding{} }},
		{"api.scan", "scans", func() item { return &Scan{} }},
		{"api.policy_result", "policy-results", func() item { return &PolicyResult{} }},
		{"api.cost", "costs", func() item { return &Cost{} }},
		{"api.team", "teams", func() item { return &Team{} }},
		{"api.person", "people", func() item { return &Person{} }},
		{"api.membership", "memberships", func() item { return &Membership{} }},
		{"api.identity", "identities", func() item { return &Identity{} }},
		{"api.service", "services", func() item { return &Service{} }},
		{"api.owner", "owners", func() item { return &Owner{} }},
		{"api.ticket", "tickets", func() item { return &Ticket{} }},
	}
}

type receiver struct {
	generic.Verifier
	kind kind
}

// Events implements collectors.Receiver: every object becomes an event, or none
// does and the error names the first mistake.
func (r receiver) Events(_ http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	raws := []json.RawMessage{body}
	array := firstByte(body) == '['
	if array {
		// Decoding into the slice that holds the body would overwrite the body.
		raws = nil
		if err := json.Unmarshal(body, &raws); err != nil {
			return nil, &collectors.InvalidError{Message: "the body is not a JSON array: " + err.Error()}
		}
	}
	if len(raws) == 0 || len(raws) > maxItems {
		return nil, &collectors.InvalidError{Message: "an array has 1 to " + strconv.Itoa(maxItems) + " objects"}
	}
	out := make([]schema.Event, 0, len(raws))
	for i, raw := range raws {
		it, err := r.kind.parse(raw, true)
		if err == nil {
			err = it.validate()
		}
		if err != nil {
			at := ""
			if array {
				at = "object " + strconv.Itoa(i) + ": "
			}
			return nil, &collectors.InvalidError{Message: at + err.Error()}
		}
		out = append(out, schema.Event{
			ID:     schema.EventID(Name, r.kind.eventType, string(raw)),
			Source: Name, Type: r.kind.eventType, Subject: it.key(), Time: received.UTC(), Key: it.key(), Data: raw,
		})
	}
	return out, nil
}

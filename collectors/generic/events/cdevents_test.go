package events_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cdevents/sdk-go/pkg/api"

	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/generic/events"
	"github.com/headway-metrics/headway/schema"
)

// node is the part of JSON Schema that the CDEvents schemas use.
type node struct {
	ID         string           `json:"$id"`
	Type       any              `json:"type"`
	Properties map[string]*node `json:"properties"`
	Items      *node            `json:"items"`
	Enum       []string         `json:"enum"`
	Format     string           `json:"format"`
	AnyOf      []*node          `json:"anyOf"`
}

// example makes a value of a schema with every property that it names.
func (n *node) example(name string) any {
	switch {
	case len(n.Enum) > 0:
		return n.Enum[0]
	case n.Properties != nil:
		out := map[string]any{}
		for k, p := range n.Properties {
			if k != "links" {
				out[k] = p.example(k)
			}
		}
		return out
	case n.Items != nil:
		return []any{n.Items.example(name)}
	case n.Format == "date-time":
		return "2026-05-01T10:00:00Z"
	case n.Type == "object":
		return map[string]any{}
	case name == "artifactId":
		return "pkg:golang/acme.example/shop@234fd47e07d1004f0aed9c"
	case name == "outcome":
		return "failure"
	}
	return "example-" + name
}

// TestEveryTypeOfTheSDK makes an event from each schema that the CDEvents SDK
// carries, v0.3 to v0.5, and holds what becomes of it against a table: a new
// type must be decided here, not by accident.
func TestEveryTypeOfTheSDK(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"service.deployed": "deployments", "service.upgraded": "deployments", "service.rolledback": "deployments",
		"service.removed": "CDEvents service removed", "service.published": "CDEvents service published",
		"pipelinerun.queued": "builds", "pipelinerun.started": "builds", "pipelinerun.finished": "builds",
		"build.queued": "builds", "build.started": "builds", "build.finished": "builds",
		"incident.detected": "incident_updates", "incident.reported": "incident_updates", "incident.resolved": "incident_updates",
		"change.created": "changes", "change.reviewed": "reviews",
		"change.updated":   "CDEvents change updated without its creation time",
		"change.merged":    "CDEvents change merged without its creation time",
		"change.abandoned": "CDEvents change abandoned without its creation time",
		"ticket.created":   "tickets",
		"ticket.updated":   "CDEvents ticket updated without its creation time",
		"ticket.closed":    "CDEvents ticket closed without its creation time",
	}
	for _, subject := range []string{"taskrun", "environment", "repository", "branch", "artifact", "testcaserun", "testsuiterun", "testoutput"} {
		want[subject] = "CDEvents " + subject
	}
	seen := map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(api.SchemasById)) {
		version, ok := strings.CutPrefix(id, "https://cdevents.dev/")
		if !ok || strings.HasPrefix(version, "99.") {
			continue
		}
		var n node
		if err := json.Unmarshal([]byte(api.SchemasById[id]), &n); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if n.Properties["context"] == nil || len(n.Properties["context"].Properties["type"].Enum) == 0 {
			continue
		}
		typ := n.Properties["context"].Properties["type"].Enum[0]
		data, err := json.Marshal(n.example(""))
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(strings.TrimPrefix(typ, "dev.cdevents."), ".")
		kind := parts[0] + "." + parts[1]
		seen[kind]++
		expected, ok := want[kind]
		if !ok {
			expected, ok = want[parts[0]]
		}
		if !ok {
			t.Errorf("%s: nothing is decided for %s", id, typ)
			continue
		}
		facts, err := source(t).Normalize(schema.Event{ID: "1", Source: events.Name, Type: typ, Time: collectortest.Time, Data: data})
		got := "nothing"
		if ignored, ok := errors.AsType[*schema.IgnoredError](err); ok {
			got = ignored.Reason
		} else if err != nil {
			t.Errorf("%s: %v\n%s", typ, err, data)
			continue
		} else if len(facts) == 1 {
			got = facts[0].Table()
		}
		if got != expected {
			t.Errorf("%s (%s) becomes %q, want %q", typ, id, got, expected)
		}
	}
	for kind := range want {
		if strings.Contains(kind, ".") && seen[kind] == 0 {
			t.Errorf("the SDK has no schema of %s", kind)
		}
	}
	t.Logf("%d subjects and predicates", len(seen))
}

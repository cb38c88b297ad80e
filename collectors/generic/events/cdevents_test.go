package events_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
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
	Properties map[string]*node `json:"properties"`
	Items      *node            `json:"items"`
	Enum       []string         `json:"enum"`
	Format     string           `json:"format"`
	Type       any              `json:"type"`
}

// example makes a value of a schema with every property that it names.
func (n *node) example(name, version string) any {
	switch {
	case name == "version" || name == "specversion":
		return version
	case name == "outcome" && (len(n.Enum) == 0 || slices.Contains(n.Enum, "failure")):
		return "failure"
	case len(n.Enum) > 0:
		return n.Enum[0]
	case n.Properties != nil:
		out := map[string]any{}
		for k, p := range n.Properties {
			switch k {
			case "links":
				out[k] = []any{}
			case "content":
				// Here "version" is that of a test case.
				out[k] = p.example(k, "1.2.3")
			default:
				out[k] = p.example(k, version)
			}
		}
		return out
	case n.Items != nil:
		return []any{n.Items.example(name, version)}
	case n.Format == "date-time":
		return "2026-05-01T10:00:00Z"
	case n.Format == "uri":
		return "https://acme.example/" + name
	case n.Type == "object":
		return map[string]any{}
	case name == "artifactId":
		return "pkg:golang/acme.example/shop@234fd47e07d1004f0aed9c"
	}
	return "example-" + name
}

// typeOf is an event type of one version of CDEvents, and a whole event of it.
type typeOf struct {
	spec, kind, eventType string
	event                 map[string]any
}

// everyType makes an event from each schema that the CDEvents SDK carries, v0.3 to
// v0.5. The SDK's module holds no examples of the specification, so they are made
// here, and the SDK's own validator has to accept each.
func everyType(t *testing.T) []typeOf {
	t.Helper()
	var out []typeOf
	for _, id := range slices.Sorted(maps.Keys(api.SchemasById)) {
		spec, ok := strings.CutPrefix(id, "https://cdevents.dev/")
		spec, _, _ = strings.Cut(spec, "/")
		if !ok || strings.HasPrefix(spec, "99.") {
			continue
		}
		var n node
		if err := json.Unmarshal([]byte(api.SchemasById[id]), &n); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if n.Properties["context"] == nil || len(n.Properties["context"].Properties["type"].Enum) == 0 {
			continue // A schema of links, or of custom types.
		}
		data, err := json.Marshal(n.example("", spec))
		if err != nil {
			t.Fatal(err)
		}
		typ := n.Properties["context"].Properties["type"].Enum[0]
		parts := strings.Split(strings.TrimPrefix(typ, "dev.cdevents."), ".")
		one := typeOf{spec: spec, kind: parts[0] + "." + parts[1], eventType: typ}
		if err := json.Unmarshal(data, &one.event); err != nil {
			t.Fatal(err)
		}
		if err := api.CompiledSchemas[id].Validate(one.event); err != nil {
			t.Fatalf("the example of %s is none: %v", id, err)
		}
		out = append(out, one)
	}
	return out
}

// outcome of an event with what customData.headway may add: its table, or why it
// is ignored.
func (o typeOf) outcome(t *testing.T, extra map[string]any) string {
	t.Helper()
	event := maps.Clone(o.event)
	event["customData"] = map[string]any{"headway": extra}
	data, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := source(t).Normalize(schema.Event{ID: "1", Source: events.Name, Type: o.eventType, Time: collectortest.Time, Data: data})
	if ignored, ok := errors.AsType[*schema.IgnoredError](err); ok {
		return "ignored: " + ignored.Reason
	}
	if err != nil || len(facts) != 1 {
		return fmt.Sprintf("dead: %d facts, %v", len(facts), err)
	}
	return facts[0].Table()
}

// becomes says what an event of a type is as it comes, and what it is when its
// sender adds all that Headway asks for in customData.headway.
type becomes struct{ asItIs, withExtra string }

func facts(table string) becomes { return becomes{table, table} }

func ignored(why string) becomes {
	return becomes{"ignored: CDEvents " + why, "ignored: CDEvents " + why}
}

// decided is what becomes of every type: a new one must be decided here, not by
// accident.
func decided() map[string]becomes {
	const created = " without its creation time"
	out := map[string]becomes{
		"service.deployed": facts("deployments"), "service.upgraded": facts("deployments"), "service.rolledback": facts("deployments"),
		"service.removed": ignored("service removed"), "service.published": ignored("service published"),
		"pipelinerun.queued": facts("builds"), "pipelinerun.started": facts("builds"),
		// There is no type of a deployment that failed: the run that should have deployed says so.
		"pipelinerun.finished": {"builds", "deployments"},
		"build.queued":         facts("builds"), "build.started": facts("builds"), "build.finished": facts("builds"),
		"incident.detected": facts("incident_updates"), "incident.reported": facts("incident_updates"), "incident.resolved": facts("incident_updates"),
		"change.created": facts("changes"), "change.reviewed": facts("reviews"),
		"change.updated":   {ignored("change updated" + created).asItIs, "changes"},
		"change.merged":    {ignored("change merged" + created).asItIs, "changes"},
		"change.abandoned": {ignored("change abandoned" + created).asItIs, "changes"},
		"ticket.created":   facts("tickets"),
		"ticket.updated":   {ignored("ticket updated" + created).asItIs, "tickets"},
		"ticket.closed":    {ignored("ticket closed" + created).asItIs, "tickets"},
	}
	for subject, predicates := range map[string][]string{
		"taskrun":      {"started", "finished"},
		"environment":  {"created", "modified", "deleted"},
		"repository":   {"created", "modified", "deleted"},
		"branch":       {"created", "deleted"},
		"artifact":     {"packaged", "signed", "published", "downloaded", "deleted"},
		"testcaserun":  {"queued", "started", "finished", "skipped"},
		"testsuiterun": {"queued", "started", "finished"},
		"testoutput":   {"published"},
	} {
		for _, p := range predicates {
			out[subject+"."+p] = ignored(subject)
		}
	}
	return out
}

// TestEveryType: each type of each version becomes what was decided, and nothing
// that was decided is missing from the SDK.
func TestEveryType(t *testing.T) {
	t.Parallel()
	extra := map[string]any{
		"service": "shop", "environment": "production", "repository": "github.com/acme/shop",
		"commit": strings.Repeat("ab", 20), "created_at": "2026-04-30T10:00:00Z",
	}
	want, seen, counts := decided(), map[string]bool{}, map[string]map[string]int{}
	for _, one := range everyType(t) {
		seen[one.kind] = true
		got := becomes{one.outcome(t, nil), one.outcome(t, extra)}
		if got != want[one.kind] {
			t.Errorf("%s of v%s becomes %+v, want %+v", one.eventType, one.spec, got, want[one.kind])
		}
		if counts[one.spec] == nil {
			counts[one.spec] = map[string]int{}
		}
		counts[one.spec]["types"]++
		kind, _, _ := strings.Cut(got.withExtra, ":")
		counts[one.spec][kind]++
	}
	for kind := range want {
		if !seen[kind] {
			t.Errorf("the SDK has no schema of %s", kind)
		}
	}
	for spec, n := range map[string]int{"0.3.0": 39, "0.4.1": 45, "0.5.0": 45} {
		if counts[spec]["types"] != n {
			t.Errorf("v%s has %d types, want %d", spec, counts[spec]["types"], n)
		}
		t.Logf("v%s: %v", spec, counts[spec])
	}
}

// TestTheReadmeNamesEveryType, what it becomes, and why one is ignored.
func TestTheReadmeNamesEveryType(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][2]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]+) \\| ([^|]+) \\| ([^|]+) \\|$").FindAllStringSubmatch(string(b), -1) {
		for _, kind := range regexp.MustCompile("`([a-z]+\\.[a-z]+)`").FindAllStringSubmatch(m[1], -1) {
			if _, twice := rows[kind[1]]; twice {
				t.Errorf("%s has two rows", kind[1])
			}
			rows[kind[1]] = [2]string{m[2], m[3]}
		}
	}
	for kind, want := range decided() {
		row, ok := rows[kind]
		if !ok {
			t.Errorf("README.md does not name %s", kind)
			continue
		}
		for _, outcome := range []string{want.asItIs, want.withExtra} {
			word, _, _ := strings.Cut(outcome, ":")
			if said := row[0] + row[1]; !strings.Contains(said, word) {
				t.Errorf("README.md says of %s %q, which does not tell of %s", kind, said, word)
			}
		}
		if strings.HasPrefix(want.withExtra, "ignored") && len(row[1]) < 10 {
			t.Errorf("README.md does not say why %s is ignored", kind)
		}
		delete(rows, kind)
	}
	for kind := range rows {
		t.Errorf("README.md names %s, which no version has", kind)
	}
}

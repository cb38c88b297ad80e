package events_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors/collectortest"
)

// module is where the examples are; the test of every type imports it.
const module = "github.com/cdevents/sdk-go"

// corpus returns the CDEvents in the SDK's module, by folder and file: those that
// its own tests read, most of them wrong on purpose, and the one of its docs.
func corpus(t *testing.T) map[string][]byte {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("finding %s: %v", module, err)
	}
	out := map[string][]byte{}
	for _, pattern := range []string{"pkg/api/tests-v*/examples/*.json", "docs/examples/*/*.json"} {
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s in %s (%v)", pattern, dir, err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_schema.json") {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(strings.TrimSpace(string(dir)), f)
			if err != nil {
				t.Fatal(err)
			}
			out[filepath.ToSlash(name)] = b
		}
	}
	return out
}

// account says what became of an event: its tables, why it was ignored, or that it
// goes to the dead letters with a reason.
func account(t *testing.T, description []byte) string {
	t.Helper()
	var d struct {
		Ignored, Dead string
		Facts         []struct{ Table string }
	}
	if err := json.Unmarshal(description, &d); err != nil {
		t.Fatal(err)
	}
	switch {
	case d.Ignored != "":
		return "ignored: " + d.Ignored
	case d.Dead != "":
		return "dead: " + d.Dead
	case len(d.Facts) == 1:
		return "facts: " + d.Facts[0].Table
	}
	return "lost"
}

// TestCorpus sends every example of the SDK's module to the endpoint. None is lost,
// and what becomes of each is written down.
func TestCorpus(t *testing.T) {
	t.Parallel()
	src := source(t)
	var p collectortest.Publisher
	srv := collectortest.NewServer(t, src, &p)
	examples := corpus(t)
	if len(examples) != 25 {
		t.Fatalf("%d examples, want 25", len(examples))
	}
	got, counts := map[string]string{}, map[string]int{}
	for i, name := range slices.Sorted(maps.Keys(examples)) {
		d := delivery("application/json", string(examples[name]))
		sign(d.Header, d.Body, collectortest.Time)
		if rec := collectortest.Post(srv, d); rec.Code != http.StatusAccepted {
			t.Fatalf("%s: answered %d: %s", name, rec.Code, rec.Body)
		}
		made := p.Events()
		if len(made) != i+1 {
			t.Fatalf("%s: %d events after %d deliveries", name, len(made), i+1)
		}
		got[name] = account(t, collectortest.Describe(t, src, made[i]))
		kind, _, _ := strings.Cut(got[name], ":")
		counts[kind]++
	}
	b, err := os.ReadFile("testdata/corpus/sdk-go.json")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		b, _ := json.MarshalIndent(got, "", "  ")
		t.Errorf("outcomes differ (-want +got):\n%s\nall of them:\n%s", d, b)
	}
	t.Logf("%d examples: %v", len(examples), counts)
}

// TestWrongCDEventsAreDeadLetters with a reason that names what is wrong. The
// payloads are written by hand after the specification, "Context" and "Subject".
func TestWrongCDEventsAreDeadLetters(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, replace, by, want string }{
		{"no id", `"id":"e-1",`, "", "needs id, source and type"},
		{"no source", `"source":"/ci/1",`, "", "needs id, source and type"},
		{"no type", `"type":"dev.cdevents.service.deployed.0.3.0",`, "", "needs id, source and type"},
		{"no timestamp", `"timestamp":"2026-05-01T10:00:00Z"`, `"links":[]`, "no context.timestamp"},
		{"time that is none", "2026-05-01T10:00:00Z", "yesterday", "context.timestamp"},
		{"time without zone", "2026-05-01T10:00:00Z", "2026-05-01T10:00:00", "context.timestamp"},
		{"time as number", `"2026-05-01T10:00:00Z"`, "1777629600", "context.timestamp"},
		{"no version", `"specversion":"0.5.0",`, "", `version ""`},
		{"version before v0.3", `"specversion":"0.5.0"`, `"version":"0.2.0"`, `version "0.2.0"`},
		{"version after v0.5", "0.5.0", "0.6.0", `version "0.6.0"`},
		{"version that is none", "0.5.0", "0.5.", `version "0.5."`},
		{"type without version", "deployed.0.3.0", "deployed", "is not dev.cdevents"},
		{"type with other separators", "service.deployed.0.3.0", "service_deployed_0.3.0", "is not dev.cdevents"},
		{"type of a later major version", "deployed.0.3.0", "deployed.1.0.0", "major version 1"},
		{"no subject", `"subject":{"id":"shop",`, `"object":{"id":"shop",`, "no subject.id"},
		{"subject that is a text", `"subject":{"id":"shop","content":{"environment":{"id":"production"},"artifactId":"pkg:oci/shop@sha256%3A0b31?tag=v1"}}`, `"subject":"shop"`, "subject is no object"},
		{"deployment without environment", `"environment":{"id":"production"},`, "", "no environment"},
		{"not JSON", `"id":"shop"`, `"id":"shop"@`, "neither a CloudEvent nor a CDEvent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := strings.Replace(deployed, tt.replace, tt.by, 1)
			if body == deployed {
				t.Fatalf("%q is not in the event", tt.replace)
			}
			made := receive(t, delivery("application/json", body))
			if got := account(t, collectortest.Describe(t, source(t), made[0])); !strings.HasPrefix(got, "dead: ") || !strings.Contains(got, tt.want) {
				t.Errorf("%s\nwant a dead letter with %q", got, tt.want)
			}
		})
	}
}

// TestWhatOnlyLooksWrong: v0.4 calls its version "version", patches of a version are
// read, custom data may be of any type, and tools may have types of their own.
func TestWhatOnlyLooksWrong(t *testing.T) {
	t.Parallel()
	tests := []struct{ replace, by, want string }{
		{`"specversion":"0.5.0"`, `"version":"0.4.1"`, "facts: deployments"},
		{`"specversion":"0.5.0"`, `"version":"0.3.0"`, "facts: deployments"},
		{`"specversion":"0.5.0"`, `"specversion":"0.5.1"`, "facts: deployments"},
		{`{"context"`, `{"customDataContentType":"application/xml","customData":"PHhtbC8+","context"`, "facts: deployments"},
		{`{"context"`, `{"customData":{"headway":{"derived":true}},"context"`, "ignored: what Headway concluded itself"},
		{"dev.cdevents.service.deployed", "dev.cdeventsx.tool-service.deployed", "ignored: a custom CDEvent"},
		{"dev.cdevents.service.deployed", "dev.cdevents.approval.created", "ignored: a CDEvents subject that Headway does not know"},
		{"dev.cdevents.service.deployed", "dev.cdevents.service.restarted", "ignored: a CDEvents service predicate that Headway does not know"},
	}
	for _, tt := range tests {
		made := receive(t, delivery("application/json", strings.Replace(deployed, tt.replace, tt.by, 1)))
		if got := account(t, collectortest.Describe(t, source(t), made[0])); got != tt.want {
			t.Errorf("with %s: %s, want %s", tt.by, got, tt.want)
		}
	}
}

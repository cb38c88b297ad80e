package collectortest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// CheckCorpus sends payloads that nobody here wrote, signed, to a source's webhook and
// holds what becomes of each, by its name, against the file at path; with -update it
// writes the file. None may be lost, and it says how many became what.
func CheckCorpus(t *testing.T, c Case, path string) {
	t.Helper()
	var p Publisher
	srv := NewServer(t, c.Source, &p)
	got, totals := map[string]string{}, map[string]int{}
	for _, d := range c.Deliveries {
		before := len(p.Events())
		if rec := Post(srv, c.signed(d)); rec.Code/100 != 2 {
			t.Fatalf("%s: answered %d: %s", d.Name, rec.Code, rec.Body)
		}
		made := p.Events()[before:]
		if len(made) != 1 {
			t.Fatalf("%s: %d events of one delivery", d.Name, len(made))
		}
		got[d.Name] = Outcome(t, c.Source, made[0])
		kind, _, _ := strings.Cut(got[d.Name], ":")
		totals[kind]++
	}
	GoldenJSON(t, path, got)
	t.Logf("%d payloads: %v", len(got), totals)
}

// GoldenJSON holds what a test got against the file at path; with -update it writes
// the file.
func GoldenJSON[T any](t *testing.T, path string, got T) {
	t.Helper()
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path) //nolint:gosec // A test names its own folder.
	if err != nil {
		t.Fatalf("%v; run the test with -update to write it", err)
	}
	var want T
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, d)
	}
}

// Deliveries of bodies by name, in its order; the name is the delivery's id.
func Deliveries(bodies map[string][]byte) []Delivery {
	out := make([]Delivery, 0, len(bodies))
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		out = append(out, Delivery{
			Name: name, Header: http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {name}, "X-Webhook-Id": {name}}, Body: bodies[name],
		})
	}
	return out
}

// Outcome says in a line what an event became: its tables, why it was ignored by name,
// or why it goes to the dead letters.
func Outcome(t *testing.T, s collectors.Source, ev schema.Event) string {
	t.Helper()
	name := strings.TrimPrefix(ev.Type, s.Name()+".")
	o := read(s, ev)
	switch {
	case o.ignored != "":
		return "ignored: " + o.ignored
	case o.dead != "":
		return "dead: " + name + ": " + o.dead
	case len(o.facts) > 0:
		tables := map[string]int{}
		for _, f := range o.facts {
			tables[f.Table()]++
		}
		return fmt.Sprintf("facts: %s: %v", name, tables)
	}
	t.Errorf("%s %s is lost: neither a fact nor a reason", ev.Type, ev.ID)
	return "lost: " + name
}

package github_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/github"
	"github.com/headway-metrics/headway/schema"
)

// example is a delivery that GitHub itself publishes as an example.
type example struct {
	event string
	body  []byte
}

// corpus returns GitHub's webhook examples, from the npm package that
// testdata/corpus pins.
func corpus(t *testing.T) []example {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(collectortest.Packages(t, "testdata/corpus", "github-corpus"), "@octokit", "webhooks-examples", "api.github.com", "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var events []struct {
		Name     string            `json:"name"`
		Examples []json.RawMessage `json:"examples"`
	}
	if err := json.Unmarshal(raw, &events); err != nil {
		t.Fatal(err)
	}
	var out []example
	for _, e := range events {
		for _, body := range e.Examples {
			out = append(out, example{e.Name, body})
		}
	}
	return out
}

// TestCorpus sends every example that GitHub publishes, signed, to the webhook
// endpoint. None is lost, and what becomes of each is counted.
func TestCorpus(t *testing.T) {
	t.Parallel()
	src := webhookSource(t)
	var p collectortest.Publisher
	srv := collectortest.NewServer(t, src, &p)
	examples := corpus(t)
	if len(examples) != 329 {
		t.Fatalf("%d examples, want 329", len(examples))
	}
	for i, e := range examples {
		d := collectortest.Delivery{Path: "/hooks/github", Body: e.body, Header: http.Header{
			"Content-Type": {"application/json"}, "X-Github-Event": {e.event}, "X-Github-Delivery": {fmt.Sprintf("corpus-%03d", i)},
		}}
		sign(d.Header, d.Body, collectortest.Time)
		if rec := collectortest.Post(srv, d); rec.Code != http.StatusAccepted {
			t.Fatalf("example %d (%s): answered %d: %s", i, e.event, rec.Code, rec.Body)
		}
	}
	events := p.Events()
	if len(events) != len(examples) {
		t.Fatalf("%d events of %d deliveries", len(events), len(examples))
	}
	got := map[string]int{}
	for i, ev := range events {
		if ev.ID != fmt.Sprintf("corpus-%03d", i) {
			t.Errorf("event %d has id %s", i, ev.ID)
		}
		got[account(t, src, ev)]++
	}
	want := map[string]int{}
	b, err := os.ReadFile("testdata/corpus/webhooks-examples.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		b, _ := json.MarshalIndent(got, "", "  ")
		t.Errorf("outcomes differ (-want +got):\n%s\nall of them:\n%s", d, b)
	}
	totals := map[string]int{}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		kind, _, _ := strings.Cut(k, ":")
		totals[kind] += got[k]
	}
	t.Logf("%d examples: %v", len(examples), totals)
}

// account says what an event became: its tables, why it was ignored, or that it
// goes to the dead letters with a reason.
func account(t *testing.T, src collectors.Source, ev schema.Event) string {
	t.Helper()
	var d struct {
		Ignored, Dead string
		Facts         []struct{ Table string }
	}
	if err := json.Unmarshal(collectortest.Describe(t, src, ev), &d); err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(ev.Type, github.Name+".")
	switch {
	case d.Ignored != "":
		return "ignored: " + d.Ignored
	case d.Dead != "":
		return "dead: " + name + ": " + d.Dead
	case len(d.Facts) > 0:
		var tables []string
		for _, f := range d.Facts {
			tables = append(tables, f.Table)
		}
		slices.Sort(tables)
		return "facts: " + name + ": " + strings.Join(slices.Compact(tables), "+")
	}
	return "lost: " + name
}

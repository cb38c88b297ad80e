package collectortest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

var update = flag.Bool("update", false, "write golden files instead of comparing them")

// Time is when golden events were received; no fact may depend on it unless the
// payload carries no time of its own.
var Time = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// File is an event in a testdata folder: one JSON file each.
type File struct {
	// From says where the payload comes from: "written by hand after <document>",
	// or the module it was recorded in.
	From string `json:"from"`
	// ID, Type, Subject, Key, ContentType and Time are those of the event; ID
	// defaults to the file's name, Time to Time.
	ID          string    `json:"id,omitempty"`
	Type        string    `json:"type"`
	Subject     string    `json:"subject,omitempty"`
	Key         string    `json:"key,omitempty"`
	ContentType string    `json:"content_type,omitempty"`
	Time        time.Time `json:"time,omitzero"`
	// Data is a JSON payload, Text one that is not JSON.
	Data json.RawMessage `json:"data,omitempty"`
	Text string          `json:"text,omitempty"`
}

// Events reads the event files of a folder, by file name without ".json".
func Events(tb testing.TB, source, dir string) map[string]schema.Event {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no event files in %s (%v)", dir, err)
	}
	out := map[string]schema.Event{}
	for _, path := range files {
		if strings.HasSuffix(path, ".golden.json") {
			continue
		}
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		raw, err := os.ReadFile(path) //nolint:gosec // A test names its own folder.
		if err != nil {
			tb.Fatal(err)
		}
		var f File
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&f); err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		if f.From == "" {
			tb.Fatalf(`%s: "from" must say where the payload comes from`, path)
		}
		ev := schema.Event{
			ID: f.ID, Source: source, Type: f.Type, Subject: f.Subject, Key: f.Key,
			ContentType: f.ContentType, Time: f.Time, Data: f.Data,
		}
		if f.ID == "" {
			ev.ID = name
		}
		if f.Time.IsZero() {
			ev.Time = Time
		}
		if f.Text != "" {
			ev.Data = []byte(f.Text)
		}
		out[name] = ev
	}
	return out
}

// Golden holds the facts of every event file of dir against <name>.golden.json
// beside it; with -update it writes them.
func Golden(t *testing.T, s collectors.Source, dir string) {
	t.Helper()
	for name, ev := range Events(t, s.Name(), dir) {
		t.Run(name, func(t *testing.T) {
			GoldenEvent(t, s, ev, filepath.Join(dir, name+".golden.json"))
		})
	}
}

// GoldenEvent holds the facts of one event against a golden file.
func GoldenEvent(t *testing.T, s collectors.Source, ev schema.Event, path string) {
	t.Helper()
	got := Describe(t, s, ev)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path) //nolint:gosec // A test names its own folder.
	if err != nil {
		t.Fatalf("%v; run the test with -update to write it", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs\n--- want\n%s\n--- got\n%s", path, want, got)
	}
}

// Describe is what an event becomes, in JSON: its sealed facts with their tables,
// ids and dirty keys; or why it was ignored; or why it goes to the dead letters.
func Describe(tb testing.TB, s collectors.Source, ev schema.Event) []byte {
	tb.Helper()
	b, err := describe(s, ev)
	if err != nil {
		tb.Fatalf("event %s of type %s: %v", ev.ID, ev.Type, err)
	}
	return b
}

func describe(s collectors.Source, ev schema.Event) ([]byte, error) {
	type fact struct {
		Table string            `json:"table"`
		ID    string            `json:"id"`
		Dirty []schema.DirtyKey `json:"dirty,omitempty"`
		// ChangedAt is the time in the version.
		ChangedAt time.Time   `json:"changed_at"`
		Row       schema.Fact `json:"row"`
	}
	var out struct {
		Ignored string `json:"ignored,omitempty"`
		Dead    string `json:"dead,omitempty"`
		Facts   []fact `json:"facts,omitempty"`
	}
	o := read(s, ev)
	out.Ignored, out.Dead = o.ignored, o.dead
	for _, f := range o.facts {
		if err := schema.Seal(f, 0); err != nil {
			return nil, err
		}
		out.Facts = append(out.Facts, fact{f.Table(), f.FactID(), f.DirtyKeys(), schema.VersionTime(version(f)), f})
	}
	b, err := json.MarshalIndent(out, "", "  ")
	return append(b, '\n'), err
}

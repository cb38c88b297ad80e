package surveys

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPlatformWording holds the wording of every published version. A failure
// means: raise the version of the question and add a line, and never change a
// line that is here.
func TestPlatformWording(t *testing.T) {
	t.Parallel()
	d, err := Platform()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	kinds := map[string]bool{}
	for _, q := range d.Questions {
		if got[q.ID], err = q.Fingerprint(); err != nil {
			t.Fatal(err)
		}
		kinds[q.Kind] = true
		if q.Version != 1 {
			t.Errorf("%s has version %d without a line here", q.ID, q.Version)
		}
	}
	want := map[string]string{
		"recommend":      "98301cce96bb45da",
		"satisfaction":   "a92c9bfc360da96f",
		"infrastructure": "f04157eed8c4a9a8",
		"ease":           "e4afe8dc8c8b1122",
		"portal":         "bab2af9e3570c8c5",
		"work":           "864cde5f955bbe95",
		"comment":        "9b47b2550bbea1d3",
	}
	if !maps.Equal(got, want) {
		t.Errorf("wordings %v, want %v", got, want)
	}
	if len(kinds) != 6 {
		t.Errorf("kinds %v, want questions of each", kinds)
	}
}

const small = `id: s
title: T
language: en
opens_on_day: 1
open_for_days: 14
questions:
  - id: a
    version: 1
    kind: nps
    text: How?
    low: bad
    high: good
`

func TestParseDefinitionNamesLineAndKey(t *testing.T) {
	t.Parallel()
	if _, err := ParseDefinition("s.yaml", []byte(small)); err != nil {
		t.Fatal(err)
	}
	_, questions, _ := strings.Cut(small, "open_for_days: 14\n")
	for _, c := range []struct{ from, to, want string }{
		{"id: s\n", "id: S!\n", "s.yaml:1: id: "},
		{"title: T\n", "", "s.yaml:1: title: "},
		{"language: en", "language: English!", "s.yaml:3: language: "},
		{"opens_on_day: 1", "opens_on_day: 0", "s.yaml:4: opens_on_day: "},
		{"open_for_days: 14", "open_for_days: 120", "s.yaml:5: open_for_days: "},
		{"kind: nps", "kind: stars", "s.yaml:9: questions[0].kind: use nps, enps, csat, ces, share or comment"},
		{"version: 1", "version: 0", "s.yaml:8: questions[0].version: "},
		{"    low: bad\n", "", "s.yaml:7: questions[0].low: name both ends"},
		{"high: good\n", "high: good\n  - {id: a, version: 1, kind: comment, text: Why?}\n", "s.yaml:13: questions[1].id: another question"},
		{"kind: nps", "kind: csat", "questions[0].labels: name the five steps"},
		{"kind: nps", "kind: share", "questions[0].kind: remove low"},
		{"open_for_days: 14", "open_days: 14", "5:1"},
		{"open_for_days: 14", "open_for_days: many", "5:16"},
		{questions, "questions: []\n", "s.yaml:6: questions: "},
	} {
		text := strings.Replace(small, c.from, c.to, 1)
		if _, err := ParseDefinition("s.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q in it", c.to, err, c.want)
		}
	}
}

func FuzzParseDefinition(f *testing.F) {
	f.Add([]byte(small))
	f.Add(platformYAML)
	f.Add([]byte("questions: [{}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseDefinition("f.yaml", data)
		if err == nil && (d.ID == "" || len(d.Questions) == 0) {
			t.Errorf("%q gives %+v", data, d)
		}
	})
}

func TestNewWordingNeedsNewVersion(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "s.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(small)
	o := newOffice(t, func(o *Options) { o.Config.Files = []string{file} })
	write(strings.Replace(small, "How?", "Why?", 1))
	if _, err := New(o.opts); err == nil || !strings.Contains(err.Error(), "question a: the wording changed") || !strings.Contains(err.Error(), "version: 2") {
		t.Errorf("a new wording under the old version: %v", err)
	}
	write(strings.NewReplacer("How?", "Why?", "version: 1", "version: 2").Replace(small))
	if _, err := New(o.opts); err != nil {
		t.Errorf("a new wording under a new version: %v", err)
	}
	write(small)
	if _, err := New(o.opts); err != nil {
		t.Errorf("back to the first version: %v", err)
	}
	twice := o.opts
	twice.Config.Files = []string{file, file}
	if _, err := New(twice); err == nil || !strings.Contains(err.Error(), `the id "s" too`) {
		t.Errorf("two surveys with one id: %v", err)
	}
}

func TestWaves(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	apia, err := time.LoadLocation("Pacific/Apia")
	if err != nil {
		t.Fatal(err)
	}
	d := Definition{OpensOnDay: 10, OpenForDays: 21}
	for _, c := range []struct {
		at, name, opens, closes, week string
		zone                          *time.Location
	}{
		{"2026-11-22T00:00:00Z", "2026-Q4", "2026-10-10T00:00:00Z", "2026-10-31T00:00:00Z", "2026-10-05", time.UTC},
		// Across the end of summer time, the wave opens and closes at local midnight.
		{"2026-11-22T00:00:00Z", "2026-Q4", "2026-10-09T22:00:00Z", "2026-10-30T23:00:00Z", "2026-10-05", berlin},
		{"2026-12-31T23:30:00Z", "2027-Q1", "2027-01-09T23:00:00Z", "2027-01-30T23:00:00Z", "2027-01-04", berlin},
		{"2026-12-31T22:30:00Z", "2026-Q4", "2026-10-09T22:00:00Z", "2026-10-30T23:00:00Z", "2026-10-05", berlin},
		{"2027-03-31T12:00:00Z", "2027-Q2", "2027-04-09T11:00:00Z", "2027-04-30T11:00:00Z", "2027-04-05", apia},
		// A quarter that begins on a Monday, and one with 29 February.
		{"2024-02-29T12:00:00Z", "2024-Q1", "2024-01-10T00:00:00Z", "2024-01-31T00:00:00Z", "2024-01-01", time.UTC},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		w := d.WaveAt(at, c.zone)
		got := []string{w.Name, w.Opens.UTC().Format(time.RFC3339), w.Closes.UTC().Format(time.RFC3339), w.Week.Format(time.DateOnly)}
		if want := []string{c.name, c.opens, c.closes, c.week}; strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s in %s: %v, want %v", c.at, c.zone, got, want)
		}
		if w.Week.Weekday() != time.Monday || !w.Open(w.Opens) || w.Open(w.Closes) {
			t.Errorf("%s in %s: week %s, open at its end", c.at, c.zone, w.Week)
		}
	}
	// A wave never outlasts its quarter.
	w := Definition{OpensOnDay: 1, OpenForDays: 92}.WaveAt(time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC), time.UTC)
	if w.Closes != time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC) {
		t.Errorf("a wave of 92 days in a quarter of 90 closes on %s", w.Closes)
	}
}

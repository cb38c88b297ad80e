package all_test

import (
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/all"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/internal/reference"
	"github.com/headway-metrics/headway/schema"
)

// TestAWeaknessInAPackageHasOneName: advisory and package name it, so that what two
// tools find, or one finds at two paths, is one finding.
func TestAWeaknessInAPackageHasOneName(t *testing.T) {
	t.Parallel()
	for _, e := range all.Entries() {
		if !slices.Contains(e.Facts, (*schema.Finding)(nil).Table()) {
			continue
		}
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			readme, err := reference.ReadReadme(os.DirFS(root), e)
			if err != nil {
				t.Fatal(err)
			}
			src, err := readme.Make(e)
			if err != nil {
				t.Fatal(err)
			}
			tried := 0
			for _, ev := range samples(t, e, src) {
				facts, err := src.Normalize(ev)
				if err != nil {
					continue // Ignored, or a dead letter on purpose.
				}
				for _, fact := range facts {
					f, ok := fact.(*schema.Finding)
					if !ok || f.Package == "" || f.Kind != schema.FindingVulnerability && f.Kind != schema.FindingLicense {
						continue
					}
					tried++
					if want := schema.Fingerprint(f.Rule, f.Package); f.Fingerprint != want {
						t.Errorf("%s: finding %s has fingerprint %q, want %q", ev.Type, f.FindingID, f.Fingerprint, want)
					}
				}
			}
			if tried == 0 {
				t.Error("testdata has no weakness in a package")
			}
		})
	}
}

// samples are the events of a source's testdata: what its endpoints make of the file
// of their name, or the event files.
func samples(t *testing.T, e collectors.Entry, src collectors.Source) []schema.Event {
	t.Helper()
	dir := filepath.Join(root, reference.Folder(e), "testdata")
	in, ok := src.(collectors.Intake)
	var out []schema.Event
	if !ok {
		for _, ev := range collectortest.Events(t, e.Name, dir) {
			out = append(out, ev)
		}
		return out
	}
	for _, ep := range in.Endpoints() {
		body, err := os.ReadFile(filepath.Join(dir, path.Base(ep.Path)+".json"))
		if err != nil {
			t.Fatal(err)
		}
		events, err := ep.Receiver.Events(http.Header{}, body, collectortest.Time)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, events...)
	}
	return out
}

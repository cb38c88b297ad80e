package all_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/all"
	"github.com/headway-metrics/headway/internal/reference"
)

const root = "../.."

// TestEveryReadme: a source can be connected from its README.md alone. It has the
// sections that need, its headway.yaml is one that works, and its keys are
// explained.
func TestEveryReadme(t *testing.T) {
	t.Parallel()
	for _, e := range all.Entries() {
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
			p, polls := src.(collectors.Poller)
			if asks := polls && p.Interval() > 0; asks != (e.Polls != "") {
				t.Errorf("the source of the example asks: %t; Entry.Polls says %q", asks, e.Polls)
			}
			if sent := len(reference.Paths(src)) > 0; sent != (e.Signature != "") {
				t.Errorf("the source is sent something: %t; Entry.Signature says %q", sent, e.Signature)
			}
			_, mayOpen := e.Config().(interface{ OpenToAll() bool })
			if _, hasKey := reflect.TypeOf(e.Config()).Elem().FieldByName("WithoutToken"); hasKey != mayOpen {
				t.Error("without_token cannot be refused on a public listener: embed generic.Auth")
			}
			for _, key := range reference.Undescribed(e.Config()) {
				t.Errorf("key %s has no description; write one into its jsonschema tag", key)
			}
		})
	}
}

// TestEverySourceFolderIsRegistered: a folder below collectors that has a
// README.md is a source of the registry.
func TestEverySourceFolderIsRegistered(t *testing.T) {
	t.Parallel()
	var registered []string
	for _, e := range all.Entries() {
		registered = append(registered, reference.Folder(e))
	}
	for _, depth := range []string{"*", "*/*"} {
		readmes, err := filepath.Glob(filepath.Join(root, "collectors", depth, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range readmes {
			folder, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(registered, filepath.ToSlash(folder)) {
				t.Errorf("%s has a README.md and no line in collectors/all", folder)
			}
		}
	}
}

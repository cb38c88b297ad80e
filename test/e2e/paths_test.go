package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOtherInfrastructurePathsChangeThePast: the patterns of infrastructure are part of
// what changes were derived by, so that a start with other ones derives them again.
func TestOtherInfrastructurePathsChangeThePast(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop")
	git(t, "init", "--quiet", "--initial-branch", "main", path)
	commit := func(tag string, files ...string) {
		for _, f := range files {
			name := filepath.Join(path, f)
			if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(tag), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		git(t, "-C", path, "add", "--all")
		git(t, "-C", path, "-c", "user.name=Ada", "-c", "user.email=ada@acme.example", "commit", "--quiet", "--message", tag)
		git(t, "-C", path, "tag", tag)
	}
	commit("v1", "app/main.go")
	commit("v2", "app/Dockerfile", "app/main.go")
	commit("v3", "app/docs/guide.md")

	in := newInstallation(t, "sources: {git: {repositories: [{name: shop, url: "+path+", paths: [app/]}]}}\n")
	touched := func() string {
		return strings.Join(strings.Fields(in.headway("sql", "-o", "csv",
			"SELECT title, files_known, infrastructure_path FROM changes_deployed FINAL ORDER BY title")), " ")
	}
	in.polled(in.start("up"), "git")
	in.settle("git")
	if got, want := touched(), "title,files_known,infrastructure_path v2,1,app/Dockerfile v3,1,"; got != want {
		t.Fatalf("by default: %q, want %q", got, want)
	}
	in.stopAll()

	f, err := os.OpenFile(in.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("metrics: {infrastructure_paths: ['.*/docs/.*']}\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	in.start("up")
	in.settle("git")
	if got, want := touched(), "title,files_known,infrastructure_path v2,1, v3,1,app/docs/guide.md"; got != want {
		t.Errorf("by other paths: %q, want %q", got, want)
	}
}

package collectortest

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Packages installs what the package-lock.json of a folder pins and returns its
// node_modules. It is installed once per lock into the user's cache, under the name.
func Packages(t *testing.T, folder, name string) string {
	t.Helper()
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json")) //nolint:gosec // A test names its own folder.
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "headway", name+"-"+hex.EncodeToString(sum[:6]))
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(modules); err != nil { //nolint:gosec // The user says where the cache is.
		install(t, folder, dir)
	}
	return modules
}

// install runs npm in a folder beside the final one and renames it, so that an
// installation that is cut short is never taken for a whole one.
func install(t *testing.T, from, dir string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil { //nolint:gosec // The user says where the cache is.
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "new-"+filepath.Base(dir)+"-") //nolint:usetesting // A rename must not cross file systems.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(fresh) }) //nolint:gosec // The user says where the cache is.
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join(from, name)) //nolint:gosec // A test names its own folder.
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(fresh, name), b, 0o600); err != nil { //nolint:gosec // The user says where the cache is.
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error")
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("installing what %s pins: %v\n%s", from, err, out)
	}
	if err := os.RemoveAll(dir); err != nil { //nolint:gosec // The user says where the cache is.
		t.Fatal(err)
	}
	if err := os.Rename(fresh, dir); err != nil { //nolint:gosec // The user says where the cache is.
		t.Fatal(err)
	}
}

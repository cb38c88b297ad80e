package embedded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// fakeNPM puts a program named npm first on PATH. Its script runs in the
// directory of the install.
func fakeNPM(t *testing.T, script string) {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "npm"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv(EnvLibrary, "")
}

func packageName(t *testing.T) string {
	t.Helper()
	pkg, ok := enginePackages()[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		t.Fatal("these tests need a platform that the engine is built for")
	}
	return pkg
}

func TestInstallEngineOnce(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	fakeNPM(t, `echo "$@" >> `+log+`
test "$1" = ci && grep -q integrity package-lock.json && ! grep -q '"resolved"' package-lock.json || exit 7
mkdir -p node_modules/`+packageName(t)+`; echo lib > node_modules/`+packageName(t)+`/libchdb.so; sleep 0.6
`)
	dir := t.TempDir()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var reports []Progress
	for range 3 {
		wg.Go(func() {
			lib, err := InstallEngine(t.Context(), EngineOptions{Dir: dir, OnProgress: func(p Progress) {
				mu.Lock()
				defer mu.Unlock()
				reports = append(reports, p)
			}})
			if err != nil {
				t.Error(err)
			} else if !isFile(lib) || !strings.HasPrefix(lib, dir) {
				t.Errorf("installed at %s", lib)
			}
		})
	}
	wg.Wait()
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "ci "); n != 1 {
		t.Errorf("npm ran %d times:\n%s", n, b)
	}
	if len(reports) == 0 || reports[len(reports)-1].Bytes == 0 || reports[0].Expected != EngineUnpackedBytes {
		t.Errorf("progress reports: %+v", reports)
	}
	left, err := filepath.Glob(filepath.Join(dir, "install-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestInstallEngineErrors(t *testing.T) {
	t.Run("npm fails", func(t *testing.T) {
		fakeNPM(t, "echo no network >&2; exit 1")
		dir := t.TempDir()
		_, err := InstallEngine(t.Context(), EngineOptions{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), "no network") || !strings.Contains(err.Error(), "npm ping") {
			t.Errorf("got %v", err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "install-*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	})
	t.Run("npm installs nothing", func(t *testing.T) {
		fakeNPM(t, "exit 0")
		_, err := InstallEngine(t.Context(), EngineOptions{Dir: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), "installed no "+packageName(t)) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("npm is missing", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		t.Setenv(EnvLibrary, "")
		_, err := InstallEngine(t.Context(), EngineOptions{Dir: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), "npm was not found on PATH") || !strings.Contains(err.Error(), "apt-get install npm") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		fakeNPM(t, "exec sleep 600")
		ctx, cancel := context.WithCancel(t.Context())
		_, err := InstallEngine(ctx, EngineOptions{Dir: t.TempDir(), OnProgress: func(Progress) { cancel() }})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a library that is not there", func(t *testing.T) {
		t.Setenv(EnvLibrary, "/nonexistent/libchdb.so")
		_, err := InstallEngine(t.Context(), EngineOptions{Dir: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), EnvLibrary) {
			t.Errorf("got %v", err)
		}
	})
}

func TestInstallEngineUsesAnInstalledOne(t *testing.T) {
	fakeNPM(t, "exit 1")
	lib := filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.WriteFile(lib, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := InstallEngine(t.Context(), EngineOptions{Library: lib}); err != nil || got != lib {
		t.Errorf("by option: %q, %v", got, err)
	}
	t.Setenv(EnvLibrary, lib)
	if got, err := InstallEngine(t.Context(), EngineOptions{}); err != nil || got != lib {
		t.Errorf("by environment: %q, %v", got, err)
	}
}

package embedded

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// EnvLibrary names an installed libchdb.so to use instead of fetching one.
const EnvLibrary = "HEADWAY_LIBCHDB"

// Sizes of the engine's package, for progress reports.
const (
	EnginePackedBytes   = 178 << 20
	EngineUnpackedBytes = 566 << 20
)

//go:embed engine/package.json engine/package-lock.json
var engineFiles embed.FS

// enginePackages is the npm package of each platform the engine is built for.
func enginePackages() map[string]string {
	return map[string]string{
		"linux/amd64":  "@chdb/lib-linux-x64-gnu",
		"linux/arm64":  "@chdb/lib-linux-arm64-gnu",
		"darwin/arm64": "@chdb/lib-darwin-arm64",
		"darwin/amd64": "@chdb/lib-darwin-x64",
	}
}

// Progress is one report of a running install.
type Progress struct {
	Elapsed time.Duration
	// Bytes is what has been unpacked so far, Expected what there will be.
	Bytes, Expected int64
}

// EngineOptions choose where the ClickHouse engine comes from.
type EngineOptions struct {
	// Library is an installed libchdb.so; nothing is fetched. Empty means the
	// environment variable HEADWAY_LIBCHDB, and then Dir.
	Library string
	// Dir holds installed engines, one directory a version; empty means
	// headway/engine in the user's cache directory.
	Dir string
	// OnProgress is called about four times a second while npm runs; it may be nil.
	OnProgress func(Progress)
}

// InstallEngine returns the path of the engine's shared library. The first
// call fetches it with npm (178 MB); later calls find it complete. Two
// processes that install at once wait for each other, and an interrupted
// install leaves nothing that is taken for a finished one.
func InstallEngine(ctx context.Context, opts EngineOptions) (string, error) {
	if lib := firstOf(opts.Library, os.Getenv(EnvLibrary)); lib != "" {
		if !isFile(lib) {
			return "", fmt.Errorf("the ClickHouse engine %s (from the configuration or %s) is not a readable file: name the full path of libchdb.so, or unset it to let Headway fetch the engine", lib, EnvLibrary)
		}
		return lib, nil
	}
	pkg, ok := enginePackages()[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return "", fmt.Errorf("the embedded ClickHouse engine is not built for %s/%s: set clickhouse.addresses to a ClickHouse server", runtime.GOOS, runtime.GOARCH)
	}
	version, err := EngineVersion()
	if err != nil {
		return "", err
	}
	base := opts.Dir
	if base == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("finding the user's cache directory for the ClickHouse engine: %w", err)
		}
		base = filepath.Join(cache, "headway", "engine")
	}
	final := filepath.Join(base, version)
	lib := filepath.Join(final, "node_modules", filepath.FromSlash(pkg), "libchdb.so")
	if isFile(lib) {
		return lib, nil
	}
	lock, err := lockShared(ctx, base)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	if isFile(lib) { // Another process installed it while this one waited.
		return lib, nil
	}
	if err := installInto(ctx, base, final, pkg, opts.OnProgress); err != nil {
		return "", fmt.Errorf("installing the ClickHouse engine %s: %w", version, err)
	}
	return lib, nil
}

// EngineVersion is the version of the engine's package that this binary pins.
func EngineVersion() (string, error) {
	b, err := engineFiles.ReadFile("engine/package.json")
	if err != nil {
		return "", fmt.Errorf("reading the engine's manifest: %w", err)
	}
	var m struct {
		OptionalDependencies map[string]string `json:"optionalDependencies"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return "", fmt.Errorf("parsing the engine's manifest: %w", err)
	}
	versions := make([]string, 0, len(m.OptionalDependencies))
	for _, v := range m.OptionalDependencies {
		versions = append(versions, v)
	}
	slices.Sort(versions)
	if versions = slices.Compact(versions); len(versions) != 1 {
		return "", fmt.Errorf("the engine's manifest pins %d versions, want 1", len(versions))
	}
	return versions[0], nil
}

// lockShared waits its turn for the engine directory, however long the holder
// takes: it is downloading the same thing.
func lockShared(ctx context.Context, dir string) (*os.File, error) {
	for {
		f, err := lockDir(ctx, dir)
		var held *HeldError
		if !errors.As(err, &held) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for process %d to install the ClickHouse engine: %w", held.PID, ctx.Err())
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func installInto(ctx context.Context, base, final, pkg string, onProgress func(Progress)) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("npm was not found on PATH, and the engine comes as an npm package: install Node.js with npm (Debian: apt-get install npm), or set %s to an installed libchdb.so, or set clickhouse.addresses to a ClickHouse server", EnvLibrary)
	}
	tmp, err := os.MkdirTemp(base, "install-")
	if err != nil {
		return fmt.Errorf("creating a temporary directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := engineFiles.ReadFile("engine/" + name)
		if err != nil {
			return fmt.Errorf("reading the embedded %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(tmp, name), b, 0o600); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	if err := runNPM(ctx, npm, tmp, onProgress); err != nil {
		return err
	}
	if !isFile(filepath.Join(tmp, "node_modules", filepath.FromSlash(pkg), "libchdb.so")) {
		return fmt.Errorf("npm ended well but installed no %s: this platform's C library may not be glibc; set clickhouse.addresses to a ClickHouse server instead", pkg)
	}
	// An unfinished directory of that name can only be left from an older layout.
	if err := os.RemoveAll(final); err != nil {
		return fmt.Errorf("removing %s: %w", final, err)
	}
	if err := os.Rename(tmp, final); err != nil {
		return fmt.Errorf("moving the finished install into place: %w", err)
	}
	return nil
}

func runNPM(ctx context.Context, npm, dir string, onProgress func(Progress)) error {
	// No script of a package runs: the package is data, and its integrity is checked.
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error")
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting npm: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	start := time.Now()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if ctx.Err() != nil {
				return fmt.Errorf("npm was stopped: %w", ctx.Err())
			}
			if err != nil {
				return fmt.Errorf("npm ci failed (%w); it printed:\n%s\ncheck that this machine reaches its npm registry (npm ping) and that %s has 1 GB free", err, strings.TrimSpace(out.String()), dir)
			}
			return nil
		case <-tick.C:
			if onProgress != nil {
				onProgress(Progress{Elapsed: time.Since(start), Bytes: dirBytes(dir), Expected: EngineUnpackedBytes})
			}
		}
	}
}

// dirBytes is the size of the files below dir; files that vanish meanwhile count nothing.
func dirBytes(dir string) int64 {
	var n int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // A file npm moved away is not an error of the count.
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n
}

func isFile(path string) bool {
	st, err := os.Stat(path) //nolint:gosec // The operator names the path.
	return err == nil && st.Mode().IsRegular()
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
